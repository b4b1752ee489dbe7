"""What Prometheus is told of all evals of one process, as runs end: fed by one thread, read by others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from otel_memeval.exporters.prometheus import state
from otel_memeval.exporters.prometheus.families import Snapshot
from otel_memeval.exporters.prometheus.labels import label_value
from otel_memeval.exporters.prometheus.state import EvalState
from otel_memeval.records import Result


class Board:
    """The state of each eval by its label, and what exporters count. Every method may be called from any thread."""

    def __init__(
        self,
        mask: Callable[[str], str],
        states: Iterable[EvalState] = (),
        *,
        exemplars: bool = False,
        most_series: int = state.MOST_SERIES,
    ) -> None:
        """``mask`` takes secrets out of labels. ``states``: what an earlier process knew. ``exemplars``: spans are sent.

        ``most_series``: of one eval.
        """
        self._mask = mask
        self._most_series = most_series
        self._exemplars = exemplars
        self._states = {one.eval: one for one in states}
        self._failures: dict[str, int] = {}
        self._spool_bytes: int | None = None
        self._lock = threading.Lock()

    def told(
        self, result: Result, ended_at_seconds: float, *, passed: bool, interval_seconds: float | None = None
    ) -> EvalState:
        """The eval's state now that a run has ended (since 1970)."""
        with self._lock:
            made = state.after(
                self._states.get(self.label(result.eval.name)),
                result,
                ended_at_seconds,
                passed=passed,
                mask=self._mask,
                interval_seconds=interval_seconds,
                exemplars=self._exemplars,
                most_series=self._most_series,
            )
            self._states[made.eval] = made
            return made

    def skipped(self, eval_name: str) -> EvalState:
        """The eval's state now that a run was left out."""
        label = self.label(eval_name)
        with self._lock:
            self._states[label] = made = state.skipped(self._states.get(label), label)
            return made

    def forget(self, eval_name: str) -> bool:
        """Tell nothing of the eval any longer; whether there was anything to tell."""
        with self._lock:
            return self._states.pop(self.label(eval_name), None) is not None

    def exporting(self, exporter: str, failures: int = 0) -> None:
        """``failures`` more batches of ``exporter`` were not delivered; one that has none so far is told as zero."""
        with self._lock:
            self._failures[exporter] = self._failures.get(exporter, 0) + failures

    def spooled(self, size_bytes: int | None) -> None:
        """So much telemetry waits to be delivered; None: not known."""
        with self._lock:
            self._spool_bytes = size_bytes

    def label(self, eval_name: str) -> str:
        """The label of an eval of this name."""
        return label_value(self._mask(eval_name))

    def snapshot(self) -> Snapshot:
        """Everything, as it is at this moment."""
        with self._lock:
            return Snapshot(
                evals=list(self._states.values()), spool_bytes=self._spool_bytes, export_failures=dict(self._failures)
            )
