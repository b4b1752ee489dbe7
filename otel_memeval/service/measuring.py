"""How a standing exporter measures one target after the other: each with exporters of its own, and nothing that piles up."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from otel_memeval import telemetry
from otel_memeval.config import Settings, for_measuring, from_process, spool_folder
from otel_memeval.exporters.otlp.config_file import effective_environment
from otel_memeval.exporters.otlp.delivery import spool
from otel_memeval.exporters.otlp.exporter import Standing
from otel_memeval.exporters.otlp.metrics import Accounts
from otel_memeval.exporters.otlp.settings import OtlpSettings, read_otlp_settings
from otel_memeval.exporters.pipeline import ExportOptions, ExportPipeline
from otel_memeval.exporters.prometheus.destinations import GaugeDestinations
from otel_memeval.files import replace_file
from otel_memeval.records import Result, to_json
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.run.worker_run import run_target
from otel_memeval.service.loop import ObserverFor, Report
from otel_memeval.service.memory import give_back
from otel_memeval.service.signals import Signals
from otel_memeval.service.state import Told

BACKLOG_SECONDS = 30.0
"""How long what earlier runs could not deliver is sent after one round; the rest after the next."""
_PATIENCE_SECONDS = 2.0
_MOST_SAID = 100
"""Lines that are told once; there are a few, and months."""


class Rounds:
    """Measures targets. Surroundings (checkout, variables) are read anew for each: they change within months."""

    def __init__(
        self,
        options: Options,
        events: Literal["span", "log", "both"],
        fail_on: tuple[str, ...],
        gauges: GaugeDestinations,
        interval_seconds: float,
        told: Told,
        signals: Signals,
        tell: Callable[[str], None],
    ) -> None:
        self._options = msgspec.structs.replace(options, fast_shutdown=True)
        self._events: Literal["span", "log", "both"] = events
        self._fail_on = fail_on
        self._gauges = gauges
        self._told = told
        self._signals = signals
        self._tell = tell
        otlp = otlp_settings(from_process().environment)
        self._standing = Standing(accounts=Accounts(time.time_ns(), delta=otlp.delta), interval_seconds=interval_seconds)
        self._settings: Settings
        self._exporting: ExportPipeline | None = None
        self._said: set[str] = set()
        self._delivers = False
        if otlp.destinations:
            told.exported({"otlp": 0}, spool.size_bytes(spool_folder(from_process().environment)))

    def begin(self) -> list[Observer]:
        """What sends."""
        # Every run is a trace of its own: one that TRACEPARENT names would go on for months.
        self._settings = msgspec.structs.replace(for_measuring(), parent=None)
        before = self._told.snapshot()
        options = ExportOptions(events=self._events, fail_on=self._fail_on, gauges=self._gauges)
        self._exporting = ExportPipeline(self._settings, options, sys.stdout, standing=self._standing, before=before)
        for line in self._exporting.lines:
            self._tell_once(line)
        self._exporting.lines.clear()
        return [self._exporting.observer(Observer())]

    def measure(self, target: str, observer_for: ObserverFor, report: Report) -> None:
        """All evals of a target."""
        run_target(target, self._options, observer_for, self._settings, report)

    def end(self) -> None:
        """Send what is left."""
        exporting, self._exporting = self._exporting, None
        if exporting is None:
            return
        exporting.close(lambda: self._signals.stopping, self._signals.interruptible)
        for line in exporting.lines:
            self._tell(line)
        self._delivers = exporting.destinations is not None and not exporting.undelivered
        if exporting.destinations is not None:
            for note in exporting.notes:
                self._tell_once(note)
        size = None if exporting.destinations is None else spool.size_bytes(spool_folder(self._settings.environment))
        self._told.exported(exporting.failures, size)

    def skipped(self, labels: Sequence[str], turns: int) -> None:
        """Runs that were left out are counted over OTLP as well."""
        for label in labels:
            self._standing.accounts.count(telemetry.RUNS_SKIPPED, {"eval": label}, turns)

    def between(self) -> None:
        """Send what waits; what a round took of memory is given back."""
        try:
            self._send_what_waits()
        finally:
            give_back()

    def _send_what_waits(self) -> None:
        """What earlier runs, or earlier processes, could not deliver, now that the receiver answers."""
        root = spool_folder(self._settings.environment)
        if not self._delivers or not spool.undelivered(root):
            return
        from otel_memeval.exporters.otlp.delivery.replay import Replay

        enough = threading.Event()
        timer = threading.Timer(BACKLOG_SECONDS, enough.set)
        timer.daemon = True
        timer.start()
        replay = Replay(otlp_settings(self._settings.environment), _PATIENCE_SECONDS, self._tell, enough)
        try:
            with contextlib.suppress(OSError):  # taken away meanwhile
                replay.send_spool(root)
        finally:
            timer.cancel()
            replay.close()
            if replay.counts.delivered:
                self._tell(f"{replay.counts.delivered} batches of earlier runs were delivered")
            self._told.exported({}, spool.size_bytes(root))

    def _tell_once(self, line: str) -> None:
        if line not in self._said:
            if len(self._said) >= _MOST_SAID:
                self._said.clear()
            self._said.add(line)
            self._tell(line)


def otlp_settings(environment: Mapping[str, str]) -> OtlpSettings:
    """Where telemetry goes, by the variables."""
    return read_otlp_settings(effective_environment(environment)[0])


def write_results(path: str | None, results: list[Result], tell: Callable[[str], None]) -> None:
    """The results of a round in the place of those before; a reader sees the one or the other."""
    if path is None or not results:
        return
    try:
        replace_file(Path(path), to_json(results))
    except OSError as error:
        tell(f"--json {path}: {error.strerror}")
