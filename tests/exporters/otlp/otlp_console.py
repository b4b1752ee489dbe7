"""An exporter that writes to the console, and its messages."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from otel_memeval.config import Settings
from otel_memeval.exporters.otlp.exporter import EventPlacement, OtlpExporter
from otel_memeval.exporters.otlp.output import ServiceTelemetry
from otel_memeval.exporters.otlp.settings import SIGNALS, OtlpSettings, Signal
from otel_memeval.records import Eval, InitialReading, Iteration, Limits, Result
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.plan import Plan

RUN = uuid4().hex
PLAN = Plan(
    eval=Eval(name="An eval", iterations=1, warmup=0, limits=Limits()),
    most_iterations=1,
    top=5,
    debug=False,
    show_progress=False,
)
SETTINGS = Settings(environment={}, folder=".", secrets=("a-secret-value",))


class Exported:
    """An exporter with all signals on the console."""

    def __init__(
        self,
        *,
        events: EventPlacement = "span",
        passed: bool = True,
        own: OtlpSettings | None = None,
        settings: Settings = SETTINGS,
        service: ServiceTelemetry | None = None,
    ) -> None:
        everything = msgspec.structs.replace(own or OtlpSettings(), console=frozenset(SIGNALS), delay_seconds=60.0)
        self._out = io.StringIO()
        self.exporter = OtlpExporter(settings, everything, Path(), events, lambda _: passed, self._out, service)

    def begin(self, retained_bytes: int = 0) -> None:
        """Start the run."""
        self.exporter.on_set_up("", PLAN)
        self.exporter.on_start(RUN, "2026-01-01T00:00:00+00:00", InitialReading(retained_bytes=retained_bytes))

    def export(self, result: Result, *iterations: tuple[Iteration, list[SiteChange]]) -> None:
        """Export the iterations and the result, and close the exporter."""
        for iteration, changes in iterations:
            self.exporter.on_iteration(iteration, changes, 1)
        self.exporter.on_result(result)
        self.exporter.close()

    @property
    def lines(self) -> list[bytes]:
        """Return the lines; each is one message."""
        return [line.encode() for line in self._out.getvalue().split("\n") if line]

    def items(self, signal: Signal) -> list[dict[str, Any]]:
        """Return all spans, metrics or records."""
        root, scopes, items = {
            "traces": ("resourceSpans", "scopeSpans", "spans"),
            "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
            "logs": ("resourceLogs", "scopeLogs", "logRecords"),
        }[signal]
        messages = [json.loads(line) for line in self.lines]
        return [
            item
            for message in messages
            for group in message.get(root, ())
            for scope in group[scopes]
            for item in scope[items]
        ]

    def spans(self) -> dict[str, dict[str, Any]]:
        """Return the spans by id."""
        return {span["spanId"]: span for span in self.items("traces")}


def plain(keys: list[dict[str, Any]]) -> dict[str, Any]:
    """Return attributes as Python values."""
    return {pair["key"]: next(iter(pair["value"].values()), None) for pair in keys}


def ours(result: Result) -> Result:
    """Return a result with the id and the time of these tests."""
    run = msgspec.structs.replace(result.run, id=RUN, started_at="2026-01-01T00:00:00+00:00")
    return msgspec.structs.replace(result, run=run)
