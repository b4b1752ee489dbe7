"""Index of a folder with runs: an SQLite file that follows the run files, and is made anew from them at any time."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from otel_memeval.errors import HistoryError
from otel_memeval.files import lock
from otel_memeval.history.run_file import TagFile, started_at
from otel_memeval.history.sql import load_text
from otel_memeval.history.store import RunQuery
from otel_memeval.records.run_summary import RunSummary

VERSION = 1
"""Version of the index. A later one is refused, an earlier one is made anew. Raise it with the schema of results, too."""
FILE = "index.sqlite"
LOCK = "index.lock"
_SECONDS = 2.0
"""Time to wait for other processes that write."""


class RunIndex:
    """An open index."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all changes of the block, or none."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    # Runs.

    def add(self, file: str, summary: RunSummary) -> None:
        """Add a run, unless it is there already."""
        values = (
            summary.run_id,
            summary.eval,
            summary.settings,
            summary.branch,
            summary.commit,
            summary.passed,
            _sorted_time(summary.started_at),
            file,
            msgspec.json.encode(summary),
        )
        self._connection.execute("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def runs(self, query: RunQuery, limit: int) -> list[RunSummary]:
        """Return the newest runs that meet the conditions, the newest first."""
        condition, values = _condition(query)
        return self._summaries(f"{condition} ORDER BY started DESC, run_id DESC LIMIT ?", [*values, limit])

    def with_prefix(self, prefix: str) -> list[RunSummary]:
        """Return at most ten runs whose identifier begins with ``prefix``, the newest first."""
        values = [_valid(prefix), _valid(f"{prefix}\U0010ffff")]
        return self._summaries("WHERE run_id >= ? AND run_id < ? ORDER BY started DESC, run_id DESC LIMIT 10", values)

    def _summaries(self, rest: str, values: Sequence[object]) -> list[RunSummary]:
        tags: dict[str, list[str]] = {}
        for run_id, name in self._connection.execute("SELECT run_id, name FROM tags ORDER BY name"):
            tags.setdefault(run_id, []).append(name)
        rows = self._connection.execute(f"SELECT summary FROM runs {rest}", values)  # noqa: S608 - columns of ours only
        summaries = [msgspec.json.decode(summary, type=RunSummary) for (summary,) in rows]
        return [
            msgspec.structs.replace(summary, tags=tuple(tags[summary.run_id])) if summary.run_id in tags else summary
            for summary in summaries
        ]

    def file_of(self, run_id: str) -> str | None:
        """Return the path of a run's file below ``runs/``; None if there is no such run."""
        row = self._connection.execute("SELECT file FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return None if row is None else str(row[0])

    def unnamed_before(self, moment: str) -> list[str]:
        """Return the files of the runs that started before, without those that have a name."""
        rows = self._connection.execute(
            "SELECT file FROM runs WHERE started < ? AND run_id NOT IN (SELECT run_id FROM tags)", (_sorted_time(moment),)
        )
        return [file for (file,) in rows]

    # Files.

    def files_in(self, folder: str) -> set[str]:
        """Return the files of runs in a folder below ``runs/``."""
        rows = self._connection.execute("SELECT file FROM runs WHERE file >= ? AND file < ?", (f"{folder}/", f"{folder}0"))
        return {file for (file,) in rows}

    def remove(self, files: Iterable[str]) -> None:
        """Remove files that are gone."""
        self._connection.executemany("DELETE FROM runs WHERE file = ?", [(file,) for file in files])

    def folders(self) -> dict[str, int]:
        """Return the folders whose files are all known, with the time of their last change in nanoseconds."""
        return dict(self._connection.execute("SELECT name, changed FROM folders").fetchall())

    def set_folder(self, name: str, changed: int) -> None:
        """Note that all files of a folder are known."""
        self._connection.execute("INSERT OR REPLACE INTO folders VALUES (?, ?)", (name, changed))

    def remove_folder(self, name: str) -> None:
        """Remove a folder that is gone, with its files."""
        self.remove(self.files_in(name))
        self.set_unusable(name, [])
        self._connection.execute("DELETE FROM folders WHERE name = ?", (name,))

    def unusable(self) -> dict[str, tuple[int, str]]:
        """Return the files that are no results, each with the time of its last change and the problem."""
        rows = self._connection.execute("SELECT file, changed, problem FROM unusable ORDER BY file")
        return {file: (changed, problem) for file, changed, problem in rows}

    def set_unusable(self, folder: str, files: Iterable[tuple[str, int, str]]) -> None:
        """Replace the files of a folder that are no results."""
        self._connection.execute("DELETE FROM unusable WHERE file >= ? AND file < ?", (f"{folder}/", f"{folder}0"))
        self._connection.executemany("INSERT INTO unusable VALUES (?, ?, ?)", files)

    def set_tags(self, tags: Iterable[TagFile]) -> None:
        """Replace all names."""
        self._connection.execute("DELETE FROM tags")
        rows = [(tag.eval, tag.name, tag.run_id) for tag in tags]
        self._connection.executemany("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", rows)


def _condition(query: RunQuery) -> tuple[str, list[object]]:
    """Return the WHERE clause of a query, and its values."""
    before = None if query.started_before is None else _sorted_time(query.started_before)
    conditions = {
        "eval = ?": query.eval,
        "settings = ?": query.settings,
        "branch = ?": query.branch,
        "commit_id = ?": query.commit,
        "run_id IN (SELECT run_id FROM tags WHERE name = ?)": query.tag,
        "passed = ?": query.passed,
        "started < ?": before,
    }
    found = {text: value for text, value in conditions.items() if value is not None}
    texts, values = list(found), list(map(_valid, found.values()))
    if query.without_runs:
        texts.append(f"run_id NOT IN ({', '.join('?' * len(query.without_runs))})")
        values += map(_valid, query.without_runs)
    return (f"WHERE {' AND '.join(texts)}" if texts else ""), values


def _valid(value: object) -> object:
    """Return a value that SQLite takes: an argument of a command line may have bytes that are no text."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _sorted_time(text: str) -> str:
    """Return a time as a text that sorts by it."""
    return started_at(text).isoformat(timespec="microseconds")


@contextlib.contextmanager
def open_index(folder: Path) -> Iterator[RunIndex]:
    """Open the index of a folder, an empty one if it is missing, damaged or of an earlier version.

    In a folder that cannot be written it is a copy in memory. Raises ``HistoryError`` for an index of a later version.
    """
    path = folder / FILE
    connection = _connect(path) if os.access(folder, os.W_OK) else _copy(path)
    try:
        yield RunIndex(connection)
    finally:
        connection.close()


def remove_damaged(folder: Path) -> None:
    """Delete an index, together with its journal, which would damage the next one. Raises ``OSError``."""
    with lock(folder / LOCK, patience_seconds=_SECONDS):
        for name in (f"{FILE}-journal", f"{FILE}-wal", f"{FILE}-shm", FILE):
            (folder / name).unlink(missing_ok=True)


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error says that the index is damaged, and not that it is busy or the disk is full."""
    return type(error) is sqlite3.DatabaseError or str(error).startswith("no such")


def _connect(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
    connection = sqlite3.connect(path, timeout=_SECONDS, isolation_level=None)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _copy(path: Path) -> sqlite3.Connection:
    """Return a copy in memory of an index that cannot be written."""
    memory = sqlite3.connect(":memory:", isolation_level=None)
    if path.exists():
        source = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)
        with contextlib.closing(source):
            source.backup(memory)
    _prepare(memory, path)
    return memory


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables of an empty index, or of one of an earlier version."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    if version > VERSION:
        problem = f"{path} was written by a later version of otel-memeval (index {version}, this one reads {VERSION})"
        raise HistoryError(problem, "use that version, or another folder")
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()  # another process may have been faster
    if version < VERSION:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        for (name,) in tables.fetchall():
            connection.execute(f'DROP TABLE "{name}"')
        for statement in load_text("index.sql").split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
