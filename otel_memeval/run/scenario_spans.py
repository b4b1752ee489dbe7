"""The scenario's spans on their way through: masked, summed up an iteration, handed on. Nothing of them is kept."""

from __future__ import annotations

from otel_memeval import wire
from otel_memeval.config import Settings
from otel_memeval.records import GenAi
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.tracing.genai import Sums
from otel_memeval.tracing.ids import trace_id
from otel_memeval.tracing.otlp_span import Json, Masker, as_json

MOST_AT_ONCE = 512
"""Spans that are handed on together; an iteration with more hands them on in parts."""


class ScenarioSpans:
    """Takes what the worker tells of spans; ``observer`` gets them in the order in which they ended."""

    def __init__(self, options: Options, settings: Settings, observer: Observer) -> None:
        self.wanted = options.trace_scenario and not settings.sdk_disabled
        """Whether the scenario's spans are to be taken at all."""
        self._settings = settings
        self._masker = Masker(settings.secrets)
        self._observer = observer
        self._waiting: list[Json] = []
        self._sums = Sums()

    def command(self, run_id: str) -> str:
        """What a worker has to know of a run to take the scenario's spans; the first thing that it is told.

        Whether the trace is kept goes along with every request that the scenario makes, for those who answer to do likewise.
        """
        parent = self._settings.parent
        trace = trace_id(run_id, parent)
        sampled = self._observer.should_sample(trace)
        if sampled is None:
            sampled = parent is None or parent.sampled
        return wire.trace_command(run_id, trace, sampled=sampled, contents=self._settings.contents)

    def heard(self, message: wire.AnyMessage) -> bool:
        """Take a message, if it is about spans."""
        if isinstance(message, wire.ScenarioSpan):
            self._sums.add(message.span)
            self._waiting.append(as_json(self._masker.span(message.span), message.scope))
            if len(self._waiting) >= MOST_AT_ONCE:
                self._flush()
            return True
        if isinstance(message, wire.SpansDropped):
            self._sums.dropped(message.count)
            return True
        return False

    def ended(self) -> GenAi | None:
        """An iteration, set-up or tear-down is over: hand on what is left; the sums of it all, if they were wanted."""
        self._flush()
        total = self._sums.total()
        self._sums = Sums()
        return total if self.wanted else None

    def _flush(self) -> None:
        if self._waiting:
            self._observer.on_spans(self._waiting)
            self._waiting = []
