"""The loop of the service: in each cycle it measures every target once, then it waits for the next turn."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone

from otel_memeval.errors import MemevalError
from otel_memeval.records import Failure, Iteration, Result
from otel_memeval.run.failed_result import failed_result
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.observer import Observer
from otel_memeval.service.eval_status import EvalStatus, belongs
from otel_memeval.service.measuring import TargetRunner
from otel_memeval.service.renaming_observer import RenamingObserver, rename_eval
from otel_memeval.service.schedule import Schedule
from otel_memeval.service.signals import Signals
from otel_memeval.service.state import ServiceState


class ServiceLoop:
    """Measures the targets in cycles until a signal stops it."""

    def __init__(
        self,
        schedule: Schedule,
        state: ServiceState,
        runner: TargetRunner,
        signals: Signals,
        read_targets: Callable[[], Sequence[str]],
        log: Callable[[str], None],
    ) -> None:
        """Read the targets. Raises the ``MemevalError`` of ``read_targets``, which is called again after SIGHUP."""
        self._schedule = schedule
        self._state = state
        self._runner = runner
        self._signals = signals
        self._read_targets = read_targets
        self._targets = list(read_targets())
        self._log = log
        self._turn = 0
        """The last turn that was begun or skipped."""
        self._skipped = 0
        """Turns that were skipped in this cycle."""

    def run(self) -> None:
        """Run cycles until a signal stops the service."""
        while not self._signals.stopping:
            self.run_cycle()
            self._signals.interruptible(self._clean_up)
            self._wait()

    def run_cycle(self) -> None:
        """Measure every target once."""
        self._skipped = 0
        remaining = list(self._targets)
        while remaining and not self._signals.stopping:
            self._measure(remaining.pop(0))
            if self._signals.take_reload():
                before = set(self._targets)
                self._reload()
                remaining = [target for target in self._targets if target in remaining or target not in before]
        self._count_skipped()
        self._state.end_cycle()

    def _clean_up(self) -> None:
        with _logged_errors("sending undelivered telemetry", self._log):
            self._runner.clean_up()

    def _wait(self) -> None:
        due = self._schedule.moment(self._turn + 1)
        self._state.set_waiting(time.time() + due - time.monotonic())
        while not self._signals.stopping and (left := due - time.monotonic()) > 0:
            self._signals.wait(left)
            if self._signals.take_reload():
                self._reload()
        self._turn = self._schedule.latest(time.monotonic())

    def _reload(self) -> None:
        try:
            self._targets = list(self._read_targets())
        except MemevalError as error:
            self._log(f"{error}; the targets stay as they were")
            return
        targets = list(map(self._state.mask, self._targets))
        self._state.keep_only(lambda key: any(belongs(key, target) for target in targets))
        self._log(f"targets read again: {len(self._targets)}")

    def _count_skipped(self) -> int:
        """Count the turns that have come meanwhile; return the number of skipped turns in this cycle."""
        skipped = self._schedule.skipped(self._turn, time.monotonic())
        if skipped:
            self._turn += skipped
            self._skipped += skipped
            self._state.add_skipped(skipped)
            self._runner.count_skipped(self._state.labels(), skipped)
        return self._skipped

    def _measure(self, target: str) -> None:
        shown = self._state.mask(target)
        self._state.set_running(shown)
        run = _TargetRun(target, self._state, self._runner, self._signals, self._count_skipped, self._log)
        ended = self._signals.interruptible(run.measure)
        with _logged_errors("sending telemetry", self._log):
            self._runner.close()
        if ended and run.complete:
            self._state.keep_only(lambda key: not belongs(key, shown) or key in run.measured)
        for status in run.measured.values():
            self._state.log_run(status, self._skipped)


class _TargetRun(Observer):
    """One target in one cycle, and the observer that counts skipped turns while the target is measured."""

    def __init__(
        self,
        target: str,
        state: ServiceState,
        runner: TargetRunner,
        signals: Signals,
        count_skipped: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._target = target
        self._shown_target = state.mask(target)
        self._state = state
        self._runner = runner
        self._signals = signals
        self._count_skipped = count_skipped
        self._log = log
        self._key = self._shown_target
        """The key of the eval that is being measured."""
        self._interrupted = False
        self.measured: dict[str, EvalStatus] = {}
        """By key."""
        self.complete = False
        """Whether all evals of the target were measured."""

    def on_step(self, name: str, seconds_left: float | None = None) -> None:  # noqa: ARG002
        """Note that the step before has ended."""
        self._state.progress.begin()

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:  # noqa: ARG002
        """Note that an iteration has ended, and count the turns that have come meanwhile."""
        self._state.progress.begin()
        self._count_skipped()

    def measure(self) -> None:
        """Measure all evals of the target; after an error, each remaining eval gets a failed result."""
        observers: list[Observer] = [self]
        started_at, start = datetime.now(timezone.utc).isoformat(), time.monotonic()
        try:
            observers += self._runner.open()
            self._runner.measure(self._target, lambda key: self._observer(observers, key), self._report)
            self.complete = not self._interrupted
        except Exception as error:  # noqa: BLE001 - an error in one run must not stop the service
            sentence = str(error) if isinstance(error, MemevalError) else f"{type(error).__name__}: {error}"
            failure = Failure(type=type(error).__name__, message=self._state.mask(sentence))
            for result in self._failed_results(failure, started_at, time.monotonic() - start):
                observer = self._observer(observers, result.run.target)
                with _logged_errors("reporting a failed run", self._log):
                    observer.on_result(result)
                self._report(result)

    def _observer(self, observers: Sequence[Observer], key: str) -> Observer:
        self._key = self._state.mask(key)
        return RenamingObserver(observers, self._name)

    def _name(self, name: str) -> str:
        return self._state.display_name(name, self._key, self._shown_target, self.measured)

    def _report(self, result: Result) -> None:
        if result.failure is not None and result.failure.type == "Interrupted":
            self._interrupted = True  # by the end of this service, which is not a failure of the scenario
            return
        with self._signals.deferred():  # gauges, page, file and log have the run, or none of them
            self._state.progress.begin()
            status = self._state.add_result(rename_eval(result, self._name), result.run.target, self._count_skipped())
            self.measured[status.key] = status

    def _failed_results(self, failure: Failure, started_at: str, seconds: float) -> list[Result]:
        """Return a failed result for each known eval of the target that was not measured, at least one in all."""
        known = self._state.overview.of_target(self._shown_target)
        remaining = [(status.key, status.label) for status in known if status.key not in self.measured]
        if not remaining and not self.measured:
            remaining = [(self._shown_target, self._shown_target)]
        return [
            failed_result(
                label,
                key,
                failure,
                run_id=uuid.uuid4().hex,
                started_at=started_at,
                duration_seconds=seconds,
                python=self._state.python,
            )
            for key, label in remaining
        ]


@contextlib.contextmanager
def _logged_errors(step: str, log: Callable[[str], None]) -> Iterator[None]:
    """Log an error of the block and continue: a failure of one exporter must not stop the service."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        log(f"{step}: {type(error).__name__}: {error}")
