"""Measure one target after the other in the service, each with exporters of its own, so that nothing accumulates."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from otel_memeval import telemetry
from otel_memeval.config import Settings, for_measuring, spool_folder, with_secrets
from otel_memeval.exporters.otlp.config_file import effective_environment
from otel_memeval.exporters.otlp.delivery import spool
from otel_memeval.exporters.otlp.metrics import MetricAggregator
from otel_memeval.exporters.otlp.output import ServiceTelemetry
from otel_memeval.exporters.otlp.settings import OtlpSettings, read_otlp_settings
from otel_memeval.exporters.pipeline import ExportPipeline
from otel_memeval.history.keeper import secrets_of
from otel_memeval.records import Result
from otel_memeval.run.observer import Observer
from otel_memeval.run.worker_run import run_target
from otel_memeval.service.options import ServiceOptions
from otel_memeval.service.signals import Signals
from otel_memeval.service.state import ServiceState

BACKLOG_SECONDS = 30.0
"""Time after one cycle to send telemetry of earlier runs; the rest is sent after the next cycle."""
_PATIENCE_SECONDS = 2.0
"""Time to retry a receiver that does not answer."""
_MOST_LOGGED = 100
"""Lines that are remembered so that each is logged once; there are few, but the service runs for months."""


class TargetRunner:
    """Measures targets. Checkout and environment are read again for each: they change within months."""

    def __init__(
        self,
        options: ServiceOptions,
        state: ServiceState,
        signals: Signals,
        log: Callable[[str], None],
        comparing: Sequence[Observer] = (),
    ) -> None:
        """Take ``comparing``, the observer that compares each run with its baseline, if there is one."""
        self._options = msgspec.structs.replace(options.run, fast_shutdown=True)
        self._exports = options.exports
        self._state = state
        self._signals = signals
        self._log = log
        self._comparing = comparing
        self._secrets = (*options.exports.gauges.secrets, *secrets_of(options.history))
        self._settings = _read_settings(self._secrets)
        otlp = otlp_settings(self._settings.environment)
        aggregator = MetricAggregator(time.time_ns(), delta=otlp.delta)
        self._telemetry = ServiceTelemetry(aggregator, options.every_seconds)
        self._pipeline: ExportPipeline | None = None
        self._logged: set[str] = set()
        self._delivers = False
        """Whether the receiver took everything of the last target."""
        if otlp.destinations:
            state.add_exports({"otlp": 0}, spool.size_bytes(spool_folder(self._settings.environment)))

    def open(self) -> list[Observer]:
        """Open the exporters of one target, and return them as observers."""
        self._settings = _read_settings(self._secrets)
        self._pipeline = ExportPipeline(
            self._settings, self._exports, sys.stdout, service=self._telemetry, before=self._state.snapshot()
        )
        for line in self._pipeline.lines:
            self._log_once(line)
        self._pipeline.lines.clear()
        return [self._pipeline.observer(Observer()), *self._comparing]

    def measure(self, target: str, observer_for: Callable[[str], Observer], report: Callable[[Result], None]) -> None:
        """Measure all evals of a target. Raises the errors of ``run_target``."""
        run_target(target, self._options, observer_for, self._settings, report)

    def close(self) -> None:
        """Send what is left and close the exporters of the target."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is None:
            return
        pipeline.close(lambda: self._signals.stopping, self._signals.interruptible)
        for line in pipeline.lines:
            self._log(line)
        spool_bytes = None
        self._delivers = pipeline.sends_otlp and not pipeline.undelivered
        if pipeline.sends_otlp:
            for note in pipeline.notes:
                self._log_once(note)
            spool_bytes = spool.size_bytes(spool_folder(self._settings.environment))
        self._state.add_exports(pipeline.failures, spool_bytes)

    def count_skipped(self, labels: Sequence[str], turns: int) -> None:
        """Count skipped turns of these evals over OTLP."""
        for label in labels:
            self._telemetry.aggregator.add(telemetry.RUNS_SKIPPED, {"eval": label}, turns)

    def clean_up(self) -> None:
        """Send telemetry of earlier runs, and return free memory to the operating system. May be interrupted."""
        try:
            self._send_backlog()
        finally:
            _trim_memory()

    def _send_backlog(self) -> None:
        root = spool_folder(self._settings.environment)
        if not self._delivers or not spool.undelivered(root):
            return
        from otel_memeval.exporters.otlp.delivery.replay import Replay

        time_is_over = threading.Event()
        timer = threading.Timer(BACKLOG_SECONDS, time_is_over.set)
        timer.daemon = True
        timer.start()
        environment, _ = effective_environment(self._settings.environment)
        replay = Replay(environment, _PATIENCE_SECONDS, self._log, time_is_over)
        try:
            with contextlib.suppress(OSError):  # the folder was removed meanwhile
                replay.send_spool(root)
        finally:
            timer.cancel()
            replay.close()
            if replay.counts.delivered:
                self._log(f"{replay.counts.delivered} batches of earlier runs were delivered")
            self._state.add_exports({}, spool.size_bytes(root))

    def _log_once(self, line: str) -> None:
        if line not in self._logged:
            if len(self._logged) >= _MOST_LOGGED:
                self._logged.clear()
            self._logged.add(line)
            self._log(line)


def otlp_settings(environment: Mapping[str, str]) -> OtlpSettings:
    """Return the OTLP settings of an environment, warnings aside."""
    return read_otlp_settings(effective_environment(environment)[0])


def _read_settings(secrets: Sequence[str]) -> Settings:
    """Return the settings of this process without a parent span: a trace named by TRACEPARENT would last for months."""
    return msgspec.structs.replace(with_secrets(for_measuring(), secrets), parent=None)


def _trim_memory() -> None:
    """Return free memory to the operating system.

    Each thread of a run allocates in an arena of its own, and glibc keeps what is freed there: some megabytes over months.
    Takes a few milliseconds; does nothing with another C library.
    """
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
