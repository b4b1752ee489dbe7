"""What leaves a measuring command: opened when something is configured, closed with a word on what did not arrive."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal, TextIO

import msgspec

from otel_memeval.config import Settings, spool_folder
from otel_memeval.exporters.otlp.declared import effective
from otel_memeval.exporters.otlp.settings import OtlpSettings, read
from otel_memeval.observer import Observer, Several
from otel_memeval.outcome import PASSED, exit_status
from otel_memeval.records import Result
from otel_memeval.redact import redact

if TYPE_CHECKING:
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
        self, settings: Settings, events: Literal["span", "log", "both"], fail_on: Collection[str], console: TextIO
    ) -> None:
        environment, self.lines = effective(settings.environment)
        settings = msgspec.structs.replace(settings, environment=environment)
        otlp = read(environment)
        self._otlp = _open(settings, otlp, events, fail_on, console) if otlp.signals else None
        self._secrets = settings.secrets
        self.lines.extend(otlp.warnings)
        if events == "log" and "traces" in otlp.signals and "logs" not in otlp.signals:
            self.lines.append("--events log: lines that grow are not sent, because log records are not (OTEL_LOGS_EXPORTER)")
        self.undelivered = False
        decided = any(value and name.startswith(_DECIDING) for name, value in settings.environment.items())
        self.notes: list[str] = [] if decided else [HINT]
        """What need not be said to whoever wants to hear little."""

    def watching(self, terminal: Observer) -> Observer:
        """Who watches a run: the terminal, and what sends."""
        return terminal if self._otlp is None else Several([terminal, self._otlp])

    def close(self) -> None:
        """Send what is left. Takes two seconds at most when nothing answers."""
        if self._otlp is not None:
            delivered = self._otlp.close()
            self.lines.extend(redact(line, self._secrets) for line in delivered.lines)
            self.notes.extend(delivered.notes)
            self.undelivered = delivered.undelivered


def _open(
    settings: Settings,
    otlp: OtlpSettings,
    events: Literal["span", "log", "both"],
    fail_on: Collection[str],
    console: TextIO,
) -> OtlpExporter:
    from otel_memeval.exporters.otlp.exporter import OtlpExporter

    def passed(result: Result) -> bool:
        return exit_status([result], fail_on) == PASSED

    return OtlpExporter(settings, otlp, spool_folder(settings.environment), events, passed, console)
