"""An exporter that writes to the console, and what it wrote."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from otel_memeval.config import Settings
from otel_memeval.exporters.otlp.exporter import EventPlacement, OtlpExporter
from otel_memeval.exporters.otlp.settings import SIGNALS, OtlpSettings, Signal
from otel_memeval.records import InitialReading, Iteration, Result
from otel_memeval.run.locations import SiteChange

RUN = uuid4().hex
SETTINGS = Settings(environment={}, folder=".", secrets=("a-secret-value",))


class Exported:
    """What an exporter writes to the console, message by message."""

    def __init__(
        self,
        *,
        events: EventPlacement = "span",
        passed: bool = True,
        own: OtlpSettings | None = None,
        settings: Settings = SETTINGS,
    ) -> None:
        everything = msgspec.structs.replace(own or OtlpSettings(), console=frozenset(SIGNALS), delay_seconds=60.0)
        self._out = io.StringIO()
        self.exporter = OtlpExporter(settings, everything, Path(), events, lambda _: passed, self._out)

    def begin(self, retained_bytes: int = 0) -> None:
        """A run is under way; its eval has a name."""
        self.exporter._start(RUN, "An eval", "2026-01-01T00:00:00+00:00", InitialReading(retained_bytes=retained_bytes))

    def tell(self, result: Result, *iterations: tuple[Iteration, list[SiteChange]]) -> None:
        """Iterations, the verdict, the end."""
        for iteration, growing in iterations:
            self.exporter.on_iteration(iteration, growing, 1)
        self.exporter.on_result(result)
        self.exporter.close()

    @property
    def lines(self) -> list[bytes]:
        """Each is one message."""
        return [line.encode() for line in self._out.getvalue().split("\n") if line]

    def items(self, signal: Signal) -> list[dict[str, Any]]:
        """All spans, metrics or records."""
        root, scopes, items = {
            "traces": ("resourceSpans", "scopeSpans", "spans"),
            "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
            "logs": ("resourceLogs", "scopeLogs", "logRecords"),
        }[signal]
        messages = [json.loads(line) for line in self.lines]
        return [item for one in messages for group in one.get(root, ()) for scope in group[scopes] for item in scope[items]]

    def spans(self) -> dict[str, dict[str, Any]]:
        """By id."""
        return {span["spanId"]: span for span in self.items("traces")}


def plain(keys: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes as Python values."""
    return {one["key"]: next(iter(one["value"].values()), None) for one in keys}


def ours(result: Result) -> Result:
    """The result of the run of these tests."""
    run = msgspec.structs.replace(result.run, id=RUN, started_at="2026-01-01T00:00:00+00:00")
    return msgspec.structs.replace(result, run=run)
