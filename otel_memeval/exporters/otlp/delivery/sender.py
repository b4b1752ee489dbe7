"""Sends the batches of one signal, in order, each until the receiver has answered; a thread of its own."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from otel_memeval.exporters.otlp.delivery.protobuf import Unreadable, read_line
from otel_memeval.exporters.otlp.delivery.send_result import Answer
from otel_memeval.exporters.otlp.delivery.transport import Transport, connect
from otel_memeval.exporters.otlp.settings import Destination
from otel_memeval.exporters.otlp.signals import Signal

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What waits to be sent: a file of the spool, or the line itself where the spool had no room."""

    count: int
    """Spans, metrics or records."""
    path: Path | None = None
    line: bytes = b""


class State(msgspec.Struct, kw_only=True):
    """What a sender has seen so far."""

    delivered: int = 0
    failures: int = 0
    """Answers, or silences, that were no delivery."""
    rejected: int = 0
    """Items that the receiver answered it would not take."""
    reason: str = ""
    """Of the last failure."""
    unknown_signal: bool = False
    last_delivery: float = 0.0


class Sender:
    """``settle`` is told what became of a batch, in this thread: True when it is delivered, False when it is rejected."""

    def __init__(self, signal: Signal, destination: Destination, settle: Callable[[Batch, bool], None]) -> None:
        self._signal = signal
        self._destination = destination
        self._settle = settle
        self._waiting: deque[Batch] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._transport: Transport | None = None
        self.state = State()
        self._thread = threading.Thread(target=self._work, name=f"otlp-{signal}", daemon=True)
        self._thread.start()

    def put(self, batch: Batch) -> None:
        """Send it when those before it have been."""
        with self._changed:
            self._waiting.append(batch)
            self._changed.notify()

    @property
    def waiting(self) -> list[Batch]:
        """What is not delivered."""
        with self._changed:
            return list(self._waiting)

    def begin_closing(self) -> None:
        """No more batches come: send what waits at once, and give up at the first answer that is none."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def join(self, seconds: float) -> bool:
        """Wait; whether the thread has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """End what is under way, as far as it can be."""
        if self._transport is not None:
            with contextlib.suppress(Exception):
                self._transport.close()

    def _work(self) -> None:
        with contextlib.suppress(OSError):  # told when something is sent
            self._transport = connect(self._signal, self._destination)  # imports: now, and not in the middle of the run
        wait = FIRST_WAIT_SECONDS
        while (batch := self._next()) is not None:
            answer = self._send(batch)
            if answer.kind == "unknown-signal" and (self._destination.own_endpoint or self._signal == "traces"):
                answer = msgspec.structs.replace(answer, kind="refused")
            if answer.kind in ("delivered", "rejected", "unknown-signal"):
                wait = FIRST_WAIT_SECONDS
                self._answered(batch, answer)
                continue
            self.state.failures += 1
            self.state.reason = answer.reason
            asked = answer.retry_after_seconds
            # A refusal stays one while this run goes on; at its end nobody waits for a receiver that is not there.
            if answer.kind == "refused" or (self._closing and not answer.reached):
                return
            self._pause(wait if asked is None else asked, keep=asked is not None or self._closing)
            wait = FIRST_WAIT_SECONDS if self._closing else min(2 * wait, LONGEST_WAIT_SECONDS)

    def _next(self) -> Batch | None:
        """The first of what waits; None when nothing does and nothing more will come."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            return self._waiting[0] if self._waiting else None

    def _pause(self, seconds: float, *, keep: bool) -> None:
        """Wait before the next attempt; unless it is to be kept, the run's end shortens the wait."""
        end = time.monotonic() + seconds
        with self._changed:
            while (left := end - time.monotonic()) > 0 and (keep or not self._closing):
                self._changed.wait(left)

    def _send(self, batch: Batch) -> Answer:
        try:
            line = batch.line if batch.path is None else batch.path.read_bytes()
            _, message, _ = read_line(line)
            if self._transport is None:
                self._transport = connect(self._signal, self._destination)
            return self._transport.send(message, self._destination.timeout_seconds)
        except OSError as error:  # the batch was taken away, or a certificate is
            return Answer(kind="refused", reason=f"{type(error).__name__}: {error}")
        except Unreadable as error:
            return Answer(kind="rejected", reason=str(error))

    def _answered(self, batch: Batch, answer: Answer) -> None:
        if answer.kind == "delivered":
            self.state.delivered += batch.count
            self.state.last_delivery = time.monotonic()
        elif answer.kind == "unknown-signal":
            self.state.unknown_signal = True
            self.state.reason = answer.reason
        else:
            self.state.failures += 1
            self.state.rejected += batch.count if answer.rejected is None else answer.rejected
            self.state.reason = answer.reason
        self._settle(batch, answer.kind != "rejected")
        with self._changed:
            self._waiting.popleft()
