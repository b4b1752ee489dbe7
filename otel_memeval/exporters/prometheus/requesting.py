"""One request to a Pushgateway, answered or given up in time. Nothing is tried again here, and nothing is raised."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Mapping
from typing import Literal

import msgspec
import requests

from otel_memeval.exporters.http_request import HttpClient, HttpResponse, root_cause
from otel_memeval.exporters.prometheus.gateway import Gateway
from otel_memeval.redact import shortened, visible

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
    client = HttpClient(
        headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"} if body else {},
        ca_file=gateway.ca_file,
        certificate=gateway.certificate,
        key=gateway.key,
        username=gateway.username,
        password=gateway.password,
    )
    try:
        url = gateway.url + path
        size = _LARGEST_ANSWER_BYTES
        return _answer(client.request(method, url, body, timeout_seconds=timeout_seconds, largest_response_bytes=size))
    except requests.exceptions.Timeout:
        return Answer("absent", f"no answer within {timeout_seconds:.0f} seconds")
    except (requests.exceptions.SSLError, requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader) as error:
        return Answer("refused", _reason(error))
    except Exception as error:  # noqa: BLE001 - whatever stands between here and there
        return Answer("absent", _reason(error))
    finally:
        client.close()


def _answer(response: HttpResponse) -> Answer:
    if 200 <= response.status < 300:
        return Answer("taken", body=response.body)
    reason = response.reason
    text = response.body.decode("utf-8", "replace").strip()
    if text and not text.startswith("<") and response.status == 400:
        reason += f": {text}"
    # A gateway that is being restarted behind a proxy is not there.
    return Answer("absent" if response.status in (502, 503, 504) else "refused", _line(reason))


def _reason(error: BaseException) -> str:
    """Return the cause of an error without urllib3's description of the connection."""
    return _line(_CONNECTION.sub("", str(root_cause(error))) or type(error).__name__)


def _line(text: str) -> str:
    return shortened(visible(" ".join(text.split())), _MOST_SHOWN)
