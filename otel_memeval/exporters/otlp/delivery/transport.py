"""A way to one receiver: one request, one answer. Nothing is tried again here, and nothing is raised."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from google.protobuf.message import Message

from otel_memeval.exporters.otlp.delivery.send_result import Answer
from otel_memeval.exporters.otlp.settings import Destination
from otel_memeval.exporters.otlp.signals import Signal


class Transport(Protocol):
    """A way to one receiver."""

    def send(self, message: Message, timeout_seconds: float) -> Answer:
        """Send one message and wait for the answer."""

    def close(self) -> None:
        """End what is under way."""


def connect(signal: Signal, destination: Destination) -> Transport:
    """The way to a receiver; nothing is sent yet. Raises ``OSError`` for a certificate that cannot be read.

    Only the protocol's own library is imported: each takes some megabytes.
    """
    for file in (destination.certificate, destination.client_certificate, destination.client_key):
        if file:
            Path(file).open("rb").close()
    if destination.protocol == "grpc":
        from otel_memeval.exporters.otlp.delivery.grpc_transport import Grpc

        return Grpc(signal, destination)
    from otel_memeval.exporters.otlp.delivery.http_transport import Http

    return Http(signal, destination)
