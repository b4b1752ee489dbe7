"""Send OTLP over HTTP: https://opentelemetry.io/docs/specs/otlp/#otlphttp."""

from __future__ import annotations

import gzip
import time
import zlib

import requests
from google.protobuf.message import Message

from otel_memeval.exporters.http_request import HttpClient, HttpResponse, root_cause
from otel_memeval.exporters.otlp.delivery.protobuf import encode_message, of_response
from otel_memeval.exporters.otlp.delivery.send_result import SendResult, outcome_of_status, retry_after_seconds
from otel_memeval.exporters.otlp.settings import Destination, Signal

_LARGEST_RESPONSE_BYTES = 65_536
"""A receiver's message about a rejected batch is far smaller."""


class HttpTransport:
    """OTLP/HTTP with binary protobuf."""

    def __init__(self, signal: Signal, destination: Destination) -> None:
        self._signal = signal
        self._destination = destination
        encoding = {} if destination.compression == "none" else {"content-encoding": destination.compression}
        username, password = requests.utils.get_auth_from_url(destination.endpoint)
        self._client = HttpClient(
            headers={"content-type": "application/x-protobuf", **dict(destination.headers), **encoding},
            ca_file=destination.certificate,
            certificate=destination.client_certificate,
            key=destination.client_key,
            username=username,
            password=password,
        )

    def send(self, message: Message, timeout_seconds: float) -> SendResult:
        """Send one message in one POST request and judge the response. Raises ``Unreadable``."""
        body = encode_message(message)
        if self._destination.compression == "gzip":
            body = gzip.compress(body, 6)
        elif self._destination.compression == "deflate":
            body = zlib.compress(body)
        try:
            response = self._client.request(
                "POST",
                self._destination.endpoint,
                body,
                timeout_seconds=timeout_seconds,
                largest_response_bytes=_LARGEST_RESPONSE_BYTES,
            )
            return self._judge(response)
        except (
            requests.exceptions.InvalidURL,
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidHeader,
            requests.exceptions.ContentDecodingError,
        ) as error:
            return SendResult(outcome="refused", reason=_reason(error))
        except Exception as error:  # noqa: BLE001 - anything can fail between here and the receiver
            return SendResult(outcome="retry", reason=_reason(error), answered=False)

    def _judge(self, response: HttpResponse) -> SendResult:
        """Return the result that a response stands for."""
        outcome = outcome_of_status(response.status)
        if outcome == "delivered":
            media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return of_response(self._signal, response.body, media_type)
        wait = retry_after_seconds(response.headers.get("retry-after"), time.time())
        return SendResult(outcome=outcome, reason=response.reason, retry_after_seconds=wait)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _reason(error: BaseException) -> str:
    """Return type and cause of an error in at most 300 characters."""
    return f"{type(error).__name__}: {root_cause(error)}"[:300]
