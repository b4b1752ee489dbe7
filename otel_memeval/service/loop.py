"""The loop of a standing exporter: rounds at their turns, each target after the other, until it is told to end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import Protocol

from otel_memeval.errors import MemevalError
from otel_memeval.records import Iteration, Result
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.observer import Observer
from otel_memeval.service.eval_status import Known, belongs
from otel_memeval.service.failed_result import unmeasured
from otel_memeval.service.renaming_observer import Named
from otel_memeval.service.schedule import Schedule
from otel_memeval.service.signals import Signals
from otel_memeval.service.state import Told

ObserverFor = Callable[[str], Observer]
Report = Callable[[Result], None]


class Measuring(Protocol):
    """How one target is measured."""

    def begin(self) -> list[Observer]:
        """What watches the runs of a target, opened anew."""

    def measure(self, target: str, observer_for: ObserverFor, report: Report) -> None:
        """Measure all evals of a target, one after the other. Raises ``MemevalError`` where one cannot be."""

    def end(self) -> None:
        """Send what is left, and close what ``begin`` opened. Raises nothing."""

    def skipped(self, labels: Sequence[str], turns: int) -> None:
        """The runs of these evals were left out so many times."""

    def between(self) -> None:
        """A round is over: there is time for what waits. May be interrupted."""


class Loop:
    """``read_targets`` answers what is to be measured, at the start and whenever that may have changed; raises
    ``MemevalError`` where it cannot be read. ``tell`` gets lines for a person.
    """

    def __init__(
        self,
        schedule: Schedule,
        told: Told,
        measuring: Measuring,
        signals: Signals,
        read_targets: Callable[[], Sequence[str]],
        tell: Callable[[str], None],
    ) -> None:
        self._schedule = schedule
        self._told = told
        self._measuring = measuring
        self._signals = signals
        self._read_targets = read_targets
        self._targets = list(read_targets())
        self._tell = tell
        self._turn = 0
        """The last one that was begun, or missed."""
        self._missed = 0
        """Turns, in this round."""

    def run(self) -> None:
        """Until a signal says to end."""
        while not self._signals.stopping:
            self._round()
            self._signals.interruptible(lambda: self._safely("sending what waits", self._measuring.between))
            self._wait()

    def _safely(self, doing: str, call: Callable[[], None]) -> None:
        """Call; what goes wrong is a line."""
        try:
            call()
        except Exception as error:  # noqa: BLE001 - an exporter's fault is not the end of the others
            self._tell(f"{doing}: {type(error).__name__}: {error}")

    def _wait(self) -> None:
        due = self._schedule.moment(self._turn + 1)
        self._told.waiting(time.time() + due - time.monotonic())
        while not self._signals.stopping and (left := due - time.monotonic()) > 0:
            self._signals.wait(left)
            if self._signals.reload():
                self._reload()
        self._turn = self._schedule.latest(time.monotonic())

    def _round(self) -> None:
        self._missed = 0
        left = list(self._targets)
        while left and not self._signals.stopping:
            target = left.pop(0)
            self._target(target)
            if self._signals.reload():
                before = set(self._targets)
                self._reload()
                left = [one for one in self._targets if one in left or one not in before]
        self._count_missed()
        self._told.round_over()

    def _reload(self) -> None:
        try:
            self._targets = list(self._read_targets())
        except MemevalError as error:
            self._tell(f"{error}; the targets stay as they were")
            return
        self._told.keep_only(lambda key: any(belongs(key, target) for target in self._targets))
        self._tell(f"targets read again: {len(self._targets)}")

    def _missed_by_now(self) -> int:
        self._count_missed()
        return self._missed

    def _count_missed(self) -> None:
        missed = self._schedule.missed(self._turn, time.monotonic())
        if missed:
            self._turn += missed
            self._missed += missed
            self._told.missed(missed)
            self._measuring.skipped(self._told.labels(), missed)

    def _target(self, target: str) -> None:
        self._told.running(target)
        run = _TargetRun(target, self._told, self._missed_by_now)
        started_at, start = datetime.now(timezone.utc).isoformat(), time.monotonic()

        def measure() -> None:
            watching: list[Observer] = [run]
            try:
                watching += self._measuring.begin()
                self._measuring.measure(target, lambda shown: run.watched_by(watching, shown), run.report)
                run.complete = True
            except Exception as error:  # noqa: BLE001 - whatever went wrong with one run, the next has its turn
                known = error if isinstance(error, MemevalError) else MemevalError(f"{type(error).__name__}: {error}")
                for result in run.unmeasured(known, started_at, time.monotonic() - start):
                    naming = run.watched_by(watching, result.run.target)
                    self._safely("telling of a failed run", partial(naming.on_result, result))
                    run.report(result)

        complete = self._signals.interruptible(measure) and run.complete and not run.interrupted
        self._safely("sending what is left", self._measuring.end)
        if complete:
            self._told.keep_only(lambda key: not belongs(key, target) or key in run.measured)
        for known in run.results:
            self._told.log(known, self._missed)


class _TargetRun(Observer):
    """One target in one round, and the observer that looks at the clock while it is measured."""

    def __init__(self, target: str, told: Told, missed: Callable[[], int]) -> None:
        self._target = target
        self._told = told
        self._missed = missed
        self._naming: Named
        self.measured: dict[str, Known] = {}
        self.results: list[Known] = []
        self.complete = False
        self.interrupted = False

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:  # noqa: ARG002
        """A turn may be missed by now."""
        self._missed()

    def watched_by(self, observers: Sequence[Observer], shown: str) -> Named:
        """The observer of one run; ``shown``: its target."""
        self._naming = Named(observers, lambda name: self._told.name_for(name, shown, self._target, self.measured))
        return self._naming

    def report(self, result: Result) -> None:
        """A run is over."""
        if result.failure is not None and result.failure.type == "Interrupted":
            self.interrupted = True  # by who ends this process: no fault of the scenario's
            return
        known = self._told.result(self._naming.named(result), result.run.target, self._missed())
        self.measured[known.key] = known
        self.results.append(known)

    def unmeasured(self, error: MemevalError, started_at: str, seconds: float) -> list[Result]:
        """A failed run of each eval of the target that was to come, as far as they are known."""
        left = [(one.key, one.label) for one in self._told.view.of_target(self._target) if one.key not in self.measured]
        if not left and not self.measured:
            left = [(self._target, self._target)]
        return [
            unmeasured(
                label,
                key,
                error,
                run_id=uuid.uuid4().hex,
                started_at=started_at,
                duration_seconds=seconds,
                python=self._told.python,
            )
            for key, label in left
        ]
