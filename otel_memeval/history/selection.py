"""Find the runs that a reference names: ``auto``, ``latest``, a result file, a name, an identifier, or a git ref."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from otel_memeval.config import commit_of, main_branch
from otel_memeval.errors import UsageError
from otel_memeval.history.run_file import UnusableRunFile, read_runs
from otel_memeval.history.store import HistoryStore, RunQuery
from otel_memeval.records.run_summary import RunSummary

AUTO = "auto"
LATEST = "latest"
MOST_RUNS = 10
"""Runs of a baseline: their spread is known well enough, and a change that was meant is the usual state soon."""
_IDENTIFIER = re.compile(r"[0-9a-f]{4,32}")
_REMEDY = "name a result file, a run, a name that `otel-memeval history tag` gave, a git ref, or latest"


class NoBaseline(Exception):
    """A run has no baseline; the message says why."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that a reference names, of all evals."""

    words: str
    """The reference in words; a number of runs comes before it where ``counts`` is set."""
    store: HistoryStore | None = None
    query: RunQuery | None = None
    found: tuple[RunSummary, ...] = ()
    """The runs, where they are no query."""
    most: int = MOST_RUNS
    counts: bool = False
    fits_settings: bool = True
    """The query is for runs with the settings of the run that is compared, and another one is no mistake."""

    problem: str = ""
    """Reason why the history could not be read."""

    def runs(self, eval_: str | None = None, most: int | None = None) -> list[RunSummary]:
        """Return the runs of an eval or of all evals, the newest first. Raises ``HistoryError``."""
        if self.store is not None and self.query is not None:
            return self.store.runs(msgspec.structs.replace(self.query, eval=eval_), most or self.most)
        found = [run for run in self.found if eval_ in (None, run.eval)]
        return sorted(found, key=lambda run: run.started_at, reverse=True)[:most]

    def baseline(self, run: RunSummary, *, later: bool = False) -> list[RunSummary]:
        """Return the runs that a run is compared with, 1 to ``MOST_RUNS``, the newest first; with ``later`` ones too.

        Where the main branch has none, those of the run's own branch count: a checkout of a commit is on none.

        Raises ``NoBaseline`` if there is none of the same eval and settings, and ``HistoryError``.
        """
        if self.problem:
            raise NoBaseline(self.problem)
        if self.store is not None and self.query is not None:
            query = msgspec.structs.replace(
                self.query,
                eval=run.eval,
                settings=run.settings,
                without_runs=[run.run_id],
                started_before=None if later else run.started_at,
            )
            found = self.store.runs(query, self.most)
            if not found and query.branch and run.branch not in ("", query.branch):
                found = self.store.runs(msgspec.structs.replace(query, branch=run.branch), self.most)
            others = [] if found or self.fits_settings else self.runs(run.eval, 1)
        else:
            others = [other for other in self.runs(run.eval) if later or other.run_id != run.run_id]
            found = [other for other in others if other.settings == run.settings][: self.most]
        if found:
            return found
        if others:
            raise NoBaseline(f"{self.words} has other settings: {others[0].settings}; this run: {run.settings}")
        if self.fits_settings:
            raise NoBaseline(f"no earlier run{f' {self.words}' if self.counts else ''} has this eval and its settings")
        raise NoBaseline(f"{self.words} has no run of this eval")


def baseline_words(selection: Selection, runs: Sequence[RunSummary]) -> str:
    """Return the baseline in words, such as ``10 runs of main``."""
    if selection.query is not None and selection.query.branch and selection.query.branch != runs[0].branch:
        return f"{len(runs)} run{'' if len(runs) == 1 else 's'} of {runs[0].branch} that passed"
    return f"{len(runs)} run{'' if len(runs) == 1 else 's'} {selection.words}" if selection.counts else selection.words


def select(reference: str, store: HistoryStore | None, folder: str) -> Selection:
    """Return the runs that a reference names.

    ``folder`` is in the checkout. Raises ``UsageError`` if there are none, or without a history to look in; ``HistoryError``
    if the history cannot be read.
    """
    if reference == AUTO and store is not None:
        branch = main_branch(folder)
        words = f"of {branch} that passed" if branch else "that passed"
        return Selection(words=words, store=store, query=RunQuery(branch=branch or None, passed=True), counts=True)
    if reference == LATEST and store is not None:
        return Selection(words="the last run", store=store, query=RunQuery(), most=1)
    if os.path.isfile(reference) or reference.endswith(".json"):
        return _of_file(reference)
    if store is None:
        problem = f"{reference!r} is no file, and no history is named to look for it in"
        raise UsageError(problem, "add --history DIR_OR_DSN, or name a result file")
    return _of_tag(reference, store) or _of_run(reference, store) or _of_commit(reference, store, folder)


def _of_file(path: str) -> Selection:
    try:
        runs = tuple(summary for _, summary in read_runs(Path(path)))
    except UnusableRunFile as problem:
        raise UsageError(f"{path}: {problem}", "name a file that --json wrote") from None
    return Selection(words=os.path.basename(path), found=runs, fits_settings=False)


def _of_tag(reference: str, store: HistoryStore) -> Selection | None:
    query = RunQuery(tag=reference)
    if not reference.strip() or not store.runs(query, 1):
        return None
    return Selection(words=reference, store=store, query=query, most=1, fits_settings=False)


def _of_run(reference: str, store: HistoryStore) -> Selection | None:
    found = store.with_prefix(reference) if _IDENTIFIER.fullmatch(reference) else []
    exact = [run for run in found if run.run_id == reference] or found
    if len(exact) > 1:
        examples = ", ".join(run.run_id for run in exact[:3])
        raise UsageError(f"several runs begin with {reference}: {examples}", "write more characters")
    return Selection(words=f"run {exact[0].run_id[:8]}", found=tuple(exact), fits_settings=False) if exact else None


def _of_commit(reference: str, store: HistoryStore, folder: str) -> Selection:
    commit = commit_of(folder, reference)
    if not commit:
        raise UsageError(f"{reference!r} is no file, no run of {store.address}, and no git ref", _REMEDY)
    query = RunQuery(commit=commit)
    if not store.runs(query, 1):
        raise UsageError(f"{store.address} has no run of {reference} (commit {commit[:12]})", "measure that commit first")
    words = reference if commit.startswith(reference) else f"{reference} ({commit[:7]})"
    return Selection(words=f"of {words}", store=store, query=query, counts=True, fits_settings=False)
