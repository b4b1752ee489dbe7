"""Keep the state of the service in one place: board of gauges, overview, metrics cache, state file.

One thread writes it and the server's threads read it, so a change replaces an immutable record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

import msgspec

from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.exporters.prometheus.families import Snapshot
from otel_memeval.records import Result
from otel_memeval.redact import visible
from otel_memeval.service.eval_status import EvalStatus, Overview, belongs, status_after_run, unique_name
from otel_memeval.service.metrics_cache import MetricsCache
from otel_memeval.service.progress import Progress
from otel_memeval.service.state_file import SavedState, StateFile


class ServiceState:
    """The state of the service; ``python`` is the version of the scenarios' Python, empty if unknown."""

    def __init__(
        self,
        board: Board,
        overview: Overview,
        state_file: StateFile,
        *,
        mask: Callable[[str], str],
        passed: Callable[[Result], bool],
        log: Callable[[str], None],
        on_result: Callable[[Result], None],
        on_cycle_end: Callable[[list[Result]], None],
        python: str = "",
        step_seconds: float = 600.0,
    ) -> None:
        """``mask`` masks secrets in targets, ``passed`` decides on a result, ``on_result`` gets each result, and
        ``on_cycle_end`` the results of a cycle.

        ``step_seconds``: the longest time of a step of a measurement.
        """
        self._board = board
        board.set_overdue(is_overdue=False)
        self.progress = Progress(step_seconds)
        self._state_file = state_file
        self.mask = mask
        self._passed = passed
        self._log = log
        self._on_result = on_result
        self._on_cycle_end = on_cycle_end
        self._results: list[Result] = []
        """Of this cycle."""
        self._renamed: dict[str, str] = {}
        """New names of evals by their key, each logged once."""
        self.python = python
        self._overview = overview
        self._start = f"{time.time_ns():x}"
        self._changes = 0
        self.metrics = MetricsCache(board.snapshot)

    @property
    def overview(self) -> Overview:
        """Return the statuses of all evals, and the current step."""
        return self._overview

    @overview.setter
    def overview(self, overview: Overview) -> None:
        self._overview = overview
        self._changes += 1

    def revision(self) -> str:
        """Return a text that differs after each change of the overview, and after a restart."""
        return f"{self._start}-{self._changes}"

    # Changes.

    def set_running(self, target: str) -> None:
        """Set the target that is being measured."""
        self.overview = msgspec.structs.replace(self.overview, running=target, next_run_seconds=None)
        self.progress.begin(f"the measurement of {visible(self.mask(target))}")

    def set_waiting(self, next_run_seconds: float) -> None:
        """Set the time of the next run (since 1970); nothing is measured until then."""
        self.overview = msgspec.structs.replace(self.overview, running="", next_run_seconds=next_run_seconds)
        self.progress.begin("the next measurement", wait_seconds=max(0.0, next_run_seconds - time.time()))

    def end_cycle(self) -> None:
        """Hand over the results of the cycle that has ended."""
        self.overview = msgspec.structs.replace(self.overview, running="")
        self.progress.begin("the end of a cycle")
        results, self._results = self._results, []
        self._on_cycle_end(results)

    def add_skipped(self, turns: int) -> None:
        """Count turns that were skipped, for every eval."""
        for label in self.labels():
            for _ in range(turns):
                self._board.add_skip(label)
        self.overview = msgspec.structs.replace(self.overview, skipped=self.overview.skipped + turns)
        self.metrics.refresh()

    def add_result(self, result: Result, key: str, skipped: int) -> EvalStatus:
        """Add the result of a run, and return the new status of its eval.

        ``skipped`` turns of this cycle are counted for an eval that was unknown so far.
        """
        ended = time.time()
        passed = self._passed(result)
        is_new = all(state.eval != self._board.label(result.eval.name) for state in self._board.snapshot().evals)
        state = self._board.add_run(result, ended, passed=passed, interval_seconds=self.overview.interval_seconds)
        for _ in range(skipped if is_new else 0):
            self._board.add_skip(state.eval)
        before = next((status for status in self.overview.evals if status.key == key), None)
        status = status_after_run(key, state.eval, result, ended, passed=passed, before=before)
        self.overview = self.overview.with_eval(status)
        self._remove_stale_series()
        self._save()
        self._results.append(result)
        self._on_result(result)
        return status

    def keep_only(self, stays: Callable[[str], bool]) -> None:
        """Remove the evals whose key does not stay."""
        before = self.overview
        self.overview = before.only(stays)
        if len(self.overview.evals) != len(before.evals):
            self._remove_stale_series()
            self._save()

    def add_exports(self, failures: Mapping[str, int], spool_bytes: int | None) -> None:
        """Add failed batches by exporter, and set the size of the spool."""
        for exporter, number in failures.items():
            self._board.add_failures(exporter, number)
        self._board.set_spool_bytes(spool_bytes)
        if any(failures.values()):
            self._save()
        else:
            self.metrics.refresh()

    def _remove_stale_series(self) -> None:
        """Remove series of evals that are gone or have another label now."""
        labels = set(self.labels())
        for state in self._board.snapshot().evals:
            if state.eval not in labels:
                self._board.remove(state.eval)

    def _save(self) -> None:
        self.metrics.refresh()
        snapshot = self._board.snapshot()
        self._state_file.write(
            SavedState(evals=self.overview.evals, states=snapshot.evals, export_failures=snapshot.export_failures)
        )

    # Questions.

    def overdue(self) -> str:
        """Return a sentence about an overdue measurement, empty if it is on time; the gauge has the same."""
        problem = self.progress.problem()
        if self._board.snapshot().is_overdue is not bool(problem):
            self._board.set_overdue(is_overdue=bool(problem))
            self.metrics.refresh()
        return problem

    def labels(self) -> list[str]:
        """Return the labels of all evals, each once."""
        return list(dict.fromkeys(status.label for status in self.overview.evals))

    def display_name(self, name: str, key: str, target: str, measured: Collection[str]) -> str:
        """Return a unique name for the eval ``key`` of ``target``; a name that is not the eval's own is logged once.

        Evals of the target keep their names only if their keys are in ``measured``, those measured in this cycle; others
        may no longer exist.
        """
        others = [
            status
            for status in self.overview.evals
            if status.key != key and (status.key in measured or not belongs(status.key, target))
        ]
        unique = unique_name(name, key, others)
        if unique != name and self._renamed.get(key) != unique:
            self._renamed[key] = unique
            self._log(f"two evals have the name {visible(name)!r}; {key} is reported as {visible(unique)!r}")
        return unique

    def snapshot(self) -> Snapshot:
        """Return the Prometheus state of all evals."""
        return self._board.snapshot()

    def log_run(self, status: EvalStatus, skipped: int) -> None:
        """Log verdict and sentences of a run, and how many turns were skipped because it took too long."""
        passed = "" if status.passed or status.verdict == "failed" else " (does not pass)"
        turns = f" ({skipped} turn{'' if skipped == 1 else 's'} skipped)" if skipped else ""
        self._log(f"{status.label}: {status.verdict}{passed}: {visible('; '.join(status.sentences))}{turns}")
