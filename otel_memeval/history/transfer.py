"""Copy runs between histories and result files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from otel_memeval.errors import UsageError
from otel_memeval.history.folder import RUNS, TAGS
from otel_memeval.history.run_file import SUFFIX, UnusableRunFile, read_runs, read_tags
from otel_memeval.history.store import HistoryStore, RunQuery
from otel_memeval.records import Result
from otel_memeval.records.run_summary import RunSummary

_AT_ONCE = 100
"""Runs that a history is given at once."""
ALL = 1 << 31
"""More runs than a history has."""

Run = tuple[Result, RunSummary]


def copy_runs(runs: Iterable[Run], destination: HistoryStore) -> int:
    """Keep runs and their names in a history, and return the number of runs that were new.

    A name that another run of the destination has stays there. Raises ``HistoryError``.
    """
    iterator = iter(runs)
    number = 0
    while batch := list(islice(iterator, _AT_ONCE)):
        number += destination.add(batch)
        for _, summary in batch:
            for name in summary.tags:
                if not destination.runs(RunQuery(eval=summary.eval, tag=name), 1):
                    destination.tag(summary.run_id, name)
    return number


def runs_of_store(store: HistoryStore) -> Iterator[Run]:
    """Yield all runs of a history, the oldest first. Raises ``HistoryError``."""
    for summary in reversed(store.runs(RunQuery(), ALL)):
        result = store.result(summary.run_id)
        if result is not None:  # not pruned meanwhile
            yield result, summary


def runs_of_path(path: Path, log: Callable[[str], None]) -> Iterator[Run]:
    """Yield the runs of a result file, or of all result files below a folder, with their names if it is a history.

    A file in a folder that is no result file is a line in the log. Raises ``UsageError`` for a path that cannot be read.
    """
    if not path.is_dir():
        try:
            yield from read_runs(path)
        except UnusableRunFile as problem:
            raise UsageError(f"{path}: {problem}", "name result files, folders or databases") from None
        return
    tags = [folder for folder in {path / TAGS, *path.rglob(TAGS)} if (folder.parent / RUNS).is_dir()]
    names: dict[str, list[str]] = {}
    for tag in (tag for folder in tags for tag in read_tags(folder)):
        names.setdefault(tag.run_id, []).append(tag.name)
    for file in sorted(path.rglob(f"*{SUFFIX}")):
        if file.name.startswith(".") or file.parent in tags:
            continue
        try:
            for result, summary in read_runs(file):
                yield result, msgspec.structs.replace(summary, tags=tuple(names.get(summary.run_id, ())))
        except UnusableRunFile as problem:
            log(f"{file} is left out: {problem}")
