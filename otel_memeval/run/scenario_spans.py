"""Spans of the scenario: masked, summed up per iteration, and passed on to the observer. Nothing of them is kept."""

from __future__ import annotations

from otel_memeval import wire
from otel_memeval.config import Settings
from otel_memeval.records import GenAi
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.tracing.genai import GenAiSums
from otel_memeval.tracing.ids import trace_id
from otel_memeval.tracing.otlp_span import FinishedSpan, SpanMasker

MOST_AT_ONCE = 512
"""Spans that are passed on together; an iteration with more of them passes them on in parts."""


class ScenarioSpans:
    """Takes the worker's messages about spans; ``observer`` gets the spans in the order in which they ended."""

    def __init__(self, options: Options, settings: Settings, observer: Observer) -> None:
        self.wanted = options.trace_scenario and not settings.sdk_disabled
        """Whether the scenario's spans are taken at all."""
        self._settings = settings
        capture = settings.content_capture
        self._masker = SpanMasker(
            settings.secrets, in_spans=capture in ("spans", "both"), in_events=capture in ("events", "both")
        )
        self._observer = observer
        self._waiting: list[FinishedSpan] = []
        self._sums = GenAiSums()

    def command(self, run_id: str) -> wire.TraceScenario:
        """Return the command that has a worker take the scenario's spans; it comes before all others.

        The sampling decision travels with every request that the scenario makes, so that the receivers follow it.
        """
        parent = self._settings.parent
        trace = trace_id(run_id, parent)
        sampled = self._observer.should_sample(trace)
        if sampled is None:
            sampled = parent is None or parent.sampled
        capture = self._settings.content_capture
        return wire.TraceScenario(
            run_id=run_id,
            trace_id=trace,
            sampled=sampled,
            span_contents=capture in ("spans", "both"),
            event_contents=capture in ("events", "both"),
        )

    def take(self, message: wire.AnyMessage) -> bool:
        """Take a message if it is about spans; return whether it is."""
        if isinstance(message, wire.ScenarioSpan):
            self._sums.add(message.span, has_messages=message.has_messages)
            finished = self._masker.encode(message.span, message.scope)
            if finished is not None:
                self._waiting.append(finished)
            if len(self._waiting) >= MOST_AT_ONCE:
                self._flush()
            return True
        if isinstance(message, wire.SpansDropped):
            self._sums.add_dropped(message.count)
            return True
        return False

    def end_of_step(self) -> GenAi | None:
        """Pass on the spans of an iteration, set-up or tear-down that is over; return their sums if spans are wanted."""
        self._flush()
        total = self._sums.total()
        self._sums = GenAiSums()
        return total if self.wanted else None

    def _flush(self) -> None:
        if self._waiting:
            self._observer.on_spans(self._waiting)
            self._waiting = []
