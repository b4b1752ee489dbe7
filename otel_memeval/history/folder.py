"""History in a folder: one result file for each run, one file for each name of a run, and an index of them.

The files are the truth. A run is kept once its file has its name; the index follows at the next reading, which reads the
folders that have changed since. So a process that is killed at any moment leaves nothing half done.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from otel_memeval.errors import HistoryError, UsageError
from otel_memeval.history.index import FILE, LOCK, RunIndex, is_damage, open_index, remove_damaged
from otel_memeval.history.run_file import (
    SUFFIX,
    TagFile,
    UnusableRunFile,
    read_run,
    read_tags,
    relative_path,
    valid_texts,
    write_file,
    write_run,
)
from otel_memeval.history.store import RunQuery
from otel_memeval.records import Result, encode_record
from otel_memeval.records.run_summary import RunSummary

RUNS = "runs"
TAGS = "tags"
_IGNORE = ".gitignore"
_IGNORED = "# A history of otel-memeval: results of runs, not for a commit.\n*\n"
_OWN = {RUNS, TAGS, FILE, f"{FILE}-journal", LOCK, _IGNORE}
_MONTH = re.compile(r"\d{4}-\d\d")
_RUN_FILE = re.compile(r"\d{4}-\d\d/[^/\\]+\.json")
_SETTLED_NS = 2_000_000_000
"""Age of a folder's last change from which on a further change has another time: clocks of file systems are coarse."""
_LEFTOVER_SECONDS = 3600.0
"""Age of the temporary file of a process that was killed."""
_Found = TypeVar("_Found")


def is_history(folder: Path) -> bool:
    """Return whether a folder is a history: it has the index, or nothing but what a history has. Raises ``OSError``."""
    names = set(os.listdir(folder))
    return FILE in names or (RUNS in names and names <= _OWN)


