"""Calls of an observer as records: a node records them, and the driver repeats them for its own observers. Pure.

They are sent together with the result, once the eval is over: an eval that is lost with its node leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from otel_memeval.records import InitialReading, Iteration, Result
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Plan
from otel_memeval.tracing.otlp_span import FinishedSpan


class Event(msgspec.Struct, frozen=True, tag=True):
    """Base of all events: a call of the observer's method of the same name."""


class SetUpEnded(Event, frozen=True):
    """``on_set_up``."""

    description: str
    plan: Plan


class Started(Event, frozen=True):
    """``on_start``."""

    run_id: str
    started_at: str
    initial_reading: InitialReading


class SpansEnded(Event, frozen=True):
    """``on_spans``."""

    spans: list[FinishedSpan]


class IterationEnded(Event, frozen=True):
    """``on_iteration``."""

    iteration: Iteration
    changes: list[SiteChange]
    total: int


class Extended(Event, frozen=True):
    """``on_extension``."""

    total: int
    reason: str


class Noted(Event, frozen=True):
    """``on_note``."""

    note: str


class OutputEnded(Event, frozen=True):
    """``on_output``."""

    output: str


AnyEvent = SetUpEnded | Started | SpansEnded | IterationEnded | Extended | Noted | OutputEnded


class EventRecorder(Observer):
    """Records the calls of a run; ``samples``: the driver's answer to ``should_sample``."""

    def __init__(self, samples: bool | None) -> None:
        self._samples = samples
        self.events: list[AnyEvent] = []

    def should_sample(self, trace_id: str) -> bool | None:  # noqa: ARG002 - all runs of a fleet are in one trace
        """Return the answer of the driver."""
        return self._samples

    def on_set_up(self, description: str, plan: Plan) -> None:
        """Record the call."""
        self.events.append(SetUpEnded(description, plan))

    def on_start(self, run_id: str, started_at: str, initial_reading: InitialReading) -> None:
        """Record the call."""
        self.events.append(Started(run_id, started_at, initial_reading))

    def on_spans(self, spans: Sequence[FinishedSpan]) -> None:
        """Record the call."""
        self.events.append(SpansEnded(list(spans)))

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:
        """Record the call."""
        self.events.append(IterationEnded(iteration, changes, total))

    def on_extension(self, total: int, reason: str) -> None:
        """Record the call."""
        self.events.append(Extended(total, reason))

    def on_note(self, note: str) -> None:
        """Record the call."""
        self.events.append(Noted(note))

    def on_output(self, output: str) -> None:
        """Record the call."""
        self.events.append(OutputEnded(output))


class TurnRecorder(EventRecorder):
    """Records the calls of a run that takes turns with another one; ``wait`` returns when it is its turn."""

    def __init__(self, samples: bool | None, wait: Callable[[], None]) -> None:
        super().__init__(samples)
        self._wait = wait

    def before_iteration(self) -> None:
        """Wait for the turn."""
        self._wait()


def repeat(events: Sequence[AnyEvent], result: Result, observer: Observer) -> None:
    """Repeat the calls of a run for an observer, the result last."""
    for event in events:
        _repeat(event, observer)
    observer.on_result(result)


def _repeat(event: AnyEvent, observer: Observer) -> None:
    match event:
        case SetUpEnded(description, plan):
            observer.on_set_up(description, plan)
        case Started(run_id, started_at, initial_reading):
            observer.on_start(run_id, started_at, initial_reading)
        case SpansEnded(spans):
            observer.on_spans(spans)
        case IterationEnded(iteration, changes, total):
            observer.on_iteration(iteration, changes, total)
        case Extended(total, reason):
            observer.on_extension(total, reason)
        case Noted(note):
            observer.on_note(note)
        case OutputEnded(output):
            observer.on_output(output)
