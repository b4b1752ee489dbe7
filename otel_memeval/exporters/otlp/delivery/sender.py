"""Send the queued batches of one signal in order, in a thread; each is retried until it has a final result."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from otel_memeval.exporters.otlp.delivery.send_result import SendOutcome, SendResult
from otel_memeval.exporters.otlp.delivery.signal_client import RetryPause, SignalClient
from otel_memeval.exporters.otlp.settings import Destination, Signal

LONGEST_RETRY_SECONDS = 30.0


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch in the queue: a file of the spool, or the line itself if the spool had no room."""

    items: int
    """Number of spans, metrics or log records."""
    path: Path | None = None
    line: bytes = b""


class SenderState(msgspec.Struct, kw_only=True):
    """Counts of one sender so far."""

    delivered: int = 0
    """Items."""
    failures: int = 0
    """Attempts that delivered nothing."""
    rejected: int = 0
    """Items."""
    unreadable: int = 0
    """Items of batches that could not be read or encoded."""
    reason: str = ""
    """Message of the last failure."""
    unsupported: bool = False
    """Whether the receiver does not take this signal."""
    last_delivery: float = 0.0
    """Time on the monotonic clock."""


class Sender:
    """The queue and the sending thread of one signal.

    ``settle`` is called in that thread when a batch has its final result.
    """

    def __init__(self, signal: Signal, destination: Destination, settle: Callable[[Batch, SendOutcome], None]) -> None:
        self.state = SenderState()
        self._client = SignalClient(signal, destination)
        self._settle = settle
        self._queue: deque[Batch] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._cancelled = False
        self._thread = threading.Thread(target=self._work, name=f"otlp-{signal}", daemon=True)
        self._thread.start()

    def put(self, batch: Batch) -> None:
        """Append a batch to the queue."""
        with self._changed:
            self._queue.append(batch)
            self._changed.notify()

    @property
    def queued(self) -> list[Batch]:
        """Return the batches without a final result."""
        with self._changed:
            return list(self._queue)

    def begin_closing(self) -> None:
        """Send the queued batches at once, and stop at the first one that the receiver does not answer."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def join(self, seconds: float) -> bool:
        """Wait for the thread; return whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """Cancel the request under way, as far as possible."""
        self._cancelled = True
        self._client.close()

    def _work(self) -> None:
        with contextlib.suppress(Exception):  # reported when a batch is sent
            self._client.connect()  # imports the protocol's library now, and not in the middle of the run
        pause = RetryPause(LONGEST_RETRY_SECONDS)
        while (batch := self._next()) is not None:
            result = self._send(batch)
            if result.outcome not in ("retry", "refused"):
                pause.reset()
                self._finish(batch, result)
                continue
            if self._cancelled:
                return
            self.state.failures += 1
            self.state.reason = result.reason
            # A refusal stays one while this run goes on; at its end nobody waits for a receiver that does not answer.
            if result.outcome == "refused" or (self._closing and not result.answered):
                return
            self._wait(pause.next_seconds(result), full=result.retry_after_seconds is not None or self._closing)
            if self._closing:
                pause.reset()

    def _next(self) -> Batch | None:
        """Wait for the first batch of the queue; None when the queue is empty and the run is over."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            return self._queue[0] if self._queue else None

    def _wait(self, seconds: float, *, full: bool) -> None:
        """Wait before the next attempt; the end of the run shortens the wait unless it is to be a ``full`` one."""
        end = time.monotonic() + seconds
        with self._changed:
            while (left := end - time.monotonic()) > 0 and (full or not self._closing):
                self._changed.wait(left)

    def _send(self, batch: Batch) -> SendResult:
        try:
            line = batch.line if batch.path is None else batch.path.read_bytes()
        except OSError as error:  # the file was deleted
            return SendResult(outcome="unreadable", reason=f"{type(error).__name__}: {error}")
        return self._client.send_line(line)

    def _finish(self, batch: Batch, result: SendResult) -> None:
        """Count a final result and take the batch from the queue."""
        if result.outcome == "delivered":
            self.state.delivered += batch.items
            self.state.last_delivery = time.monotonic()
        elif result.outcome == "unsupported":
            self.state.unsupported = True
            self.state.reason = result.reason
        else:
            self.state.failures += 1
            items = batch.items if result.rejected_items is None else min(result.rejected_items, batch.items)
            if result.outcome == "rejected":
                self.state.rejected += items
            else:
                self.state.unreadable += items
            self.state.reason = result.reason
        self._settle(batch, result.outcome)
        with self._changed:
            self._queue.popleft()
