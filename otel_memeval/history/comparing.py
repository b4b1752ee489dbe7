"""Compare each run of a command with its baseline, before it is reported and exported."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import msgspec

from otel_memeval.analysis.comparison import compare, compared_run, first_run, unknown
from otel_memeval.errors import HistoryError
from otel_memeval.history.run_file import started_at
from otel_memeval.history.selection import AUTO, NoBaseline, Selection, baseline_words, select
from otel_memeval.history.store import HistoryStore, RunQuery
from otel_memeval.records import Record, Result
from otel_memeval.records.comparison import ComparedRun, Comparison
from otel_memeval.records.run_summary import RunSummary, run_summary
from otel_memeval.run.comparison_sentence import comparison_sentence
from otel_memeval.run.observer import Observer

_MOST_EARLIER = 300
"""Runs in which the beginning of a regression is looked for."""


def open_baseline(reference: str | None, store: HistoryStore | None, folder: str) -> list[Observer]:
    """Return the observer that compares runs; none without a baseline and without a history.

    None: ``auto``, where there is a history. Raises ``UsageError`` as ``select``; a history that cannot be read makes
    comparisons unknown.
    """
    if reference is None and store is None:
        return []
    try:
        selection = select(reference or AUTO, store, folder)
    except HistoryError as error:
        selection = Selection(words=reference or AUTO, problem=str(error))
    return [BaselineObserver(selection, store)]


class BaselineObserver(Observer):
    """Adds the comparison with the baseline to the result of a run."""

    def __init__(self, selection: Selection, store: HistoryStore | None) -> None:
        """``store`` has the runs in which the beginning of a regression is looked for; None: it is not known."""
        self._selection = selection
        self._store = store

    def with_comparison(self, result: Result) -> Result:
        """Return the result with its comparison; a history that cannot be read makes it unknown."""
        run = run_summary(result, passed=False)
        return msgspec.structs.replace(result, baseline_comparison=compare_run(run, self._selection, self._store))


class ComparedEval(Record, frozen=True):
    """Comparison of the newest run of an eval with other runs of it."""

    eval: str
    run: ComparedRun
    comparison: Comparison


class ComparedEvals(Record, frozen=True):
    """Comparison of the runs that one reference names with those of another, by eval."""

    evals: list[ComparedEval]
    only_in_baseline: list[str]
    """Names of evals that have no run to compare."""
    only_in_runs: list[str]


def compare_selections(baseline: Selection, selection: Selection) -> ComparedEvals:
    """Return the comparison of each eval's newest run in ``selection`` with the runs in ``baseline``.

    Raises ``HistoryError``.
    """
    runs = {run.eval: run for run in reversed(selection.runs(most=_MOST_EARLIER))}
    names = {run.eval for run in baseline.runs(most=_MOST_EARLIER)}
    return ComparedEvals(
        evals=[
            ComparedEval(eval=name, run=compared_run(run), comparison=compare_run(run, baseline, None, later=True))
            for name, run in runs.items()
            if name in names
        ],
        only_in_baseline=sorted(names - runs.keys()),
        only_in_runs=sorted(runs.keys() - names),
    )


def compare_run(run: RunSummary, selection: Selection, store: HistoryStore | None, *, later: bool = False) -> Comparison:
    """Return the comparison of a run with the runs that a reference names; it is unknown with the reason without any.

    ``store`` has the runs in which the beginning of a regression is looked for. With ``later``, runs after it count too.
    """
    try:
        baseline = selection.baseline(run, later=later)
        comparison = compare(run, baseline)
        comparison = msgspec.structs.replace(comparison, baseline=baseline_words(selection, baseline))
        if comparison.outcome == "regressed" and store is not None:
            with contextlib.suppress(HistoryError):  # the outcome is known all the same
                earlier = _earlier_runs(run, comparison, store)
                comparison = msgspec.structs.replace(comparison, since=first_run(run, comparison, baseline, earlier))
    except (NoBaseline, HistoryError) as error:
        comparison = unknown(str(error))
    if comparison.outcome == "regressed":
        first = comparison.since or run
        comparison = msgspec.structs.replace(comparison, since_seconds=started_at(first.started_at).timestamp())
    return msgspec.structs.replace(comparison, summary=comparison_sentence(comparison))


def _earlier_runs(run: RunSummary, comparison: Comparison, store: HistoryStore) -> Sequence[RunSummary]:
    """Return earlier runs of the branch of a run, then those of the branch of the baseline before them."""
    query = RunQuery(
        eval=run.eval,
        settings=run.settings,
        branch=run.branch or None,
        started_before=run.started_at,
        without_runs=[run.run_id],
    )
    earlier = store.runs(query, _MOST_EARLIER)
    branch = comparison.runs[0].branch if comparison.runs else ""
    if branch in ("", run.branch) or not run.branch:
        return earlier
    before = earlier[-1].started_at if earlier else run.started_at
    return [*earlier, *store.runs(msgspec.structs.replace(query, branch=branch, started_before=before), _MOST_EARLIER)]
