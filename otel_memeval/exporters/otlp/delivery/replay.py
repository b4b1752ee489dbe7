"""Send the batches that earlier runs left in the spool: in order, each until it has a final result, none twice."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec
from google.protobuf.message import Message

from otel_memeval.exporters.otlp.delivery import spool
from otel_memeval.exporters.otlp.delivery.addresses import read_addresses
from otel_memeval.exporters.otlp.delivery.protobuf import Unreadable, read_line
from otel_memeval.exporters.otlp.delivery.send_result import SendResult
from otel_memeval.exporters.otlp.delivery.signal_client import RetryPause, SignalClient
from otel_memeval.exporters.otlp.settings import Destination, Signal, read_otlp_settings
from otel_memeval.files import open_regular

LONGEST_RETRY_SECONDS = 5.0
_LARGEST_LINE_BYTES = 64 << 20
"""As the largest batch of the spool."""

Destinations = Mapping[Signal, Destination]


class ReplayCounts(msgspec.Struct, kw_only=True):
    """Numbers of batches by result."""

    delivered: int = 0
    rejected: int = 0
    """By the receiver, at least in part; set aside in the spool."""
    unreadable: int = 0
    """Set aside in the spool; also a file or a folder that cannot be read or changed."""
    unsupported: int = 0
    """Deleted: the receiver takes spans, and not this signal."""
    unaddressed: int = 0
    """Without a receiver: no variable names one, and the run kept none."""
    undelivered: int = 0
    """Batches that wait, those without a receiver included."""


class Replay:
    """One replay. ``tell`` gets messages for the user; ``stop`` ends the replay between two batches."""

    def __init__(
        self, environment: Mapping[str, str], patience_seconds: float, tell: Callable[[str], None], stop: threading.Event
    ) -> None:
        """Give up ``patience_seconds`` after the last delivery. ``environment`` names receivers before those of the runs."""
        self.counts = ReplayCounts()
        self._environment = environment
        self._clients: dict[tuple[Signal, Destination], SignalClient] = {}
        self._given_up: set[SignalClient] = set()
        self._span_takers: set[str] = set()
        """Addresses of receivers to which spans were delivered."""
        self._patience_seconds = patience_seconds
        self._deadline = time.monotonic() + patience_seconds
        self._tell = tell
        self._stop = stop

    def send_spool(self, root: Path) -> None:
        """Send all batches of a spool; wait for runs whose folder another process holds.

        Raises ``OSError`` if the spool cannot be searched.
        """
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
        """Send OTLP-JSON files line by line; the files stay as they are."""
        for path in paths:
            destinations = self._destinations(path.parent)
            try:
                with open_regular(path) as file:
                    for line in _lines(file):
                        if self._stop.is_set():
                            return
                        self._send_line(line, destinations, str(path))
            except OSError as error:
                self._report_unreadable(path, error)

    def _destinations(self, folder: Path) -> Destinations:
        return read_otlp_settings(self._environment, read_addresses(folder)).destinations

    def _report_unreadable(self, path: Path, error: OSError) -> None:
        self.counts.unreadable += 1
        self._tell(f"{path}: {error.strerror}")

    def _send_run(self, folder: Path) -> bool:
        """Send the batches of one run; return False if another process holds them."""
        try:
            with spool.locked_run(folder) as is_locked:
                if is_locked:
                    destinations = self._destinations(folder)
                    for path in spool.batches(folder):
                        self._send_file(path, destinations)
        except FileNotFoundError:  # another replay has sent its last batch
            return True
        except OSError as error:
            self._report_unreadable(folder, error)
            return True
        return is_locked

    def _send_line(self, line: bytes, destinations: Destinations, shown: str) -> None:
        """Send one line of a file that is kept."""
        result = self._send(line, destinations)
        if result is None:
            self.counts.undelivered += 1
        elif result.outcome in ("rejected", "unreadable"):
            self._tell(f"{shown}: {_description(result)}")

    def _send_file(self, path: Path, destinations: Destinations) -> None:
        """Send one batch, and delete it or set it aside. Raises ``OSError`` if that is not possible."""
        if self._stop.is_set():
            return
        result: SendResult | None
        try:
            result = self._send(spool.read_batch(path), destinations)
        except spool.UnusableBatch as error:
            self.counts.unreadable += 1
            result = SendResult(outcome="unreadable", reason=str(error))
        except OSError as error:  # it is counted as one that waits
            self._tell(f"{path}: {error.strerror}")
            return
        if result is None:
            return
        if result.outcome not in ("rejected", "unreadable"):
            path.unlink(missing_ok=True)
            return
        try:
            self._tell(f"{spool.set_aside(path)}: {_description(result)}")
        except OSError as error:
            self._tell(f"{path}: {_description(result)}; it cannot be set aside: {error.strerror}")

    def _send(self, line: bytes, destinations: Destinations) -> SendResult | None:
        """Send one batch until it has a final result; None if there is none yet."""
        try:
            signal, message = read_line(line)
        except Unreadable as error:
            self.counts.unreadable += 1
            return SendResult(outcome="unreadable", reason=str(error))
        destination = destinations.get(signal)
        if destination is None:
            self.counts.unaddressed += 1
            return None
        key = (signal, destination)
        client = self._clients[key] = self._clients.get(key) or SignalClient(signal, destination)
        return None if client in self._given_up else self._count(signal, client, self._send_repeatedly(client, message))

    def _send_repeatedly(self, client: SignalClient, message: Message) -> SendResult:
        pause = RetryPause(LONGEST_RETRY_SECONDS)
        while True:
            result = client.send(message)
            if result.outcome != "retry":
                return result
            seconds = pause.next_seconds(result)
            if time.monotonic() + seconds > self._deadline or self._stop.wait(seconds):
                return result

    def _count(self, signal: Signal, client: SignalClient, result: SendResult) -> SendResult | None:
        """Count a result, and return it if it is final."""
        outcome = result.outcome
        if outcome == "unsupported" and client.address not in self._span_takers:
            outcome = "refused"  # every receiver takes spans: the address may be wrong, and the batch is kept
        if outcome in ("retry", "refused"):
            self._given_up.add(client)
            if not self._stop.is_set():
                self._tell(f"{signal} were not delivered to {client.address}: {result.reason}")
            return None
        if outcome == "rejected":
            self.counts.rejected += 1
        elif outcome == "unreadable":
            self.counts.unreadable += 1
        elif outcome == "unsupported":
            if not self.counts.unsupported:
                self._tell(f"{client.address} takes no {signal} ({result.reason})")
            self.counts.unsupported += 1
        else:
            self.counts.delivered += 1
            self._deadline = time.monotonic() + self._patience_seconds
            if signal == "traces":
                self._span_takers.add(client.address)
        return result

    def close(self) -> None:
        """Close the connections; a request under way in another thread is cancelled, and its batch is kept."""
        for client in list(self._clients.values()):
            client.close()


def _description(result: SendResult) -> str:
    return f"rejected: {result.reason}" if result.outcome == "rejected" else result.reason


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines that are not empty. Raises ``OSError`` for one that is too long."""
    while line := file.readline(_LARGEST_LINE_BYTES):
        if len(line) == _LARGEST_LINE_BYTES:
            raise OSError(errno.EFBIG, f"a line is longer than {_LARGEST_LINE_BYTES >> 20} MiB; the rest is left out")
        if line.strip():
            yield line
