"""Sends what earlier runs left in the spool: in order, each batch until it is answered, nothing twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from otel_memeval.exporters.otlp.delivery import spool
from otel_memeval.exporters.otlp.delivery.protobuf import Unreadable, read_line
from otel_memeval.exporters.otlp.delivery.send_result import Answer
from otel_memeval.exporters.otlp.delivery.transport import Transport, connect
from otel_memeval.exporters.otlp.settings import OtlpSettings, shown_address
from otel_memeval.exporters.otlp.signals import Signal

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 5.0


class Sent(msgspec.Struct, kw_only=True):
    """What became of what was found: numbers of batches."""

    delivered: int = 0
    rejected: int = 0
    """Answered and not taken; set aside."""
    unwanted: int = 0
    """Of a signal that the receiver does not take."""
    undelivered: int = 0


class Replay:
    """One replay. ``tell`` gets lines for a person; ``stop`` ends it between two batches."""

    def __init__(
        self, settings: OtlpSettings, patience_seconds: float, tell: Callable[[str], None], stop: threading.Event
    ) -> None:
        self._settings = settings
        self._patience_seconds = patience_seconds
        self._tell = tell
        self._stop = stop
        self._transports: dict[Signal, Transport] = {}
        self._end = time.monotonic() + patience_seconds
        """When to give up; each delivery puts it off."""
        self._given_up: set[Signal] = set()
        self.sent = Sent()

    def folder(self, root: Path) -> None:
        """Everything in a spool. Runs that another process holds are waited for."""
        left = spool.runs(root)
        while left and not self._stop.is_set():
            busy = [folder for folder in left if not self._run(folder)]
            if busy and time.monotonic() > self._end:
                break
            if busy == left:
                self._stop.wait(0.2)
            left = busy
        self.sent.undelivered = spool.undelivered(root)

    def _run(self, folder: Path) -> bool:
        """One run's batches; False if another process holds them."""
        with spool.held(folder) as holding:
            if holding:
                for path in spool.batches(folder):
                    if self._stop.is_set():
                        break
                    self._batch(path)
        return holding or not folder.exists()

    def _batch(self, path: Path) -> None:
        try:
            answer = self._line(path.read_bytes())
        except OSError as error:
            self._tell(f"{path}: {error.strerror}")
            return
        if answer is None or answer.kind in ("later", "refused"):
            return
        if answer.kind == "rejected":
            self._tell(f"{spool.set_aside(path)}: rejected: {answer.reason}")
        else:
            path.unlink()

    def files(self, paths: list[Path]) -> None:
        """OTLP-JSON files, line by line; they stay as they are. Raises ``OSError``."""
        for line in self._lines(paths):
            answer = None if self._stop.is_set() else self._line(line)
            if answer is None or answer.kind in ("later", "refused"):
                self.sent.undelivered += 1
            elif answer.kind == "rejected":
                self._tell(f"rejected: {answer.reason}")

    def _lines(self, paths: list[Path]) -> Iterator[bytes]:
        for path in paths:
            with path.open("rb") as file:
                yield from (line for line in file if line.strip())

    def _line(self, line: bytes) -> Answer | None:
        """The final answer; None if there is nowhere to send it, or no answer came in time."""
        try:
            signal, message, _ = read_line(line)
        except Unreadable as error:
            self.sent.rejected += 1
            return Answer(kind="rejected", reason=str(error))
        destination = self._settings.destinations.get(signal)
        if destination is None or signal in self._given_up:
            return None
        address = shown_address(destination.endpoint)
        wait = FIRST_WAIT_SECONDS
        while True:
            answer = self._send(signal, message)
            if answer.kind != "later":
                break
            pause = wait if answer.retry_after_seconds is None else answer.retry_after_seconds
            if time.monotonic() + pause > self._end or self._stop.wait(pause):
                break
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        if answer.kind == "unknown-signal" and (destination.own_endpoint or signal == "traces"):
            answer = msgspec.structs.replace(answer, kind="refused")
        if answer.kind in ("later", "refused"):
            self._given_up.add(signal)
            self._tell(f"{signal} were not delivered to {address}: {answer.reason}")
        elif answer.kind == "rejected":
            self.sent.rejected += 1
        elif answer.kind == "unknown-signal":
            if not self.sent.unwanted:
                self._tell(f"{address} takes no {signal} ({answer.reason})")
            self.sent.unwanted += 1
        else:
            self.sent.delivered += 1
            self._end = time.monotonic() + self._patience_seconds
        return answer

    def _send(self, signal: Signal, message: object) -> Answer:
        from google.protobuf.message import Message

        assert isinstance(message, Message)
        destination = self._settings.destinations[signal]
        try:
            if signal not in self._transports:
                self._transports[signal] = connect(signal, destination)
            return self._transports[signal].send(message, destination.timeout_seconds)
        except OSError as error:
            return Answer(kind="refused", reason=f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Close the connections."""
        for transport in self._transports.values():
            transport.close()