class FolderHistory:
    """A folder with runs; several processes may write and read it at once."""

    def __init__(self, path: str, log: Callable[[str], None], *, writes: bool = True) -> None:
        """Create the folder if it ``writes``. ``log`` gets a line for each file that is left out.

        Raises ``UsageError`` if the folder is missing, cannot be created or written, or holds something else, and
        ``HistoryError`` if its index is of a later version.
        """
        self._folder = Path(path).absolute()  # a scenario in this process may change the current folder
        self._shown = path
        self._log = log
        self._logged: set[str] = set()
        try:
            self._check(writes=writes)
        except OSError as error:
            raise UsageError(f"the history {path}: {error.strerror}", "name a folder that can be written") from None
        self._with_index(lambda _: None)

    def _check(self, *, writes: bool) -> None:
        if writes:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        elif not self._folder.is_dir():
            raise UsageError(f"there is no history in {self._shown}", "name its folder or database: --history DIR_OR_DSN")
        if not is_history(self._folder):
            if not writes or not set(os.listdir(self._folder)) <= _OWN:
                raise UsageError(f"{self._shown} is a folder without a history", "name a history, or a folder to be created")
            (self._folder / RUNS).mkdir(exist_ok=True, mode=0o700)
        if writes:
            if not os.access(self._folder, os.W_OK) or not os.access(self._folder / RUNS, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            with contextlib.suppress(FileExistsError), open(self._folder / _IGNORE, "x", encoding="utf-8") as file:
                file.write(_IGNORED)

    @property
    def address(self) -> str:
        """Return the path as it was given."""
        return self._shown

    @property
    def runs_waiting(self) -> int:
        """Return 0: a folder is always there."""
        return 0

    def add(self, results: Sequence[tuple[Result, RunSummary]]) -> int:
        """Keep runs, and return the number of new ones; the index may follow later.

        Raises ``HistoryError`` if a file cannot be written.
        """
        written, number = [], 0
        for result, given in results:
            summary = valid_texts(given)
            file = relative_path(summary)
            path = self._folder / RUNS / file
            try:
                if not path.exists():
                    write_run(path, result, summary)
                    number += 1
            except OSError as error:
                raise HistoryError(f"{path} was not written: {error.strerror}", "the run is not in the history") from None
            written.append((file, summary))
        with contextlib.suppress(HistoryError):
            self._with_index(lambda index: _add_all(index, written))
        return number

    def runs(self, query: RunQuery, limit: int) -> list[RunSummary]:
        """Return the newest runs that meet the conditions, the newest first."""
        return self._read(lambda index: index.runs(query, limit))

    def with_prefix(self, prefix: str) -> list[RunSummary]:
        """Return at most ten runs whose identifier begins with ``prefix``, the newest first."""
        return self._read(lambda index: index.with_prefix(prefix))

    def result(self, run_id: str) -> Result | None:
        """Return the whole result of a run; None if there is no such run."""
        file = self._read(lambda index: index.file_of(run_id))
        if file is None:
            return None
        path = self._path(file)
        try:
            return read_run(path)[0]
        except UnusableRunFile as problem:
            raise HistoryError(f"{path}: {problem}") from None

    def tag(self, run_id: str, name: str) -> None:
        """Give a name to a run; a name that another run of the same eval has moves to this one."""
        found = [run for run in self.with_prefix(run_id) if run.run_id == run_id]
        if not found:
            raise HistoryError(f"there is no run {run_id} in {self._shown}")
        tag = TagFile(eval=found[0].eval, name=name, run_id=run_id)
        try:
            write_file(self._folder / TAGS / tag.file, encode_record(tag))
        except OSError as error:
            raise HistoryError(f"{self._folder / TAGS}: {error.strerror}") from None

    def prune(self, started_before: str) -> int:
        """Delete the runs that started before, except those with a name; return their number."""
        files = self._read(lambda index: index.unnamed_before(started_before))
        try:
            for path in list(map(self._path, files)):
                path.unlink(missing_ok=True)
            for folder in {Path(file).parent for file in files}:
                with contextlib.suppress(OSError):  # it has other runs
                    (self._folder / RUNS / folder).rmdir()
        except OSError as error:
            raise HistoryError(f"{error.filename}: {error.strerror}") from None
        self._read(lambda _: None)
        return len(files)

    def _path(self, file: str) -> Path:
        """Return the path of a run's file. Raises ``HistoryError`` for one elsewhere: the index may be of somebody else."""
        if _RUN_FILE.fullmatch(file) is None:
            raise HistoryError(f"{self._folder / FILE} names a file that is none of a run: {file!r}", "delete the index")
        return self._folder / RUNS / file

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def _read(self, read: Callable[[RunIndex], _Found]) -> _Found:
        """Return the answer of an index that has all files."""

        def after_changes(index: RunIndex) -> _Found:
            self._take_in(index)
            return read(index)

        return self._with_index(after_changes)

    def _with_index(self, use: Callable[[RunIndex], _Found]) -> _Found:
        """Return the answer of the index; a damaged one is deleted and made anew. Raises ``HistoryError``."""
        try:
            try:
                return self._in_index(use)
            except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
                if isinstance(error, sqlite3.Error) and not is_damage(error):
                    raise
                remove_damaged(self._folder)
                self._log(f"{self._folder / FILE} is damaged ({error}): made anew from the files")
                return self._in_index(use)
        except (sqlite3.Error, msgspec.DecodeError, OSError) as error:
            raise HistoryError(f"{self._folder / FILE}: {error}") from None

    def _in_index(self, use: Callable[[RunIndex], _Found]) -> _Found:
        with open_index(self._folder) as index:
            return use(index)

    def _take_in(self, index: RunIndex) -> None:
        """Bring the index up to date with the folders that have changed."""
        known = index.folders()
        found = dict(_changed_times(self._folder / RUNS))
        for name in known.keys() - found.keys() - {TAGS}:
            with index.transaction():
                index.remove_folder(name)
        for name, changed in sorted(found.items()):
            if known.get(name) != changed:
                self._take_in_folder(index, name, changed)
        changed = _changed_ns(self._folder / TAGS)
        if known.get(TAGS, 0) != changed:
            tags = read_tags(self._folder / TAGS)
            with index.transaction():
                index.set_tags(tags)
                index.set_folder(TAGS, _if_settled(changed))
        for file, (_, problem) in index.unusable().items():
            self._log_once(f"{self._folder / RUNS / file} is left out: {problem}")

    def _take_in_folder(self, index: RunIndex, name: str, changed: int) -> None:
        files = {f"{name}/{file}" for file in _run_files(self._folder / RUNS / name)}
        indexed, unusable = index.files_in(name), index.unusable()
        gone = [file for file in indexed - files if not (self._folder / RUNS / file).exists()]
        new, bad = [], []
        for file in sorted(files - indexed):
            path = self._folder / RUNS / file
            file_changed = _changed_ns(path)
            if file in unusable and unusable[file][0] == file_changed:
                bad.append((file, *unusable[file]))
                continue
            try:
                new.append((file, valid_texts(read_run(path)[1])))
            except UnusableRunFile as problem:
                if path.exists():  # not deleted meanwhile
                    bad.append((file, file_changed, str(problem)))
        settled = _if_settled(changed)
        known = {file for file in unusable if file.startswith(f"{name}/")}
        if new or gone or settled or known != {file for file, *_ in bad}:
            with index.transaction():
                index.remove(gone)
                for file, summary in new:
                    index.add(file, summary)
                index.set_unusable(name, bad)
                index.set_folder(name, settled)

    def _log_once(self, line: str) -> None:
        if line not in self._logged:
            self._logged.add(line)
            self._log(line)


def _add_all(index: RunIndex, runs: Sequence[tuple[str, RunSummary]]) -> None:
    with index.transaction():
        for file, summary in runs:
            index.add(file, summary)


def _changed_times(runs: Path) -> Iterator[tuple[str, int]]:
    """Yield each month's folder with the time of its last change, read before its files are."""
    with contextlib.suppress(FileNotFoundError), os.scandir(runs) as entries:
        for entry in entries:
            if _MONTH.fullmatch(entry.name) and entry.is_dir():
                yield entry.name, entry.stat().st_mtime_ns


def _run_files(folder: Path) -> Iterator[str]:
    """Yield the names of the run files in a folder; delete temporary files that a killed process left."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                with contextlib.suppress(OSError):
                    if entry.name.endswith(".part") and time.time() - entry.stat().st_mtime > _LEFTOVER_SECONDS:
                        os.unlink(entry.path)
            elif entry.name.endswith(SUFFIX):
                yield entry.name


def _changed_ns(path: Path) -> int:
    """Return the time of the last change in nanoseconds; 0 for a file that is missing."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _if_settled(changed: int) -> int:
    """Return the time of a folder's last change; 0 if a further change could have the same time."""
    return changed if time.time_ns() - changed > _SETTLED_NS else 0
