"""Measure a scenario in a real worker and take its spans, as an exporter does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from otel_memeval.config import Settings
from otel_memeval.records import Result
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.run.worker_run import run_target
from otel_memeval.tracing.ids import Parent, iteration_span_id, run_span_id
from otel_memeval.tracing.otlp_span import FinishedSpan, Span
from otel_memeval.wire import ContentCapture


class SpanObserver(Observer):
    """Keeps the spans of a run, in the groups in which they came."""

    def __init__(self, sampled: bool | None = None) -> None:
        self._sampled = sampled
        self.groups: list[list[Span]] = []

    def should_sample(self, trace_id: str) -> bool | None:
        """Return the decision that the test chose."""
        assert len(bytes.fromhex(trace_id)) == 16
        return self._sampled

    def on_spans(self, spans: Sequence[FinishedSpan]) -> None:
        """Keep a group of spans."""
        self.groups.append([msgspec.json.decode(finished.span, type=Span) for finished in spans])

    @property
    def spans(self) -> list[Span]:
        """Return all spans, in order."""
        return [span for group in self.groups for span in group]


class Traced:
    """A run, and its spans by name and parent."""

    def __init__(self, result: Result, observer: SpanObserver) -> None:
        self.result = result
        self.groups = observer.groups
        self.spans = observer.spans
        names = {run_span_id(result.run.id): "run"}
        for iteration in result.iterations:
            name = f"{iteration.phase} {iteration.index}"
            names[iteration_span_id(result.run.id, iteration.phase, iteration.index)] = name
        names.update({span.span_id: span.name for span in self.spans})
        self.tree = [(span.name, names.get(span.parent_span_id, span.parent_span_id)) for span in self.spans]

    @property
    def errors(self) -> list[str]:
        """Return the errors that iterations raised."""
        errors = [iteration.error for iteration in self.result.iterations if iteration.error]
        return [f"{error.type}: {error.message}" for error in errors]


def trace(
    folder: Path,
    source: str,
    iterations: int = 2,
    *,
    parent: Parent | None = None,
    content_capture: ContentCapture = "none",
    secrets: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
    keep_going: bool = False,
    sampled: bool | None = None,
) -> Traced:
    """Measure ``source`` in a worker, without warm-ups, and take its spans. ``sampled``: the decision of an exporter."""
    path = folder / "traced.py"
    path.write_text(source, encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTHON"))}
    settings = Settings(
        environment={**inherited, **(environment or {})},
        folder=str(folder),
        parent=parent,
        content_capture=content_capture,
        secrets=secrets,
    )
    options = Options(iterations=iterations, warmup=0, trace_scenario=True, timeout_seconds=60, keep_going=keep_going)
    observer = SpanObserver(sampled)
    results: list[Result] = []
    run_target(str(path), options, lambda _: observer, settings, results.append)
    return Traced(results[0], observer)
