"""Measures a scenario in a real worker and takes its spans, as an exporter would."""

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


class Watching(Observer):
    """Keeps the spans that it is told, in groups as they came."""

    def __init__(self, sampled: bool | None = None) -> None:
        self._sampled = sampled
        self.groups: list[list[Span]] = []

    def should_sample(self, trace_id: str) -> bool | None:
        """As was said when it was made."""
        assert len(bytes.fromhex(trace_id)) == 16
        return self._sampled

    def on_spans(self, spans: Sequence[FinishedSpan]) -> None:
        """Keep them."""
        self.groups.append([msgspec.json.decode(finished.span, type=Span) for finished in spans])

    @property
    def spans(self) -> list[Span]:
        """All, in order."""
        return [span for group in self.groups for span in group]


class Traced:
    """A run, and its spans by name and parent."""

    def __init__(self, result: Result, watching: Watching) -> None:
        self.result = result
        self.groups = watching.groups
        self.spans = watching.spans
        names = {run_span_id(result.run.id): "run"}
        for one in result.iterations:
            names[iteration_span_id(result.run.id, one.phase, one.index)] = f"{one.phase} {one.index}"
        names.update({span.span_id: span.name for span in self.spans})
        self.tree = [(span.name, names.get(span.parent_span_id, span.parent_span_id)) for span in self.spans]

    @property
    def errors(self) -> list[str]:
        """What iterations raised."""
        return [f"{one.error.type}: {one.error.message}" for one in self.result.iterations if one.error]


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
    """Measure ``source`` in a worker, without warm-ups, and take its spans. ``sampled``: what an exporter decides."""
    path = folder / "traced.py"
    path.write_text(source, encoding="utf-8")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTHON"))}
    all_of_it = {**inherited, **(environment or {})}
    settings = Settings(
        environment=all_of_it, folder=str(folder), parent=parent, content_capture=content_capture, secrets=secrets
    )
    options = Options(iterations=iterations, warmup=0, trace_scenario=True, timeout_seconds=60, keep_going=keep_going)
    watching = Watching(sampled)
    results: list[Result] = []
    run_target(str(path), options, lambda _: watching, settings, results.append)
    return Traced(results[0], watching)
