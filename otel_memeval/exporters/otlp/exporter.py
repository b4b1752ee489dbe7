"""A run's iterations, as they come, and its verdict, out over OTLP. Watches one run after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, TextIO

import msgspec
from opentelemetry.context import Context
from opentelemetry.trace import Span

from otel_memeval import telemetry
from otel_memeval.config import Settings
from otel_memeval.exporters.otlp import attributes as describe
from otel_memeval.exporters.otlp.delivery.delivery import Delivery, DeliveryReport
from otel_memeval.exporters.otlp.logs import event_record, verdict_record
from otel_memeval.exporters.otlp.metrics import Accounts, Moment, gauges
from otel_memeval.exporters.otlp.otlp_json import Json, attributes
from otel_memeval.exporters.otlp.resource import resource_values, steady
from otel_memeval.exporters.otlp.settings import OtlpSettings, Signal
from otel_memeval.exporters.otlp.spans import Event, Spans, at, child_of, later, remote_parent, samples
from otel_memeval.records import InitialReading, Iteration, Result
from otel_memeval.redact import redact
from otel_memeval.run.locations import FunctionNames, SiteChange
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Plan
from otel_memeval.tracing.ids import iteration_span_id, run_span_id, trace_id
from otel_memeval.tracing.otlp_span import FinishedSpan
from otel_memeval.version import __version__

MOST_EARLY = 1000

Events = Literal["span", "log", "both"]


class Standing:
    """What goes on from one exporter to the next in a process that stays: counters, how often it measures, and the SDK's
    provider, of which each leaves a hook in the process that nobody can take away (``os.register_at_fork``).
    """

    def __init__(self, accounts: Accounts, interval_seconds: float) -> None:
        self.accounts = accounts
        self.interval_seconds = interval_seconds
        self._spans: Spans | None = None

    def spans(self, otlp: OtlpSettings, take: Callable[[Json], None]) -> Spans:
        """Made once; the settings are those of the process."""
        if self._spans is None:
            self._spans = Spans(otlp, take)
        self._spans.hand_to(take)
        return self._spans


class _Run(msgspec.Struct, kw_only=True):
    """The run that is being told."""

    id: str
    trace_id: str
    eval_name: str
    start: int
    span: Span
    retained_bytes: int | None
    """As the last reading found it."""
    heard: int = 0
    """Iterations."""
    end: int = 0


class OtlpExporter(Observer):
    """The way out of one command; an observer of each of its runs. ``passed`` says whether a result passes;
    ``console`` is where the console exporter writes; ``standing``: this is one of many in the same process.

    Nothing is opened before the first run is under way: what is measured in this process does not see it.
    """

    def __init__(
        self,
        settings: Settings,
        otlp: OtlpSettings,
        spool: Path,
        events: Events,
        passed: Callable[[Result], bool],
        console: TextIO,
        standing: Standing | None = None,
    ) -> None:
        self._console = console
        self._standing = standing
        self._settings = settings
        self._otlp = otlp
        self._spool = spool
        self._events: Events = events
        self._passed = passed
        self._functions = FunctionNames(settings.folder)
        self._masked = lru_cache(maxsize=1024)(lambda text: redact(text, settings.secrets))
        self._parent: Context | None = None
        self._delivery: Delivery | None = None
        self._failures_counted = 0
        self._plan: Plan | None = None
        self._run: _Run | None = None
        self._early: list[FinishedSpan] = []
        """The scenario's spans from before its set-up was over."""

    def should_sample(self, trace_id: str) -> bool:
        """As the sampler will decide when the run's span begins."""
        return samples(self._otlp, trace_id, self._settings.parent)

    def on_set_up(self, description: str, plan: Plan) -> None:  # noqa: ARG002 - as an Observer
        """Takes the eval's name."""
        self._plan = plan

    def on_start(self, run_id: str, started_at: str, initial_reading: InitialReading) -> None:
        """Starts the run's span."""
        assert self._plan is not None
        self._start(run_id, self._plan.eval.name, started_at, initial_reading)

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:  # noqa: ARG002
        """One iteration, as a span."""
        if self._run is not None:
            self._iteration(self._run, iteration, changes)

    def on_spans(self, spans: Sequence[FinishedSpan]) -> None:
        """Send spans of the scenario, if the run's trace is sampled; keep those that came before the run's span."""
        if self._run is None:
            self._early.extend(spans[: MOST_EARLY - len(self._early)])
        elif self._run.span.get_span_context().trace_flags.sampled:
            assert self._delivery is not None
            for span in spans:
                self._delivery.add("traces", span.span, self._resource, span.scope or self._scope)

    def on_result(self, result: Result) -> None:
        """The verdict: ends the run's span, and sends metrics and the log record."""
        result = self._without_secrets(result)
        run = self._run or self._start(result.run.id, result.eval.name, result.run.started_at, result.initial_reading)
        for iteration in result.iterations[run.heard :]:  # an interruption came before they were told
            self._iteration(run, iteration, [])
        passed = self._passed(result)
        end = max(later(run.start, result.run.duration_seconds), run.end)
        values = self._fit(describe.run_values(result, passed=passed))
        evaluation = self._fit(describe.evaluation_values(result))
        run.span.set_attributes(values)  # type: ignore[arg-type]
        error = describe.run_error(result, passed=passed)
        self._spans.end(
            run.span, end, self._on_span([Event(telemetry.EVALUATION_EVENT, evaluation, end)]), self._error(error)
        )
        span_id = run_span_id(run.id)
        common = self._fit(describe.common_values(run.id, run.eval_name))
        if self._events != "span":
            self._log(event_record(telemetry.EVALUATION_EVENT, end, run.trace_id, span_id, {**common, **evaluation}))
        self._log(verdict_record(result, end, run.trace_id, span_id, {**common, **values}, passed=passed))
        interrupted = result.failure is not None and result.failure.type == "Interrupted"
        if not (interrupted and self._standing):  # who ends a service says nothing of its evals
            self._tell_metrics(result, end, passed=passed)
        self._run = None

    def close(self, hurried: Callable[[], bool] = lambda: False) -> DeliveryReport:
        """Send what is left, and say what became of it all; takes two seconds at most when nothing answers, and half of one
        once it is ``hurried``.
        """
        if self._delivery is None:
            return DeliveryReport()
        delivered = self._delivery.close(hurried)
        self._count_failures()
        return delivered

    @property
    def failures(self) -> int:
        """Requests so far that were no delivery."""
        return 0 if self._delivery is None else self._delivery.failures

    def _open(self, run_id: str) -> None:
        logger = logging.getLogger("opentelemetry")
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())  # what matters is said by this tool
        values = self._fit(resource_values(self._settings))
        self._resource = msgspec.json.encode({"attributes": attributes(values)})
        self._steady_resource = msgspec.json.encode({"attributes": attributes(steady(values))})
        self._scope = msgspec.json.encode({"name": telemetry.SCOPE, "version": __version__})
        self._spans = self._standing.spans(self._otlp, self._span) if self._standing else Spans(self._otlp, self._span)
        self._accounts = self._standing.accounts if self._standing else Accounts(time.time_ns(), delta=self._otlp.delta)
        tracestate = self._settings.environment.get("TRACESTATE", "")
        self._parent = remote_parent(self._settings.parent, tracestate)
        self._delivery = Delivery(self._otlp, self._spool, run_id, self._console)

    def _span(self, span: Json) -> None:
        self._add("traces", span, self._resource, self._scope)

    def _start(self, run_id: str, eval_name: str, started_at: str, initial_reading: InitialReading | None) -> _Run:
        if self._delivery is None:
            self._open(run_id)
        eval_name = self._masked(eval_name)
        trace = trace_id(run_id, self._settings.parent)
        start = at(started_at, time.time_ns())
        common = self._fit(describe.common_values(run_id, eval_name))
        name = telemetry.span_name(telemetry.RUN_SPAN, eval_name)
        self._run = _Run(
            id=run_id,
            trace_id=trace,
            eval_name=eval_name,
            start=start,
            span=self._spans.begin(name, trace, run_span_id(run_id), start, common, self._parent),
            retained_bytes=None if initial_reading is None else initial_reading.retained_bytes,
        )
        early, self._early = self._early, []
        self.on_spans(early)
        return self._run

    def _iteration(self, run: _Run, iteration: Iteration, growing: list[SiteChange]) -> None:
        run.heard += 1
        retained, before = iteration.retained_bytes, run.retained_bytes
        grown = None if retained is None or before is None else retained - before
        run.retained_bytes = before if retained is None else retained
        start = max(at(iteration.started_at, run.end or run.start), run.start)
        end = later(start, iteration.duration_seconds)
        run.end = max(run.end, end)
        span_id = iteration_span_id(run.id, iteration.phase, iteration.index)
        common = self._fit(describe.common_values(run.id, run.eval_name))
        values = self._fit(describe.iteration_values(iteration, grown))
        name = telemetry.span_name(telemetry.ITERATION_SPAN, run.eval_name)
        span = self._spans.begin(name, run.trace_id, span_id, start, {**common, **values}, child_of(run.span))
        sampled = span.get_span_context().trace_flags.sampled
        # As many as a span holds: beyond that the SDK would drop the first, which are the largest.
        events = [
            Event(telemetry.GROWTH_EVENT, self._fit(describe.growth_values(one, rank, self._functions.name(one))), end)
            for rank, one in enumerate(growing[: self._otlp.limits.events], 1)
        ]
        self._spans.end(span, end, self._on_span(events), self._error(describe.iteration_error(iteration)))
        if self._events != "span":
            for event in events:
                self._log(event_record(event.name, end, run.trace_id, span_id, {**common, **event.values}))
        exemplar = Moment(at=end, trace_id=run.trace_id, span_id=span_id) if sampled and self._otlp.exemplars else None
        self._accounts.iteration(run.eval_name, iteration, exemplar)

    def _tell_metrics(self, result: Result, now: int, *, passed: bool) -> None:
        assert self._delivery is not None
        self._accounts.count(telemetry.RUNS_TOTAL, {"eval": result.eval.name, "state": result.verdict.state})
        self._count_failures()
        interval = self._standing.interval_seconds if self._standing else None
        for metric in [*gauges(result, now, passed=passed, interval_seconds=interval), *self._accounts.tell(now)]:
            self._add("metrics", metric, self._steady_resource, self._scope)

    def _count_failures(self) -> None:
        new, self._failures_counted = self.failures - self._failures_counted, self.failures
        self._accounts.count(telemetry.EXPORT_FAILURES, {"exporter": "otlp"}, new)

    def _on_span(self, events: list[Event]) -> list[Event]:
        return [] if self._events == "log" else events

    def _log(self, record: Json) -> None:
        self._add("logs", record, self._resource, self._scope)

    def _add(self, signal: Signal, item: Json, resource: bytes, scope: bytes) -> None:
        assert self._delivery is not None
        self._delivery.add(signal, msgspec.json.encode(item), resource, scope)

    def _without_secrets(self, result: Result) -> Result:
        """The names and sentences of a result, masked: they are labels and bodies as well."""
        replace = msgspec.structs.replace
        masked = self._masked
        return replace(
            result,
            run=replace(result.run, target=masked(result.run.target)),
            eval=replace(result.eval, name=masked(result.eval.name)),
            verdict=replace(result.verdict, summary=masked(result.verdict.summary)),
            sites=[replace(one, file=masked(one.file), function=masked(one.function)) for one in result.sites],
            holders=[replace(one, path=masked(one.path), type=masked(one.type)) for one in result.holders],
        )

    def _fit(self, values: Mapping[str, object]) -> dict[str, object]:
        """Attributes without secrets."""
        return {
            name: self._masked(value)
            if isinstance(value, str)
            else [self._masked(str(one)) for one in value]
            if isinstance(value, (list, tuple))
            else value
            for name, value in values.items()
        }

    def _error(self, error: describe.Error | None) -> describe.Error | None:
        return None if error is None else (self._masked(error[0]), self._masked(error[1]))
