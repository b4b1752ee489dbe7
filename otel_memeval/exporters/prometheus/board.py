"""Keep the Prometheus state of all evals of one process. One thread writes, others read."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from otel_memeval.exporters.prometheus.families import Snapshot
from otel_memeval.exporters.prometheus.labels import label_value
from otel_memeval.exporters.prometheus.state import MOST_SERIES, EvalState, state_after_run, state_after_skip
from otel_memeval.records import Result


class Board:
    """The state of each eval by its label, and counters of exporters. Any thread may call any method."""

    def __init__(
        self,
        states: Iterable[EvalState] = (),
        *,
        exemplars: bool = False,
        most_series: int = MOST_SERIES,
    ) -> None:
        """Start from the states of an earlier process.

        ``exemplars``: spans are sent, so traces can be found; ``most_series``: of one eval.
        """
        self._most_series = most_series
        self._exemplars = exemplars
        self._states = {state.eval: state for state in states}
        self._failures: dict[str, int] = {}
        self._spool_bytes: int | None = None
        self._is_overdue: bool | None = None
        self._lock = threading.Lock()

    def add_run(
        self, result: Result, ended_at_seconds: float, *, passed: bool, interval_seconds: float | None = None
    ) -> EvalState:
        """Add a run that ended at ``ended_at_seconds`` (since 1970), and return the new state of its eval."""
        with self._lock:
            state = state_after_run(
                self._states.get(self.label(result.eval.name)),
                result,
                ended_at_seconds,
                passed=passed,
                interval_seconds=interval_seconds,
                exemplars=self._exemplars,
                most_series=self._most_series,
            )
            self._states[state.eval] = state
            return state

    def add_skip(self, eval_name: str) -> None:
        """Count a run of an eval that the service skipped."""
        label = self.label(eval_name)
        with self._lock:
            self._states[label] = state_after_skip(self._states.get(label), label)

    def remove(self, eval_name: str) -> None:
        """Remove the state of an eval, if there is one."""
        with self._lock:
            self._states.pop(self.label(eval_name), None)

    def add_failures(self, exporter: str, number: int) -> None:
        """Add to the failed batches of an exporter; with 0 the exporter has a counter from then on."""
        with self._lock:
            self._failures[exporter] = self._failures.get(exporter, 0) + number

    def set_spool_bytes(self, size_bytes: int | None) -> None:
        """Set the size of telemetry that waits to be delivered; None: unknown."""
        with self._lock:
            self._spool_bytes = size_bytes

    def set_overdue(self, *, is_overdue: bool) -> None:
        """Set whether the measurement of a service is overdue."""
        with self._lock:
            self._is_overdue = is_overdue

    def label(self, eval_name: str) -> str:
        """Return the label of an eval with this name."""
        return label_value(eval_name)

    def snapshot(self) -> Snapshot:
        """Return the state of every eval, the size of the spool and the failed batches at one moment."""
        with self._lock:
            return Snapshot(
                evals=list(self._states.values()),
                spool_bytes=self._spool_bytes,
                export_failures=dict(self._failures),
                is_overdue=self._is_overdue,
            )
