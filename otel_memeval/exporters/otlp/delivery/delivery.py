"""Collect spans, metrics and log records into batches, keep the batches in the spool, and have them sent."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import msgspec

from otel_memeval.exporters.otlp.delivery.addresses import kept_addresses
from otel_memeval.exporters.otlp.delivery.protobuf import encode_line, wrap
from otel_memeval.exporters.otlp.delivery.send_result import SendOutcome
from otel_memeval.exporters.otlp.delivery.sender import Batch, Sender
from otel_memeval.exporters.otlp.delivery.spool import RunSpool, SpoolFull, set_aside, undelivered
from otel_memeval.exporters.otlp.settings import OtlpSettings, Signal, shown_address

NO_DELIVERY_SECONDS = 1.6
"""The end of a run waits so long for the next delivery."""
FAST_SHUTDOWN_SECONDS = 0.25
"""The same, in all, if the process must end fast: undelivered batches stay in the spool."""
CLOSE_SECONDS = 10.0
"""The end of a run takes at most so long, although deliveries go on."""
FIRST_FLUSH_SECONDS = 0.5
"""Soon, so that a receiver that is slow with its first request is slow during the run, and not at its end."""
MOST_UNSPOOLED_BATCHES = 8
"""Batches of a signal that wait in memory when the spool has no room; later ones are lost."""
_ITEMS: dict[Signal, str] = {"traces": "spans", "metrics": "metrics", "logs": "log records"}


class DeliveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a delivery: messages for the user, and whether something was not delivered."""

    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Messages about no fault."""
    undelivered: bool = False


class Delivery:
    """The batches of one process. All methods except ``close`` take well under a millisecond."""

    def __init__(
        self, settings: OtlpSettings, spool_root: Path, run_id: str, console: TextIO, secrets: tuple[str, ...] = ()
    ) -> None:
        """Start the senders. No address with one of the ``secrets`` in it is kept in the spool."""
        self._settings = settings
        self._addresses = kept_addresses(settings.destinations, secrets)
        self._console = console
        self._root = spool_root
        self._run_id = run_id
        self._lock = threading.Lock()
        self._items: dict[Signal, dict[tuple[bytes, bytes], list[msgspec.Raw]]] = {}
        self._counts: dict[Signal, int] = {}
        self._spool: RunSpool | None = None
        self._spool_problem = ""
        self._lost = 0
        self._unsupported: list[Path] = []
        self._senders = {
            signal: Sender(signal, destination, self._settle) for signal, destination in settings.destinations.items()
        }
        self._stopped = threading.Event()
        self._timer = threading.Thread(target=self._flush_regularly, name="otlp-flush", daemon=True)
        self._timer.start()

    @property
    def failures(self) -> int:
        """Return the number of attempts so far that delivered nothing."""
        return sum(sender.state.failures for sender in self._senders.values())

    def add(self, signal: Signal, item: bytes, resource: bytes, scope: bytes) -> None:
        """Add one span, metric or log record, its resource and its scope, all encoded as OTLP-JSON."""
        if signal not in self._settings.signals:
            return
        with self._lock:
            self._items.setdefault(signal, {}).setdefault((resource, scope), []).append(msgspec.Raw(item))
            self._counts[signal] = self._counts.get(signal, 0) + 1
            is_full = self._counts[signal] >= self._settings.batch
        if is_full:
            self.flush()

    def flush(self) -> None:
        """Make batches of all items and queue them."""
        with self._lock:
            items, self._items = self._items, {}
            counts, self._counts = self._counts, {}
            for signal, groups in items.items():
                line = encode_line(wrap(signal, groups))
                if signal in self._settings.console:
                    with contextlib.suppress(OSError, ValueError):  # nobody reads it any longer
                        # In ASCII: a terminal would obey some of the characters that JSON has as they are.
                        self._console.write(json.dumps(msgspec.json.decode(line)) + "\n")
                        self._console.flush()
                if signal in self._senders:
                    self._queue(signal, line, counts[signal])

    def _queue(self, signal: Signal, line: bytes, items: int) -> None:
        """Queue one batch, in the spool if possible, else in memory."""
        try:
            if self._spool is None:
                self._spool = RunSpool(self._root, self._settings.spool_bytes, self._run_id, self._addresses)
            path = self._spool.put(signal, line)
        except SpoolFull:
            size = self._settings.spool_bytes
            self._spool_problem = f"the spool {self._root} is full ({size} bytes); otel-memeval replay makes room"
        except OSError as error:
            self._spool_problem = f"the spool {self._root} cannot be written ({type(error).__name__}: {error})"
        else:
            self._senders[signal].put(Batch(items=items, path=path))
            return
        if len(self._senders[signal].queued) < MOST_UNSPOOLED_BATCHES:
            self._senders[signal].put(Batch(items=items, line=line))
        else:
            self._lost += items

    def _settle(self, batch: Batch, outcome: SendOutcome) -> None:
        """Delete or set aside the file of a batch with a final result; called in a sender's thread."""
        if batch.path is None or self._spool is None:
            return
        with contextlib.suppress(OSError), self._lock:
            if outcome == "delivered":
                self._spool.remove(batch.path)
            elif outcome == "unsupported":
                self._unsupported.append(batch.path)
            else:
                set_aside(batch.path)

    @property
    def _takes_spans(self) -> bool:
        """Return whether spans were delivered: every receiver takes spans, so that another one has a wrong address."""
        return "traces" in self._senders and self._senders["traces"].state.delivered > 0

    def _flush_regularly(self) -> None:
        delay = max(self._settings.delay_seconds, 0.1)
        wait = min(FIRST_FLUSH_SECONDS, delay)
        while not self._stopped.wait(wait):
            self.flush()
            wait = delay

    def close(self, is_hurried: Callable[[], bool] = lambda: False) -> DeliveryReport:
        """Send what is left within the time that a run may take longer, and report the result.

        ``is_hurried`` is asked repeatedly whether the process must end fast.
        """
        self._stopped.set()
        self.flush()
        senders = list(self._senders.values())
        for sender in senders:
            sender.begin_closing()
        self._wait_for(senders, is_hurried)
        for sender in senders:
            sender.cancel()
        with self._lock:
            if self._spool is not None:
                for path in self._unsupported if self._takes_spans else ():
                    with contextlib.suppress(OSError):
                        self._spool.remove(path)
                self._spool.close()
        return self._report()

    def _wait_for(self, senders: list[Sender], is_hurried: Callable[[], bool]) -> None:
        start = time.monotonic()
        while not all(sender.join(0) for sender in senders):
            now = time.monotonic()
            latest = max([start, *(sender.state.last_delivery for sender in senders)])
            most_seconds = FAST_SHUTDOWN_SECONDS if is_hurried() else CLOSE_SECONDS
            if now - latest > NO_DELIVERY_SECONDS or now - start > most_seconds:
                break
            time.sleep(0.005)

    def _report(self) -> DeliveryReport:
        self._lost += sum(batch.items for sender in self._senders.values() for batch in sender.queued if batch.path is None)
        rejections = list(self._rejections())
        unsupported = list(self._unsupported_signals())
        missing = [*self._missing(), *(() if self._takes_spans else unsupported)]
        lines = [*rejections, *missing]
        if self._spool_problem:
            lines.append(self._spool_problem)
        if self._lost:
            lines.append(f"{self._lost} of them are lost")
        if waiting := undelivered(self._root):
            lines.append(f"{waiting} batches wait in {self._root}; otel-memeval replay sends them")
        failed = bool(rejections or missing or self._lost)
        return DeliveryReport(lines=tuple(lines), notes=tuple(unsupported if self._takes_spans else ()), undelivered=failed)

    def _rejections(self) -> Iterator[str]:
        kept_in = "" if self._spool is None else f"; the batches are kept in {self._spool.folder}"
        for signal, sender in self._senders.items():
            if sender.state.rejected:
                rejected = f"{self._address(signal)} rejected {sender.state.rejected} {_ITEMS[signal]}"
                yield f"{rejected}: {sender.state.reason}{kept_in}"
            if sender.state.unreadable:
                yield f"{sender.state.unreadable} {_ITEMS[signal]} could not be sent: {sender.state.reason}{kept_in}"

    def _missing(self) -> Iterator[str]:
        """Yield one line for each receiver and reason."""
        parts: dict[tuple[str, str], list[str]] = {}
        for signal, sender in self._senders.items():
            if queued := sender.queued:
                key = (self._address(signal), sender.state.reason or "no answer in time")
                parts.setdefault(key, []).append(f"{sum(batch.items for batch in queued)} {_ITEMS[signal]}")
        for (address, reason), items in parts.items():
            yield f"not delivered to {address}: {', '.join(items)} ({reason})"

    def _unsupported_signals(self) -> Iterator[str]:
        for signal, sender in self._senders.items():
            if sender.state.unsupported:
                variable = f"OTEL_{signal.upper()}_EXPORTER=none"
                reason = sender.state.reason
                yield f"{self._address(signal)} takes no {signal} ({reason}); {variable} says not to send them"

    def _address(self, signal: Signal) -> str:
        return shown_address(self._settings.destinations[signal].endpoint)
