"""Hooks that a run calls while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from otel_memeval.records import InitialReading, Iteration, Result
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.plan import Plan
from otel_memeval.tracing.otlp_span import FinishedSpan


class Observer:
    """Base class of observers; its methods do nothing, and an observer overrides the methods that it needs."""

    def should_sample(self, trace_id: str) -> bool | None:  # noqa: ARG002 - observers that decide look at it
        """Return whether the trace of a run that is about to begin will be kept, None if this observer does not decide.

        ``trace_id`` is hexadecimal. Called before the scenario is loaded.
        """
        return None

    def on_step(self, name: str, seconds_left: float | None = None) -> None:
        """Handle the beginning of a step other than the iterations, such as ``set-up`` or ``looking for holders``.

        ``seconds_left``: time for this step and those that follow it; None where no limit is set.
        """

    def before_iteration(self) -> None:
        """Wait until the next iteration may begin; called only if the options say ``in_turn``."""

    def on_set_up(self, description: str, plan: Plan) -> None:
        """Handle the end of the set-up; ``description`` is the scenario's own line, empty without a ``describe`` hook."""

    def on_start(self, run_id: str, started_at: str, initial_reading: InitialReading) -> None:
        """Handle the reading after the set-up. ``started_at`` is the start of the run (RFC 3339)."""

    def on_spans(self, spans: Sequence[FinishedSpan]) -> None:
        """Handle finished spans of the scenario: masked, without content that must not be sent, encoded as OTLP-JSON.

        Called before ``on_iteration`` of the iteration in which the spans ended.
        """

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:
        """Handle an iteration and the sites that grew in it, largest first. ``total`` counts warm-up iterations too."""

    def on_extension(self, total: int, reason: str) -> None:
        """Handle the extension of an undecided run to ``total`` iterations."""

    def on_note(self, note: str) -> None:
        """Handle the start of a step that is not measured."""

    def on_output(self, output: str) -> None:
        """Handle the end of the scenario's output, once the run is over."""

    def with_comparison(self, result: Result) -> Result:
        """Return the result with a comparison, if this observer makes one; called once, before ``on_result``."""
        return result

    def on_result(self, result: Result) -> None:
        """Handle the result of the run."""


class ObserverGroup(Observer):
    """Passes every call on to several observers, in order."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def should_sample(self, trace_id: str) -> bool | None:
        """Return the answer of the first observer that decides."""
        answers = (observer.should_sample(trace_id) for observer in self._observers)
        return next((answer for answer in answers if answer is not None), None)

    def on_step(self, name: str, seconds_left: float | None = None) -> None:
        """Pass the call on."""
        self._each(lambda observer: observer.on_step(name, seconds_left))

    def before_iteration(self) -> None:
        """Pass the call on."""
        self._each(lambda observer: observer.before_iteration())

    def on_set_up(self, description: str, plan: Plan) -> None:
        """Pass the call on."""
        self._each(lambda observer: observer.on_set_up(description, plan))

    def on_start(self, run_id: str, started_at: str, initial_reading: InitialReading) -> None:
        """Pass the call on."""
        self._each(lambda observer: observer.on_start(run_id, started_at, initial_reading))

    def on_spans(self, spans: Sequence[FinishedSpan]) -> None:
        """Pass the call on."""
        self._each(lambda observer: observer.on_spans(spans))

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:
        """Pass the call on."""
        self._each(lambda observer: observer.on_iteration(iteration, changes, total))

    def on_extension(self, total: int, reason: str) -> None:
        """Pass the call on."""
        self._each(lambda observer: observer.on_extension(total, reason))

    def on_note(self, note: str) -> None:
        """Pass the call on."""
        self._each(lambda observer: observer.on_note(note))

    def on_output(self, output: str) -> None:
        """Pass the call on."""
        self._each(lambda observer: observer.on_output(output))

    def with_comparison(self, result: Result) -> Result:
        """Return the result with the comparison of an observer that makes one."""
        for observer in self._observers:
            result = observer.with_comparison(result)
        return result

    def on_result(self, result: Result) -> None:
        """Pass the call on."""
        self._each(lambda observer: observer.on_result(result))

    def _each(self, call: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            call(observer)
