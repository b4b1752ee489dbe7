"""Send batches of one signal to its receiver, and judge the results."""

from __future__ import annotations

import contextlib

import msgspec
from google.protobuf.message import Message

from otel_memeval.exporters.otlp.delivery.protobuf import Unreadable, read_line
from otel_memeval.exporters.otlp.delivery.send_result import SendResult
from otel_memeval.exporters.otlp.delivery.transport import Transport, open_transport
from otel_memeval.exporters.otlp.settings import Destination, Signal, shown_address

FIRST_RETRY_SECONDS = 0.5


class SignalClient:
    """Sends batches of one signal; the connection is opened with the first batch, or before it by ``connect``."""

    def __init__(self, signal: Signal, destination: Destination) -> None:
        self.address = shown_address(destination.endpoint)
        self._signal = signal
        self._destination = destination
        self._transport: Transport | None = None

    def connect(self) -> Transport:
        """Open the connection if it is not open. Raises ``OSError`` for a certificate that cannot be read."""
        if self._transport is None:
            self._transport = open_transport(self._signal, self._destination)
        return self._transport

    def send(self, message: Message) -> SendResult:
        """Send one batch once and return the result."""
        try:
            result = self.connect().send(message, self._destination.timeout_seconds)
        except Unreadable as error:
            return SendResult(outcome="unreadable", reason=str(error))
        except Exception as error:  # noqa: BLE001 - a certificate or a library that cannot be used; the batch is kept
            return SendResult(outcome="refused", reason=f"{type(error).__name__}: {error}"[:300])
        # Every receiver takes spans, and one that is named for a signal takes that signal: the address must be wrong.
        if result.outcome == "unsupported" and (self._destination.own_endpoint or self._signal == "traces"):
            return msgspec.structs.replace(result, outcome="refused")
        return result

    def send_line(self, line: bytes) -> SendResult:
        """Send one batch, encoded as a line of OTLP-JSON, once and return the result."""
        try:
            _, message = read_line(line)
        except Unreadable as error:
            return SendResult(outcome="unreadable", reason=str(error))
        return self.send(message)

    def close(self) -> None:
        """Cancel requests under way, as far as possible, and close the connection."""
        if self._transport is not None:
            with contextlib.suppress(Exception):
                self._transport.close()


class RetryPause:
    """Seconds to wait before a batch is sent again: doubled each time, unless the receiver asks for a pause."""

    def __init__(self, longest_seconds: float) -> None:
        self._longest_seconds = longest_seconds
        self._seconds = FIRST_RETRY_SECONDS

    def next_seconds(self, result: SendResult) -> float:
        """Return the seconds to wait, the receiver's own wish first; the next pause is twice as long."""
        pause_seconds = self._seconds
        self._seconds = min(2 * pause_seconds, self._longest_seconds)
        return pause_seconds if result.retry_after_seconds is None else result.retry_after_seconds

    def reset(self) -> None:
        """Begin again with the first pause."""
        self._seconds = FIRST_RETRY_SECONDS
