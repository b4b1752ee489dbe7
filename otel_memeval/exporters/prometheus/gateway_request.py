"""Send one request to a Pushgateway, with a deadline. Nothing is retried and nothing is raised here."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Literal

import msgspec
import requests

from otel_memeval.exporters.http_request import HttpClient, HttpResponse, root_cause
from otel_memeval.exporters.prometheus.gateway import Gateway
from otel_memeval.redact import shortened, visible

JOB = "memeval"

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
"""Label values that a path can hold as they are."""
_CONNECTION = re.compile(r"^(?:<\S+ object at \w+>|\w+\(host=.*?\)): ")
"""The beginning of an error of urllib3."""
_LARGEST_RESPONSE_BYTES = 64 << 20
"""Room for the list of all groups with all their metrics."""
_LONGEST_REASON = 200


class GatewayResult(msgspec.Struct, frozen=True):
    """Result of one request. ``refused``: a retry cannot help; ``unreachable``: no answer in time."""

    outcome: Literal["accepted", "refused", "unreachable"]
    reason: str = ""
    """For the user; may contain text of the server."""
    body: bytes = b""


def group_path(labels: Mapping[str, str]) -> str:
    """Return the path of a group, such as ``/metrics/job/memeval/eval@base64/YS9i``.

    https://github.com/prometheus/pushgateway/blob/v1.5.1/README.md#url: base64 encodes values that a path cannot hold, the
    empty value included, and keeps proxies from removing ``..``.
    """
    parts = [f"/metrics/job/{JOB}"]
    for name, value in labels.items():
        if _PLAIN.fullmatch(value):
            parts.append(f"{name}/{value}")
        else:
            coded = base64.urlsafe_b64encode(value.encode("utf-8", "backslashreplace")).decode()
            parts.append(f"{name}@base64/{coded or '='}")
    return "/".join(parts)


def request(gateway: Gateway, method: str, path: str, body: bytes, timeout_seconds: float) -> GatewayResult:
    """Send a request and return its result, at the latest after ``timeout_seconds`` in all."""
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
        size = _LARGEST_RESPONSE_BYTES
        return _result(client.request(method, url, body, timeout_seconds=timeout_seconds, largest_response_bytes=size))
    except requests.exceptions.Timeout:
        return GatewayResult("unreachable", f"no answer within {timeout_seconds:.0f} seconds")
    except (requests.exceptions.SSLError, requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader) as error:
        return GatewayResult("refused", _reason(error))
    except Exception as error:  # noqa: BLE001 - any error on the way to the server
        return GatewayResult("unreachable", _reason(error))
    finally:
        client.close()


def _result(response: HttpResponse) -> GatewayResult:
    if 200 <= response.status < 300:
        if response.headers.get("content-type", "").lower().startswith("text/html"):  # a proxy, or a page to log in
            return GatewayResult("refused", "the server is not a Pushgateway")
        return GatewayResult("accepted", body=response.body)
    reason = response.reason
    text = response.body.decode("utf-8", "replace").strip()
    if text and not text.startswith("<") and response.status == 400:
        reason += f": {text}"
    # A proxy answers 502 to 504 while the gateway behind it restarts.
    return GatewayResult("unreachable" if response.status in (502, 503, 504) else "refused", _line(reason))


def _reason(error: BaseException) -> str:
    """Return the cause of an error without urllib3's description of the connection."""
    return _line(_CONNECTION.sub("", str(root_cause(error))) or type(error).__name__)


def _line(text: str) -> str:
    return shortened(visible(" ".join(text.split())), _LONGEST_REASON)
