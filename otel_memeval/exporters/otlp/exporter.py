"""Export the iterations and the verdict of runs over OTLP, as an observer of one run after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TextIO

import msgspec
from opentelemetry.trace import Span

from otel_memeval import telemetry
from otel_memeval.config import Settings
from otel_memeval.exporters.otlp import attributes as build
from otel_memeval.exporters.otlp.delivery.delivery import Delivery, DeliveryReport
from otel_memeval.exporters.otlp.logs import event_record, verdict_record
from otel_memeval.exporters.otlp.metrics import ExemplarContext, gauge_metrics
from otel_memeval.exporters.otlp.output import OtlpOutput, ServiceTelemetry
from otel_memeval.exporters.otlp.settings import OtlpSettings
from otel_memeval.exporters.otlp.spans import TelemetryEvent, add_seconds, child_of, is_sampled, unix_nanoseconds
from otel_memeval.records import InitialReading, Iteration, Result
from otel_memeval.redact import Masker
from otel_memeval.run.locations import SiteChange, SourceLookup
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Plan
from otel_memeval.tracing.ids import iteration_span_id, run_span_id, trace_id
from otel_memeval.tracing.otlp_span import FinishedSpan

MOST_EARLY_SPANS = 1000
"""Spans of the scenario's set-up that wait for the span of the run."""

EventPlacement = Literal["span", "log", "both"]


class _ExportedRun(msgspec.Struct, kw_only=True):
    """The run that is being exported; times in nanoseconds since 1970."""

    id: str
    trace_id: str
    eval_name: str
    output: OtlpOutput
    span: Span
    attributes: dict[str, object]
    """On every span and log record."""
    retained_bytes: int | None
    """By the last reading."""
    start_ns: int
    end_ns: int = 0
    iterations: int = 0


