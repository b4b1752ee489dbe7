"""Send the batches that earlier runs left in the spool: in order, each until it has a final result, none twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeGuard

import msgspec
from google.protobuf.message import Message

from otel_memeval.exporters.otlp.delivery import spool
from otel_memeval.exporters.otlp.delivery.protobuf import Unreadable, read_line
from otel_memeval.exporters.otlp.delivery.send_result import SendResult
from otel_memeval.exporters.otlp.delivery.signal_client import RetryPause, SignalClient
from otel_memeval.exporters.otlp.settings import OtlpSettings, Signal

LONGEST_RETRY_SECONDS = 5.0


class ReplayCounts(msgspec.Struct, kw_only=True):
    """Numbers of batches by result."""

    delivered: int = 0
    rejected: int = 0
    """Set aside in the spool."""
    unsupported: int = 0
    """Deleted: the receiver does not take their signal."""
    undelivered: int = 0


class Replay:
    """One replay. ``tell`` gets messages for the user; ``stop`` ends the replay between two batches."""

    def __init__(
        self, settings: OtlpSettings, patience_seconds: float, tell: Callable[[str], None], stop: threading.Event
    ) -> None:
        """Give up ``patience_seconds`` after the last delivery."""
        self.counts = ReplayCounts()
        self._clients = {signal: SignalClient(signal, found) for signal, found in settings.destinations.items()}
        self._given_up: set[Signal] = set()
        self._patience_seconds = patience_seconds
        self._deadline = time.monotonic() + patience_seconds
        self._tell = tell
        self._stop = stop

    def send_spool(self, root: Path) -> None:
        """Send all batches of a spool; wait for runs whose folder another process holds."""
        left = spool.runs(root)
        while left and not self._stop.is_set():
            busy = [folder for folder in left if not self._send_run(folder)]
            if busy and time.monotonic() > self._deadline:
                break
            if busy == left:
                self._stop.wait(0.2)
            left = busy
        self.counts.undelivered = spool.undelivered(root)

    def send_files(self, paths: list[Path]) -> None:
        """Send OTLP-JSON files line by line; the files stay as they are. Raises ``OSError``."""
        for line in _lines(paths):
            result = None if self._stop.is_set() else self._send_line(line)
            if not _is_final(result):
                self.counts.undelivered += 1
            elif result.outcome == "rejected":
                self._tell(f"rejected: {result.reason}")

    def _send_run(self, folder: Path) -> bool:
        """Send the batches of one run; return False if another process holds them."""
        with spool.locked_run(folder) as is_locked:
            if is_locked:
                for path in spool.batches(folder):
                    if self._stop.is_set():
                        break
                    self._send_file(path)
        return is_locked or not folder.exists()

    def _send_file(self, path: Path) -> None:
        try:
            result = self._send_line(path.read_bytes())
        except OSError as error:
            self._tell(f"{path}: {error.strerror}")
            return
        if not _is_final(result):
            return
        if result.outcome == "rejected":
            self._tell(f"{spool.set_aside(path)}: rejected: {result.reason}")
        else:
            path.unlink()

    def _send_line(self, line: bytes) -> SendResult | None:
        """Send one batch until it has a final result; None if its signal has no destination, or was given up."""
        try:
            signal, message = read_line(line)
        except Unreadable as error:
            self.counts.rejected += 1
            return SendResult(outcome="rejected", reason=str(error))
        if signal not in self._clients or signal in self._given_up:
            return None
        result = self._send(self._clients[signal], message)
        self._count(signal, result)
        return result

    def _send(self, client: SignalClient, message: Message) -> SendResult:
        pause = RetryPause(LONGEST_RETRY_SECONDS)
        while True:
            result = client.send(message)
            if result.outcome != "retry":
                return result
            seconds = pause.next_seconds(result)
            if time.monotonic() + seconds > self._deadline or self._stop.wait(seconds):
                return result

    def _count(self, signal: Signal, result: SendResult) -> None:
        address = self._clients[signal].address
        if result.outcome in ("retry", "refused"):
            self._given_up.add(signal)
            self._tell(f"{signal} were not delivered to {address}: {result.reason}")
        elif result.outcome == "rejected":
            self.counts.rejected += 1
        elif result.outcome == "unsupported":
            if not self.counts.unsupported:
                self._tell(f"{address} takes no {signal} ({result.reason})")
            self.counts.unsupported += 1
        else:
            self.counts.delivered += 1
            self._deadline = time.monotonic() + self._patience_seconds

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()


def _is_final(result: SendResult | None) -> TypeGuard[SendResult]:
    """Return whether the batch need not be sent again."""
    return result is not None and result.outcome not in ("retry", "refused")


def _lines(paths: list[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            yield from (line for line in file if line.strip())
