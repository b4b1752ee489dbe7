"""Open the exporters of a measuring command, and close them with a report of undelivered telemetry."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

import msgspec

from otel_memeval.config import Settings, spool_folder
from otel_memeval.errors import UsageError
from otel_memeval.exporters.otlp.config_file import effective_environment
from otel_memeval.exporters.otlp.delivery.spool import size_bytes
from otel_memeval.exporters.otlp.settings import OtlpSettings, read_otlp_settings
from otel_memeval.exporters.prometheus.destinations import GaugeDestinations
from otel_memeval.files import check_searchable
from otel_memeval.records import Result
from otel_memeval.redact import Masker, secrets_in
from otel_memeval.run.observer import Observer, ObserverGroup
from otel_memeval.run.result import passes

if TYPE_CHECKING:
    from otel_memeval.exporters.otlp.exporter import OtlpExporter
    from otel_memeval.exporters.otlp.output import ServiceTelemetry
    from otel_memeval.exporters.prometheus.families import Snapshot
    from otel_memeval.exporters.prometheus.one_shot import OneShotGauges

HINT = "nothing was sent; OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318 sends runs to a tracing backend"
_EXPORT_VARIABLES = (
    "OTEL_CONFIG_FILE",
    "OTEL_EXPORTER_OTLP_",
    "OTEL_SDK_DISABLED",
    "OTEL_TRACES_EXPORTER",
    "OTEL_METRICS_EXPORTER",
    "OTEL_LOGS_EXPORTER",
)
"""Beginnings of variables; a user who sets one of them needs no hint."""


class ExportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a command about its exporters."""

    events: Literal["span", "log", "both"] = "span"
    """How growing sites are sent: as span events, as log records, or both."""
    fail_on: Collection[str] = ()
    """Verdicts that fail a run."""
    gauges: GaugeDestinations = GaugeDestinations()


def check_spool(environment: Mapping[str, str]) -> None:
    """Raise ``UsageError`` if ``MEMEVAL_SPOOL`` names a folder that may not be searched, and batches are kept there."""
    try:
        check_searchable(Path(environment.get("MEMEVAL_SPOOL", "")))
    except OSError as error:
        if read_otlp_settings(effective_environment(environment)[0]).destinations:
            problem = f"MEMEVAL_SPOOL={error.filename}: {error.strerror}"
            raise UsageError(problem, "name a folder that can be searched") from None


class ExportPipeline:
    """The exporters of one command.

    ``lines``, ``notes`` and ``hints`` are messages for the user, complete after ``close``: ``notes`` may be left out, and
    ``hints`` are for a user who wants to know more.
    """

    def __init__(
        self,
        settings: Settings,
        options: ExportOptions,
        console: TextIO,
        *,
        service: ServiceTelemetry | None = None,
        before: Snapshot | None = None,
    ) -> None:
        """Open what ``settings`` and ``options`` name; the console exporter writes to ``console``.

        In a service, ``service`` and ``before`` are the OTLP counters and the gauges of earlier runs.
        """
        environment, warnings = effective_environment(settings.environment)
        otlp = read_otlp_settings(environment)
        self._mask = Masker((*settings.secrets, *secrets_in(environment))).text
        self._spool = spool_folder(environment)
        self._otlp: OtlpExporter | None = None
        self._gauges: OneShotGauges | None = None
        self.sends_otlp = bool(otlp.destinations)
        self.lines = [*map(self._mask, (*warnings, *otlp.warnings)), *_ignored_events(options, otlp)]
        self.notes: list[str] = []
        self.hints = [] if options.gauges.any or _names_exporter(environment) else [HINT]
        self.undelivered = False

        def passed(result: Result) -> bool:
            return passes(result, options.fail_on)

        if otlp.signals:
            from otel_memeval.exporters.otlp.exporter import OtlpExporter

            settings = msgspec.structs.replace(settings, environment=environment)
            self._otlp = OtlpExporter(settings, otlp, self._spool, options.events, passed, console, service)
        if options.gauges.any:
            from otel_memeval.exporters.prometheus.one_shot import OneShotGauges

            self._gauges = OneShotGauges(options.gauges, passed, before)

    def observer(self, terminal: Observer) -> Observer:
        """Return an observer of one run: the terminal's and all exporters."""
        exporters = [exporter for exporter in (self._otlp, self._gauges) if exporter is not None]
        return ObserverGroup([terminal, *exporters]) if exporters else terminal

    def close(
        self,
        stopping: Callable[[], bool] = lambda: False,
        interruptible: Callable[[Callable[[], None]], object] = lambda push: push(),
    ) -> None:
        """Send what is left: at most 2 seconds over OTLP if nothing answers, and 3 seconds to a Pushgateway.

        In a service, OTLP has half a second once ``stopping`` returns True, and ``interruptible`` calls the push.
        """
        if self._otlp is not None:
            delivered = self._otlp.close(stopping)
            self.lines.extend(map(self._mask, delivered.lines))
            self.notes.extend(delivered.notes)
            self.undelivered = delivered.undelivered
        interruptible(self._close_gauges)

    @property
    def failures(self) -> dict[str, int]:
        """Return the number of batches that were not delivered, by exporter."""
        otlp = {} if self._otlp is None else {"otlp": self._otlp.failures}
        return {**otlp, **(self._gauges.failures if self._gauges is not None else {})}

    def _close_gauges(self) -> None:
        if self._gauges is not None:
            failures = None if self._otlp is None else self._otlp.failures
            spooled = size_bytes(self._spool) if self._otlp is not None or os.path.isdir(self._spool) else None
            if problems := self._gauges.close(failures, spooled):
                self.lines.extend(map(self._mask, problems))
                self.undelivered = True


def _ignored_events(options: ExportOptions, otlp: OtlpSettings) -> list[str]:
    if options.events == "log" and "traces" in otlp.signals and "logs" not in otlp.signals:
        return ["--events log: growing lines are not sent, because log records are not sent (OTEL_LOGS_EXPORTER)"]
    return []


def _names_exporter(environment: dict[str, str]) -> bool:
    return any(value and name.startswith(_EXPORT_VARIABLES) for name, value in environment.items())
