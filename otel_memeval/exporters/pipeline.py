"""What leaves a measuring command: opened when something is configured, closed with a word on what did not arrive."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

import msgspec

from otel_memeval.config import Settings, spool_folder
from otel_memeval.exporters.otlp.config_file import effective
from otel_memeval.exporters.otlp.delivery.spool import size_bytes
from otel_memeval.exporters.otlp.settings import OtlpSettings, read
from otel_memeval.exporters.prometheus.destinations import NOWHERE, GaugeOptions
from otel_memeval.records import Result
from otel_memeval.redact import redact
from otel_memeval.run.observer import Observer, ObserverGroup
from otel_memeval.run.result import passes

if TYPE_CHECKING:
    from otel_memeval.exporters.otlp.exporter import OtlpExporter, Standing
    from otel_memeval.exporters.prometheus.families import Snapshot
    from otel_memeval.exporters.prometheus.one_shot import OneShotGauges

HINT = "nothing was sent; OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318 sends runs to a tracing backend"
_DECIDING = (
    "OTEL_CONFIG_FILE",
    "OTEL_EXPORTER_OTLP_",
    "OTEL_SDK_DISABLED",
    "OTEL_TRACES_EXPORTER",
    "OTEL_METRICS_EXPORTER",
    "OTEL_LOGS_EXPORTER",
)


class Exporting:
    """The exporters of one command. ``lines`` and ``notes`` are for a person, after ``close``."""

    def __init__(
        self,
        settings: Settings,
        events: Literal["span", "log", "both"],
        fail_on: Collection[str],
        console: TextIO,
        gauges: GaugeOptions = NOWHERE,
        standing: Standing | None = None,
        before: Snapshot | None = None,
    ) -> None:
        """``standing``, ``before``: what goes on from one to the next in a process that stays, over OTLP and in gauges."""
        environment, self.lines = effective(settings.environment)
        settings = msgspec.structs.replace(settings, environment=environment)
        otlp = read(environment)

        def passed(result: Result) -> bool:
            return passes(result, fail_on)

        self._spool = spool_folder(settings.environment)
        self._otlp = _open(settings, otlp, self._spool, events, passed, console, standing) if otlp.signals else None
        self._gauges: OneShotGauges | None = None
        if gauges.anywhere:
            from otel_memeval.exporters.prometheus.one_shot import OneShotGauges

            self._gauges = OneShotGauges(gauges, settings.secrets, passed, before)
        self._secrets = settings.secrets
        self.lines.extend(otlp.warnings)
        if events == "log" and "traces" in otlp.signals and "logs" not in otlp.signals:
            self.lines.append("--events log: lines that grow are not sent, because log records are not (OTEL_LOGS_EXPORTER)")
        self.undelivered = False
        self.destinations = otlp if otlp.destinations else None
        """Where OTLP goes, if anywhere."""
        decided = gauges.anywhere or any(
            value and name.startswith(_DECIDING) for name, value in settings.environment.items()
        )
        self.notes: list[str] = [] if decided else [HINT]
        """What need not be said to whoever wants to hear little."""

    def watching(self, terminal: Observer) -> Observer:
        """Who watches a run: the terminal, and what sends."""
        sending = [one for one in (self._otlp, self._gauges) if one is not None]
        return ObserverGroup([terminal, *sending]) if sending else terminal

    def close(
        self,
        hurried: Callable[[], bool] = lambda: False,
        pushing: Callable[[Callable[[], None]], object] = lambda push: push(),
    ) -> None:
        """Send what is left. Takes two seconds at most when nothing answers, and three for a Pushgateway that does not.

        In a process that stays: once it is ``hurried`` half a second is enough; ``pushing`` calls what may be interrupted.
        """
        if self._otlp is not None:
            delivered = self._otlp.close(hurried)
            self.lines.extend(redact(line, self._secrets) for line in delivered.lines)
            self.notes.extend(delivered.notes)
            self.undelivered = delivered.undelivered
        pushing(self._close_gauges)

    @property
    def failures(self) -> dict[str, int]:
        """Batches that were not delivered, by exporter."""
        otlp = {} if self._otlp is None else {"otlp": self._otlp.failures}
        return {**otlp, **(self._gauges.failures if self._gauges is not None else {})}

    def _close_gauges(self) -> None:
        if self._gauges is not None:
            failures = None if self._otlp is None else self._otlp.failures
            spooled = size_bytes(self._spool) if self._otlp is not None or self._spool.is_dir() else None
            if problems := self._gauges.close(failures, spooled):
                self.lines.extend(problems)
                self.undelivered = True


def _open(
    settings: Settings,
    otlp: OtlpSettings,
    spool: Path,
    events: Literal["span", "log", "both"],
    passed: Callable[[Result], bool],
    console: TextIO,
    standing: Standing | None,
) -> OtlpExporter:
    from otel_memeval.exporters.otlp.exporter import OtlpExporter

    return OtlpExporter(settings, otlp, spool, events, passed, console, standing)
