"""Open the connection to one receiver."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from google.protobuf.message import Message

from otel_memeval.exporters.otlp.delivery.send_result import SendResult
from otel_memeval.exporters.otlp.settings import Destination, Signal


class Transport(Protocol):
    """A connection to one receiver. It sends one request for each batch, retries nothing and raises nothing."""

    def send(self, message: Message, timeout_seconds: float) -> SendResult:
        """Send one batch and wait for the response."""

    def close(self) -> None:
        """Cancel requests under way and close the connection."""


def open_transport(signal: Signal, destination: Destination) -> Transport:
    """Return the transport of a destination; nothing is sent yet. Raises ``OSError`` for a certificate that cannot be read.

    Only the library of the destination's protocol is imported: each takes some megabytes.
    """
    for file in (destination.certificate, destination.client_certificate, destination.client_key):
        if file:
            Path(file).open("rb").close()
    if destination.protocol == "grpc":
        from otel_memeval.exporters.otlp.delivery.grpc_transport import GrpcTransport

        return GrpcTransport(signal, destination)
    from otel_memeval.exporters.otlp.delivery.http_transport import HttpTransport

    return HttpTransport(signal, destination)