class OtlpExporter(Observer):
    """Exporter of one command.

    Nothing is opened before the first run starts: what is measured in this process must not see it.
    """

    def __init__(
        self,
        settings: Settings,
        otlp: OtlpSettings,
        spool: Path,
        events: EventPlacement,
        passed: Callable[[Result], bool],
        console: TextIO,
        service: ServiceTelemetry | None = None,
    ) -> None:
        """Open nothing yet; ``passed`` tells whether a result passes, and the console exporter writes to ``console``.

        ``service`` is given if this exporter is one of many in the process of a service.
        """
        self._settings = settings
        self._otlp = otlp
        self._spool = spool
        self._events: EventPlacement = events
        self._passed = passed
        self._console = console
        self._service = service
        self._source_lookup = SourceLookup(settings.folder)
        self._masker = Masker(settings.secrets)
        self._output: OtlpOutput | None = None
        self._plan: Plan | None = None
        self._run: _ExportedRun | None = None
        self._early_spans: list[FinishedSpan] = []

    def should_sample(self, trace_id: str) -> bool:
        """Return the decision that the sampler will make when the run's span begins."""
        return is_sampled(self._otlp, trace_id, self._settings.parent)

    def on_set_up(self, description: str, plan: Plan) -> None:  # noqa: ARG002 - as an Observer
        """Keep the plan, which names the eval."""
        self._plan = plan

    def on_start(self, run_id: str, started_at: str, initial_reading: InitialReading) -> None:
        """Start the span of the run."""
        assert self._plan is not None
        self._start(run_id, self._plan.eval.name, started_at, initial_reading)

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:  # noqa: ARG002
        """Export an iteration as a span."""
        if self._run is not None:
            self._export_iteration(self._run, iteration, changes)

    def on_spans(self, spans: Sequence[FinishedSpan]) -> None:
        """Send spans of the scenario if the run is sampled; keep spans that ended before the run's span began."""
        if self._run is None:
            self._early_spans.extend(spans[: MOST_EARLY_SPANS - len(self._early_spans)])
        elif self._run.span.get_span_context().trace_flags.sampled:
            for span in spans:
                self._run.output.add_finished_span(span)

    def on_result(self, result: Result) -> None:
        """End the span of the run, and send its metrics and its log records."""
        run = self._run or self._start(result.run.id, result.eval.name, result.run.started_at, result.initial_reading)
        for iteration in result.iterations[run.iterations :]:  # those that an interruption kept from observers
            self._export_iteration(run, iteration, [])
        run.end_ns = max(add_seconds(run.start_ns, result.run.duration_seconds), run.end_ns)
        passed = self._passed(result)
        self._export_run(run, result, passed=passed)
        is_interrupted = result.failure is not None and result.failure.type == "Interrupted"
        if not (is_interrupted and self._service):  # the end of a service says nothing about its evals
            self._export_metrics(run, result, passed=passed)
        self._run = None

    def close(self, is_hurried: Callable[[], bool] = lambda: False) -> DeliveryReport:
        """Send what is left and report the result.

        Takes two seconds at most if no receiver answers, and half a second once ``is_hurried`` returns True.
        """
        return DeliveryReport() if self._output is None else self._output.close(is_hurried)

    @property
    def failures(self) -> int:
        """Return the number of attempts so far that delivered nothing."""
        return 0 if self._output is None else self._output.failures

    def _open(self, run_id: str) -> OtlpOutput:
        """Start the delivery; ``run_id`` names its folder in the spool."""
        delivery = Delivery(self._otlp, self._spool, run_id, self._console, self._settings.secrets)
        return OtlpOutput(self._settings, self._otlp, delivery, self._masker, self._service)

    def _start(self, run_id: str, eval_name: str, started_at: str, initial_reading: InitialReading | None) -> _ExportedRun:
        output = self._output = self._output or self._open(run_id)
        trace = trace_id(run_id, self._settings.parent)
        start_ns = unix_nanoseconds(started_at, time.time_ns())
        attributes = dict(build.common_attributes(run_id, eval_name))
        name = telemetry.span_name(telemetry.RUN_SPAN, eval_name)
        self._run = _ExportedRun(
            id=run_id,
            trace_id=trace,
            eval_name=eval_name,
            output=output,
            span=output.span_factory.begin(name, trace, run_span_id(run_id), start_ns, attributes, output.parent),
            attributes=attributes,
            retained_bytes=None if initial_reading is None else initial_reading.retained_bytes,
            start_ns=start_ns,
        )
        early_spans, self._early_spans = self._early_spans, []
        self.on_spans(early_spans)
        return self._run

    def _export_iteration(self, run: _ExportedRun, iteration: Iteration, changes: list[SiteChange]) -> None:
        run.iterations += 1
        start_ns = max(unix_nanoseconds(iteration.started_at, run.end_ns or run.start_ns), run.start_ns)
        end_ns = add_seconds(start_ns, iteration.duration_seconds)
        run.end_ns = max(run.end_ns, end_ns)
        span_id = iteration_span_id(run.id, iteration.phase, iteration.index)
        attributes = build.iteration_attributes(iteration, _retained_growth(run, iteration))
        name = telemetry.span_name(telemetry.ITERATION_SPAN, run.eval_name)
        factory = run.output.span_factory
        span = factory.begin(name, run.trace_id, span_id, start_ns, {**run.attributes, **attributes}, child_of(run.span))
        events = self._growth_events(changes, end_ns)
        run.output.add_span(factory.end(span, end_ns, self._on_span(events), build.iteration_error(iteration)))
        self._log_events(run, events, span_id)
        is_exemplar = span.get_span_context().trace_flags.sampled and self._otlp.exemplars
        exemplar = ExemplarContext(at_ns=end_ns, trace_id=run.trace_id, span_id=span_id) if is_exemplar else None
        run.output.aggregator.add_iteration(run.eval_name, iteration, exemplar)

    def _growth_events(self, changes: list[SiteChange], at_ns: int) -> list[TelemetryEvent]:
        """Return one event for each site, as many as a span holds: the SDK would drop the first, which are the largest."""
        events = []
        for rank, change in enumerate(changes[: self._otlp.limits.events], 1):
            site = (change.source, change.line)
            function = self._masker.text(self._source_lookup.location(site).function)
            events.append(TelemetryEvent(telemetry.GROWTH_EVENT, build.growth_attributes(change, rank, function), at_ns))
        return events

    def _export_run(self, run: _ExportedRun, result: Result, *, passed: bool) -> None:
        attributes = build.run_attributes(result, passed=passed)
        event = TelemetryEvent(telemetry.EVALUATION_EVENT, build.evaluation_attributes(result), run.end_ns)
        run.span.set_attributes(attributes)  # type: ignore[arg-type]
        error = build.run_error(result, passed=passed)
        run.output.add_span(run.output.span_factory.end(run.span, run.end_ns, self._on_span([event]), error))
        span_id = run_span_id(run.id)
        self._log_events(run, [event], span_id)
        attributes = {**run.attributes, **attributes}
        run.output.add_log(verdict_record(result, run.end_ns, run.trace_id, span_id, attributes, passed=passed))

    def _export_metrics(self, run: _ExportedRun, result: Result, *, passed: bool) -> None:
        aggregator = run.output.aggregator
        aggregator.add(telemetry.RUNS_TOTAL, {"eval": result.eval.name, "state": result.verdict.state})
        run.output.count_failures()
        interval_seconds = self._service.interval_seconds if self._service else None
        run.output.add_metrics(gauge_metrics(result, run.end_ns, passed=passed, interval_seconds=interval_seconds))
        run.output.add_metrics(aggregator.collect(run.end_ns))

    def _on_span(self, events: list[TelemetryEvent]) -> list[TelemetryEvent]:
        return [] if self._events == "log" else events

    def _log_events(self, run: _ExportedRun, events: list[TelemetryEvent], span_id: str) -> None:
        if self._events != "span":
            for event in events:
                attributes = {**run.attributes, **event.attributes}
                run.output.add_log(event_record(event.name, event.at_ns, run.trace_id, span_id, attributes))


def _retained_growth(run: _ExportedRun, iteration: Iteration) -> int | None:
    """Return the growth since the reading before, in bytes, and keep the new reading; None without one of the two."""
    before, retained = run.retained_bytes, iteration.retained_bytes
    if retained is None:
        return None
    run.retained_bytes = retained
    return None if before is None else retained - before
