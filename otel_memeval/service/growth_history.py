"""Take the growth of the last runs of each eval from the history, also of runs from before the service."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from otel_memeval.errors import HistoryError
from otel_memeval.history.listing import growth_bytes
from otel_memeval.history.store import HistoryStore, RunQuery
from otel_memeval.service.eval_status import MOST_RUNS, EvalStatus, Overview
from otel_memeval.service.history_reader import HistoryReader

_BUDGET_SECONDS = 0.8
"""Time to read the growth of further evals for one page; the rest is read for the next page."""


class _EvalGrowth(msgspec.Struct, frozen=True):
    """Growth of the runs of an eval until the run that ended at ``ended_seconds``."""

    ended_seconds: float
    growth_bytes: tuple[float | None, ...]


class GrowthHistory:
    """The growth of the runs of each eval, read again after a run of the eval."""

    def __init__(self, reader: HistoryReader) -> None:
        self._reader = reader
        self._growths: Mapping[str, _EvalGrowth] = {}

    def complete(self, overview: Overview) -> tuple[Overview, str]:
        """Return the overview with the growth in the history, and a sentence about one that does not answer.

        An eval whose last run is not in the history keeps the growth that the service has seen.
        """
        growths, problem = self._growths, ""
        missing = [status for status in overview.evals if not _is_current(status, growths)]
        if missing:
            try:
                growths = {**growths, **self._reader.ask(partial(_read, missing))}
            except HistoryError as error:
                problem = str(error)
            keys = {status.key for status in overview.evals}
            growths = self._growths = {key: growth for key, growth in growths.items() if key in keys}
        evals = tuple(
            msgspec.structs.replace(status, growth_bytes=growths[status.key].growth_bytes)
            if _is_current(status, growths)
            else status
            for status in overview.evals
        )
        return msgspec.structs.replace(overview, evals=evals), problem


def _is_current(status: EvalStatus, growths: Mapping[str, _EvalGrowth]) -> bool:
    return status.key in growths and growths[status.key].ended_seconds == status.ended_seconds


def _read(statuses: Sequence[EvalStatus], store: HistoryStore) -> dict[str, _EvalGrowth]:
    """Return the growth of as many evals as there is time for, by key."""
    end_seconds = time.monotonic() + _BUDGET_SECONDS
    found = {}
    for status in statuses:
        runs = store.runs(RunQuery(eval=status.name or status.label), MOST_RUNS)
        if any(run.run_id == status.run_id for run in runs):
            found[status.key] = _EvalGrowth(status.ended_seconds, tuple(growth_bytes(run) for run in reversed(runs)))
        if time.monotonic() > end_seconds:
            break
    return found
