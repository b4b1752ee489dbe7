"""Send OTLP over gRPC: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped] # has none
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from otel_memeval.exporters.otlp.delivery.protobuf import encode_message, of_response
from otel_memeval.exporters.otlp.delivery.send_result import SendResult, outcome_of_code
from otel_memeval.exporters.otlp.settings import LONGEST_SECONDS, Destination, Signal
from otel_memeval.version import USER_AGENT

_METHODS: dict[Signal, str] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}


class GrpcTransport:
    """OTLP/gRPC."""

    def __init__(self, signal: Signal, destination: Destination) -> None:
        self._signal = signal
        compression = grpc.Compression.Gzip if destination.compression == "gzip" else grpc.Compression.NoCompression
        # A channel waits up to two minutes before it connects again; here the sender decides when to try again.
        options = [
            ("grpc.primary_user_agent", USER_AGENT),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 500),
        ]
        if destination.insecure:
            self._channel = grpc.insecure_channel(destination.endpoint, options=options, compression=compression)
        else:
            credentials = grpc.ssl_channel_credentials(
                _content(destination.certificate), _content(destination.client_key), _content(destination.client_certificate)
            )
            self._channel = grpc.secure_channel(destination.endpoint, credentials, options=options, compression=compression)
        self._call = self._channel.unary_unary(_METHODS[signal], bytes, bytes)
        self._headers = tuple((name.lower(), value) for name, value in destination.headers)

    def send(self, message: Message, timeout_seconds: float) -> SendResult:
        """Send one message in one call and judge the response. Raises ``Unreadable``."""
        encoded = encode_message(message)
        try:
            body = self._call(encoded, timeout=timeout_seconds, metadata=self._headers)
        except grpc.RpcError as error:
            return self._judge(error)
        except Exception as error:  # noqa: BLE001 - metadata that cannot be sent, a channel that is closed
            return SendResult(outcome="refused", reason=f"{type(error).__name__}: {error}"[:300])
        return of_response(self._signal, body)

    def _judge(self, error: grpc.RpcError) -> SendResult:
        name = error.code().name
        trailing: Iterable[tuple[str, bytes | str]] = error.trailing_metadata() or ()  # type: ignore[assignment] # said wrong
        waits = [seconds for key, value in trailing if (seconds := _retry_info_seconds(key, value)) is not None]
        return SendResult(
            outcome=outcome_of_code(name),
            reason=f"{name}: {error.details()}"[:200],
            retry_after_seconds=waits[0] if waits else None,
            answered=name != "UNAVAILABLE",
        )

    def close(self) -> None:
        """Cancel calls under way and close the channel."""
        self._channel.close()


def _content(file: str) -> bytes | None:
    return Path(file).read_bytes() if file else None


def _retry_info_seconds(key: str, value: bytes | str) -> float | None:
    """Return the pause that an item of the trailing metadata asks for.

    The specification has it in the details of the status; some receivers send it by itself.
    """
    info = RetryInfo()
    try:
        if key == "google.rpc.retryinfo-bin":
            info.ParseFromString(value)
        elif key != "grpc-status-details-bin" or not any(part.Unpack(info) for part in Status.FromString(value).details):
            return None
    except Exception:  # noqa: BLE001 - another content than its name says
        return None
    seconds = float(info.retry_delay.seconds) + float(info.retry_delay.nanos) / 1e9
    return min(max(seconds, 0.0), LONGEST_SECONDS)
