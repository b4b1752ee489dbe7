"""Who watches a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from otel_memeval.records import Baseline, Iteration, Result
from otel_memeval.run.locations import Growing
from otel_memeval.run.plan import Plan
from otel_memeval.tracing.otlp_span import Json


class Observer(Protocol):
    """Who wants to know while a run goes on."""

    def samples(self, trace_id: str) -> bool | None:
        """Whether the trace (hexadecimal) of a run that is about to begin will be kept; None: not for me to say."""

    def described(self, description: str, plan: Plan) -> None:
        """The scenario is set up, and says what it runs against."""

    def begun(self, run_id: str, started_at: str, baseline: Baseline) -> None:
        """The scenario is set up, and the first reading taken. ``started_at``: of the run, RFC 3339."""

    def iterated(self, iteration: Iteration, growing: list[Growing], total: int) -> None:
        """An iteration is done, of ``total`` (warm-ups included); ``growing``: what is larger than before, largest first."""

    def scenario_spans(self, spans: Sequence[Json]) -> None:
        """Spans of the scenario's that have ended, as OTLP's JSON, each with its ``scope``; secrets are masked.

        They come before the ``iterated`` of the iteration in which they ended.
        """

    def extended(self, total: int, why: str) -> None:
        """The run goes on to ``total`` iterations because it is undecided."""

    def noted(self, what: str) -> None:
        """Something is done that is not measured."""

    def judged(self, result: Result) -> None:
        """The run is over; this is all of it."""

    def printed(self, output: str) -> None:
        """The end of what the scenario printed, once the run is over."""


class Silent:
    """An observer that wants to know nothing."""

    def samples(self, trace_id: str) -> bool | None:
        """Nothing."""

    def described(self, description: str, plan: Plan) -> None:
        """Nothing."""

    def begun(self, run_id: str, started_at: str, baseline: Baseline) -> None:
        """Nothing."""

    def iterated(self, iteration: Iteration, growing: list[Growing], total: int) -> None:
        """Nothing."""

    def scenario_spans(self, spans: Sequence[Json]) -> None:
        """Nothing."""

    def extended(self, total: int, why: str) -> None:
        """Nothing."""

    def noted(self, what: str) -> None:
        """Nothing."""

    def printed(self, output: str) -> None:
        """Nothing."""

    def judged(self, result: Result) -> None:
        """Nothing."""


class Several:
    """Tells each of several observers."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def samples(self, trace_id: str) -> bool | None:
        """The first who says."""
        said = (one.samples(trace_id) for one in self._observers)
        return next((answer for answer in said if answer is not None), None)

    def described(self, description: str, plan: Plan) -> None:
        """To each."""
        for one in self._observers:
            one.described(description, plan)

    def begun(self, run_id: str, started_at: str, baseline: Baseline) -> None:
        """To each."""
        for one in self._observers:
            one.begun(run_id, started_at, baseline)

    def iterated(self, iteration: Iteration, growing: list[Growing], total: int) -> None:
        """To each."""
        for one in self._observers:
            one.iterated(iteration, growing, total)

    def scenario_spans(self, spans: Sequence[Json]) -> None:
        """To each."""
        for one in self._observers:
            one.scenario_spans(spans)

    def extended(self, total: int, why: str) -> None:
        """To each."""
        for one in self._observers:
            one.extended(total, why)

    def noted(self, what: str) -> None:
        """To each."""
        for one in self._observers:
            one.noted(what)

    def printed(self, output: str) -> None:
        """To each."""
        for one in self._observers:
            one.printed(output)

    def judged(self, result: Result) -> None:
        """To each."""
        for one in self._observers:
            one.judged(result)
