"""From single spans, metrics and records to delivered batches: gathered, written to the spool, sent, taken away."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import msgspec

from otel_memeval.exporters.otlp.delivery import spool as files
from otel_memeval.exporters.otlp.delivery.protobuf import encode_line, wrap
from otel_memeval.exporters.otlp.delivery.sender import Batch, Sender
from otel_memeval.exporters.otlp.settings import OtlpSettings, shown_address
from otel_memeval.exporters.otlp.signals import Signal

GRACE_SECONDS = 1.6
"""How long the end of a run waits for a receiver that delivers nothing."""
FIRST_FLUSH_SECONDS = 0.5
"""Soon: a receiver that is slow to wake up does so while the run goes on, and not at its end."""
HURRIED_SECONDS = 0.25
"""The same, when somebody waits for this process to end: what is not delivered stays in the spool."""
MOST_SECONDS = 10.0
"""How long it waits for one that does."""
_ITEMS: dict[Signal, str] = {"traces": "spans", "metrics": "metrics", "logs": "log records"}
MOST_IN_MEMORY = 8
"""Batches of a signal that wait although the spool has no room."""


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """How it went: one line for each thing that a person should know, and whether something did not arrive."""

    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What is no fault, and worth a word."""
    undelivered: bool = False


class Delivery:
    """One process' way out. All methods but ``close`` take well under a millisecond."""

    def __init__(self, settings: OtlpSettings, spool_root: Path, run_id: str, console: TextIO) -> None:
        self._settings = settings
        self._console = console
        self._root = spool_root
        self._run_id = run_id
        self._lock = threading.Lock()
        self._gathered: dict[Signal, dict[tuple[bytes, bytes], list[msgspec.Raw]]] = {}
        self._counts: dict[Signal, int] = {}
        self._spool: files.RunSpool | None = None
        self._spool_problem = ""
        self._lost = 0
        self._senders = {
            signal: Sender(signal, destination, self._settle) for signal, destination in settings.destinations.items()
        }
        self._stopped = threading.Event()
        self._timer = threading.Thread(target=self._flush_in_time, name="otlp-flush", daemon=True)
        self._timer.start()

    @property
    def failures(self) -> int:
        """Requests so far that were no delivery."""
        return sum(sender.state.failures for sender in self._senders.values())

    def add(self, signal: Signal, item: bytes, resource: bytes, scope: bytes) -> None:
        """Take one span, metric or record, its resource and its scope, all encoded as OTLP-JSON."""
        if signal not in self._settings.signals:
            return
        with self._lock:
            self._gathered.setdefault(signal, {}).setdefault((resource, scope), []).append(msgspec.Raw(item))
            self._counts[signal] = self._counts.get(signal, 0) + 1
            full = self._counts[signal] >= self._settings.batch
        if full:
            self.flush()

    def flush(self) -> None:
        """Hand on what was gathered."""
        with self._lock:
            gathered, self._gathered = self._gathered, {}
            counts, self._counts = self._counts, {}
            for signal, groups in gathered.items():
                line = encode_line(wrap(signal, groups))
                if signal in self._settings.console:
                    with contextlib.suppress(OSError, ValueError):  # nobody reads it any longer
                        self._console.write(line.decode("utf-8"))
                        self._console.flush()
                if signal in self._senders:
                    self._hand_on(signal, line, counts[signal])

    def _hand_on(self, signal: Signal, line: bytes, count: int) -> None:
        try:
            if self._spool is None and not self._spool_problem:
                self._spool = files.RunSpool(self._root, self._settings.spool_bytes, self._run_id)
            if self._spool is not None:
                self._senders[signal].put(Batch(count=count, path=self._spool.put(signal, line)))
                return
        except files.SpoolFull:
            size = self._settings.spool_bytes
            self._spool_problem = f"the spool {self._root} is full ({size} bytes); otel-memeval replay makes room"
        except OSError as error:
            self._spool_problem = f"the spool {self._root} cannot be written ({type(error).__name__}: {error})"
        if len(self._senders[signal].waiting) < MOST_IN_MEMORY:
            self._senders[signal].put(Batch(count=count, line=line))
        else:
            self._lost += count

    def _settle(self, batch: Batch, done: bool) -> None:
        """In a sender's thread: the batch was answered."""
        if batch.path is None or self._spool is None:
            return
        with contextlib.suppress(OSError), self._lock:
            if done:
                self._spool.delivered(batch.path)
            else:
                files.set_aside(batch.path)

    def _flush_in_time(self) -> None:
        delay = max(self._settings.delay_seconds, 0.1)
        wait = min(FIRST_FLUSH_SECONDS, delay)
        while not self._stopped.wait(wait):
            self.flush()
            wait = delay

    def close(self, hurried: Callable[[], bool] = lambda: False) -> Delivered:
        """Send what is left, within the time that a run may take longer, and say what became of all. ``hurried`` is asked
        again and again.
        """
        self._stopped.set()
        self.flush()
        start = time.monotonic()
        senders = list(self._senders.values())
        for sender in senders:
            sender.begin_closing()
        while not all(sender.join(0) for sender in senders):
            now = time.monotonic()
            latest = max([start, *(sender.state.last_delivery for sender in senders)])
            if now - latest > GRACE_SECONDS or now - start > (HURRIED_SECONDS if hurried() else MOST_SECONDS):
                break
            time.sleep(0.005)
        for sender in senders:
            sender.cancel()
        with self._lock:
            if self._spool is not None:
                self._spool.close()
        return self._report()

    def _report(self) -> Delivered:
        lines = []
        notes = []
        missing: dict[tuple[str, str], list[str]] = {}
        undelivered = False
        for signal, sender in self._senders.items():
            state = sender.state
            waiting = sender.waiting
            address = shown_address(self._settings.destinations[signal].endpoint)
            self._lost += sum(batch.count for batch in waiting if batch.path is None)
            if waiting:
                kept = sum(batch.count for batch in waiting)
                missing.setdefault((address, state.reason or "no answer in time"), []).append(f"{kept} {_ITEMS[signal]}")
            if state.rejected:
                undelivered = True
                kept_in = "" if self._spool is None else f"; the batches are kept in {self._spool.folder}"
                lines.append(f"{address} rejected {state.rejected} {_ITEMS[signal]}: {state.reason}{kept_in}")
            if state.unknown_signal:
                variable = f"OTEL_{signal.upper()}_EXPORTER=none"
                notes.append(f"{address} takes no {signal} ({state.reason}); {variable} says not to send them")
        for (address, reason), parts in missing.items():
            lines.append(f"not delivered to {address}: {', '.join(parts)} ({reason})")
        if self._spool_problem:
            lines.append(self._spool_problem)
        if self._lost:
            lines.append(f"{self._lost} of them are lost")
        waiting_batches = files.undelivered(self._root)
        if waiting_batches:
            lines.append(f"{waiting_batches} batches wait in {self._root}; otel-memeval replay sends them")
        failed = undelivered or bool(missing) or bool(self._lost)
        return Delivered(lines=tuple(lines), notes=tuple(notes), undelivered=failed)
