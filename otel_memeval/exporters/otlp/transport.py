"""One request, one answer: over HTTP or gRPC. Nothing is tried again here, and nothing is raised."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Protocol

import grpc
import requests
from google.protobuf.message import Message

from otel_memeval.exporters.otlp.answer import Answer, of_code, of_status
from otel_memeval.exporters.otlp.messages import rejected
from otel_memeval.exporters.otlp.settings import Destination
from otel_memeval.exporters.otlp.signals import Signal
from otel_memeval.version import __version__

_USER_AGENT = f"otel-memeval/{__version__}"
_LARGEST_ANSWER_BYTES = 65_536
_METHODS: dict[Signal, str] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}


class Transport(Protocol):
    """A way to one receiver."""

    def send(self, message: Message, timeout_seconds: float) -> Answer:
        """Send one message and wait for the answer."""

    def close(self) -> None:
        """End what is under way."""


def connect(signal: Signal, destination: Destination) -> Transport:
    """The way to a receiver; nothing is sent yet. Raises ``OSError`` for a certificate that cannot be read."""
    for file in (destination.certificate, destination.client_certificate, destination.client_key):
        if file:
            open(file, "rb").close()
    return Grpc(signal, destination) if destination.protocol == "grpc" else Http(signal, destination)


class Http:
    """OTLP/HTTP with binary protobuf."""

    def __init__(self, signal: Signal, destination: Destination) -> None:
        self._signal = signal
        self._destination = destination
        self._session = requests.Session()
        self._session.verify = destination.certificate or True
        if destination.client_certificate:
            key = destination.client_key
            self._session.cert = (destination.client_certificate, key) if key else destination.client_certificate
        self._session.headers.update(
            {"content-type": "application/x-protobuf", "user-agent": _USER_AGENT, **dict(destination.headers)}
        )
        if destination.compression != "none":
            self._session.headers["content-encoding"] = destination.compression

    def send(self, message: Message, timeout_seconds: float) -> Answer:
        """One POST; a redirect is not followed."""
        body = message.SerializeToString()
        if self._destination.compression == "gzip":
            body = gzip.compress(body, 6)
        elif self._destination.compression == "deflate":
            body = zlib.compress(body)
        try:
            with self._session.post(
                self._destination.endpoint, data=body, timeout=timeout_seconds, allow_redirects=False, stream=True
            ) as response:
                answer = response.raw.read(_LARGEST_ANSWER_BYTES, decode_content=True)
                return self._answer(response, answer)
        except (
            requests.exceptions.InvalidURL,
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidHeader,
        ) as error:
            return Answer(kind="refused", reason=_reason(error))
        except Exception as error:  # noqa: BLE001 - whatever stands between here and there
            return Answer(kind="later", reason=_reason(error))

    def _answer(self, response: requests.Response, body: bytes) -> Answer:
        kind = of_status(response.status_code)
        if kind == "delivered":
            count, why = rejected(self._signal, body)
            return Answer(kind="rejected", rejected=count, reason=why) if count else Answer(kind="delivered", reason=why)
        wait = retry_after_seconds(response.headers.get("retry-after"), time.time())
        reason = f"HTTP {response.status_code} {response.reason or ''}".strip()
        return Answer(kind=kind, reason=reason, retry_after_seconds=wait)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class Grpc:
    """OTLP/gRPC."""

    def __init__(self, signal: Signal, destination: Destination) -> None:
        self._signal = signal
        compression = grpc.Compression.Gzip if destination.compression == "gzip" else grpc.Compression.NoCompression
        options = [("grpc.primary_user_agent", _USER_AGENT)]
        if destination.insecure:
            self._channel = grpc.insecure_channel(destination.endpoint, options=options, compression=compression)
        else:
            credentials = grpc.ssl_channel_credentials(
                _content(destination.certificate), _content(destination.client_key), _content(destination.client_certificate)
            )
            self._channel = grpc.secure_channel(destination.endpoint, credentials, options=options, compression=compression)
        self._call = self._channel.unary_unary(_METHODS[signal], _serialized, bytes)
        self._headers = tuple((name.lower(), value) for name, value in destination.headers)

    def send(self, message: Message, timeout_seconds: float) -> Answer:
        """One call."""
        try:
            body = self._call(message, timeout=timeout_seconds, metadata=self._headers)
        except grpc.RpcError as error:
            return self._error(error)
        except Exception as error:  # noqa: BLE001 - metadata that cannot be sent, a channel that is closed
            return Answer(kind="refused", reason=_reason(error))
        count, why = rejected(self._signal, body)
        return Answer(kind="rejected", rejected=count, reason=why) if count else Answer(kind="delivered", reason=why)

    def _error(self, error: grpc.RpcError) -> Answer:
        name = error.code().name
        wait = None
        trailing: Iterable[tuple[str, bytes | str]] = error.trailing_metadata() or ()  # type: ignore[assignment] # said wrong
        for key, value in trailing:
            if key == "google.rpc.retryinfo-bin":
                wait = _retry_info_seconds(value)
        return Answer(kind=of_code(name), reason=f"{name}: {error.details()}"[:200], retry_after_seconds=wait)

    def close(self) -> None:
        """Cancel what is under way."""
        self._channel.close()


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()


def _content(file: str) -> bytes | None:
    if not file:
        return None
    with open(file, "rb") as opened:
        return opened.read()


def _retry_info_seconds(value: bytes | str) -> float | None:
    from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped] # has none

    try:
        delay = RetryInfo.FromString(value).retry_delay
    except Exception:  # noqa: BLE001 - not what it says it is
        return None
    return float(delay.seconds) + float(delay.nanos) / 1e9


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """Seconds that ``Retry-After`` asks for, as a number or as a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        return min(max(float(int(value.strip())), 0.0), 86_400.0)
    except ValueError:
        pass
    try:
        return min(max(parsedate_to_datetime(value).timestamp() - now, 0.0), 86_400.0)
    except (TypeError, ValueError, OverflowError):
        return None


def _reason(error: BaseException) -> str:
    """What went wrong, without the layers around it."""
    inner: BaseException = error
    while (
        isinstance(inner, requests.exceptions.RequestException) and inner.args and isinstance(inner.args[0], BaseException)
    ):
        inner = inner.args[0]
    reason = getattr(inner, "reason", None)
    return f"{type(error).__name__}: {reason or inner}"[:300]
