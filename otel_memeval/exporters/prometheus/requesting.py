"""One request to a Pushgateway, answered or given up in time. Nothing is tried again here, and nothing is raised."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Mapping
from typing import Literal

import msgspec
import requests

from otel_memeval.exporters.prometheus.gateway import Gateway
from otel_memeval.redact import shortened, visible
from otel_memeval.version import USER_AGENT

JOB = "memeval"

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_CONNECTION = re.compile(r"^(?:<\S+ object at \w+>|\w+\(host=.*?\)): ")
"""What urllib3 begins with."""
_LARGEST_ANSWER_BYTES = 64 << 20
"""The list of all groups with all their metrics."""
_MOST_SHOWN = 200


class Answer(msgspec.Struct, frozen=True):
    """``taken``; ``refused``: somebody has to change something first; ``absent``: nobody answered in time."""

    kind: Literal["taken", "refused", "absent"]
    reason: str = ""
    """What to tell a person; may hold what the other side wrote."""
    body: bytes = b""


def group_path(labels: Mapping[str, str]) -> str:
    """The path of a group, such as ``/metrics/job/memeval/eval@base64/YS9i``.

    https://github.com/prometheus/pushgateway/blob/v1.5.1/README.md#url: base64 for whatever a path cannot hold; that is also
    how an empty label is written, and keeps a proxy from cleaning ``..`` away.
    """
    parts = [f"/metrics/job/{JOB}"]
    for name, value in labels.items():
        if _PLAIN.fullmatch(value):
            parts.append(f"{name}/{value}")
        else:
            coded = base64.urlsafe_b64encode(value.encode("utf-8", "backslashreplace")).decode()
            parts.append(f"{name}@base64/{coded or '='}")
    return "/".join(parts)


def request(gateway: Gateway, method: str, path: str, body: bytes, timeout_seconds: float) -> Answer:
    """Ask once; no redirect is followed. After ``timeout_seconds`` in all it is given up, whatever it waits for."""
    answers: list[Answer] = []
    # Timeouts of sockets count anew with every byte, and do not count the name's resolution.
    asking = threading.Thread(
        target=lambda: answers.append(_asked(gateway, method, path, body, timeout_seconds)), name="pushgateway", daemon=True
    )
    asking.start()
    asking.join(timeout_seconds)
    return answers[0] if answers else Answer("absent", f"no answer within {timeout_seconds:.0f} seconds")


def _asked(gateway: Gateway, method: str, path: str, body: bytes, timeout_seconds: float) -> Answer:
    headers = {"user-agent": USER_AGENT}
    if body:
        headers["content-type"] = "text/plain; version=0.0.4; charset=utf-8"
    client = (gateway.certificate, gateway.key) if gateway.key else gateway.certificate
    try:
        with (
            requests.Session() as session,
            session.request(
                method,
                gateway.url + path,
                data=body,
                headers=headers,
                timeout=timeout_seconds,
                allow_redirects=False,
                stream=True,
                # Said with the request: of a session, requests lets REQUESTS_CA_BUNDLE and .netrc go before it.
                verify=gateway.ca_file or True,
                cert=client or None,
                auth=lambda prepared: _authorized(gateway, prepared),
            ) as response,
        ):
            said = response.raw.read(_LARGEST_ANSWER_BYTES, decode_content=True)
            return _answer(response, said)
    except requests.exceptions.Timeout:
        return Answer("absent", f"no answer within {timeout_seconds:.0f} seconds")
    except (requests.exceptions.SSLError, requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader) as error:
        return Answer("refused", _reason(error))
    except Exception as error:  # noqa: BLE001 - whatever stands between here and there
        return Answer("absent", _reason(error))


def _authorized(gateway: Gateway, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    if gateway.username or gateway.password:
        requests.auth.HTTPBasicAuth(gateway.username.encode(), gateway.password.encode())(prepared)
    return prepared


def _answer(response: requests.Response, body: bytes) -> Answer:
    if 200 <= response.status_code < 300:
        return Answer("taken", body=body)
    reason = f"HTTP {response.status_code} {response.reason or ''}".strip()
    said = body.decode("utf-8", "replace").strip()
    if said and not said.startswith("<") and response.status_code == 400:
        reason += f": {said}"
    # A gateway that is being restarted behind a proxy is not there.
    return Answer("absent" if response.status_code in (502, 503, 504) else "refused", _line(reason))


def _reason(error: BaseException) -> str:
    """What went wrong, without the layers around it."""
    inner: BaseException = error
    while (
        isinstance(inner, requests.exceptions.RequestException) and inner.args and isinstance(inner.args[0], BaseException)
    ):
        inner = inner.args[0]
    reason = getattr(inner, "reason", None) or inner
    return _line(_CONNECTION.sub("", str(reason)) or type(error).__name__)


def _line(text: str) -> str:
    return shortened(visible(" ".join(text.split())), _MOST_SHOWN)
