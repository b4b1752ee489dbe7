"""What leaves a measuring command: opened when something is configured, closed with a word on what did not arrive."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

import msgspec

from otel_memeval.commands.gauge_options import NOWHERE, GaugeOptions
from otel_memeval.config import Settings, spool_folder
from otel_memeval.exporters.otlp.declared import effective
from otel_memeval.exporters.otlp.settings import OtlpSettings, read
from otel_memeval.exporters.otlp.spool import size_bytes
from otel_memeval.observer import Observer, Several
from otel_memeval.outcome import PASSED, exit_status
from otel_memeval.records import Result
from otel_memeval.redact import redact

if TYPE_CHECKING:
    from otel_memeval.commands.gauges import OneShotGauges
    from otel_memeval.exporters.otlp.exporter import OtlpExporter

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
    ) -> None:
        environment, self.lines = effective(settings.environment)
        settings = msgspec.structs.replace(settings, environment=environment)
        otlp = read(environment)

        def passed(result: Result) -> bool:
            return exit_status([result], fail_on) == PASSED

        self._spool = spool_folder(settings.environment)
        self._otlp = _open(settings, otlp, self._spool, events, passed, console) if otlp.signals else None
        self._gauges: OneShotGauges | None = None
        if gauges.anywhere:
            from otel_memeval.commands.gauges import OneShotGauges

            self._gauges = OneShotGauges(gauges, settings.secrets, passed)
        self._secrets = settings.secrets
        self.lines.extend(otlp.warnings)
        if events == "log" and "traces" in otlp.signals and "logs" not in otlp.signals:
            self.lines.append("--events log: lines that grow are not sent, because log records are not (OTEL_LOGS_EXPORTER)")
        self.undelivered = False
        decided = gauges.anywhere or any(
            value and name.startswith(_DECIDING) for name, value in settings.environment.items()
        )
        self.notes: list[str] = [] if decided else [HINT]
        """What need not be said to whoever wants to hear little."""

    def watching(self, terminal: Observer) -> Observer:
        """Who watches a run: the terminal, and what sends."""
        sending = [one for one in (self._otlp, self._gauges) if one is not None]
        return Several([terminal, *sending]) if sending else terminal

    def close(self) -> None:
        """Send what is left. Takes two seconds at most when nothing answers, and three for a Pushgateway that does not."""
        if self._otlp is not None:
            delivered = self._otlp.close()
            self.lines.extend(redact(line, self._secrets) for line in delivered.lines)
            self.notes.extend(delivered.notes)
            self.undelivered = delivered.undelivered
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
) -> OtlpExporter:
    from otel_memeval.exporters.otlp.exporter import OtlpExporter

    return OtlpExporter(settings, otlp, spool, events, passed, console)
