"""Runs for the tests of the history, and a real PostgreSQL in which each test has a database of its own."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from otel_memeval.history.database import DatabaseHistory
from otel_memeval.history.run_file import summary_of
from otel_memeval.history.store import RunQuery
from otel_memeval.records import Git, Result
from otel_memeval.records.run_summary import RunSummary
from scenarios.services.postgres import EmbeddedPostgres

Run = tuple[Result, RunSummary]
MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(make_result: Callable[..., Result]) -> MakeRun:
    """Return a function that makes a run which started at a minute of 2026-01-01.

    Parts are those of the run, its checkout (commit, branch, dirty), the name of the eval, and ``passed``.
    """

    def make(run_id: str, minute: int = 0, *, passed: bool | None = None, name: str = "An eval", **parts: Any) -> Run:
        git = Git(commit=parts.pop("commit", "c" * 40), branch=parts.pop("branch", "main"), dirty=parts.pop("dirty", False))
        plain = make_result()
        started = f"2026-01-01T{minute // 60:02d}:{minute % 60:02d}:00+00:00"
        run = msgspec.structs.replace(plain.run, **{"id": run_id, "started_at": started, "git": git, **parts})
        result = msgspec.structs.replace(plain, run=run, eval=msgspec.structs.replace(plain.eval, name=name))
        return result, summary_of(result, passed)

    return make


@pytest.fixture
def lines() -> list[str]:
    """Return the list of lines that a history logs."""
    return []


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Start a PostgreSQL for all tests of the session; its connection string."""
    with tempfile.TemporaryDirectory() as name:
        postgres = EmbeddedPostgres(Path(name))
        try:
            postgres.start()
            postgres.wait_until_ready(lambda: False)
            yield postgres.dsn
        finally:
            postgres.stop()


@pytest.fixture
def database(server: str) -> str:
    """Create an empty database; its address."""
    name = f"t_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    parameters = conninfo_to_dict(server)
    return f"postgresql://postgres:s3cret%2Fpw@/{name}?host={parameters['host']}&port={parameters['port']}"


def execute(address: str, text: str) -> list[tuple[Any, ...]]:
    """Execute a statement, and return its rows."""
    with psycopg.connect(make_conninfo(address), autocommit=True) as connection:
        cursor = connection.execute(text.encode())
        return cursor.fetchall() if cursor.description else []


def open_database(address: str, folder: Path, lines: list[str], patience_seconds: float = 10.0) -> DatabaseHistory:
    """Open a history whose waiting runs are in a folder."""
    return DatabaseHistory(address, {"MEMEVAL_SPOOL": str(folder)}, lines.append, patience_seconds=patience_seconds)


@pytest.fixture
def history(database: str, tmp_path: Path, lines: list[str]) -> DatabaseHistory:
    """Return a history in an empty database."""
    return open_database(database, tmp_path, lines)


def ids(history: DatabaseHistory, query: RunQuery | None = None, limit: int = 100) -> list[str]:
    """Return the identifiers of the runs that meet the conditions."""
    return [run.run_id for run in history.runs(query or RunQuery(), limit)]


def waiting(folder: Path) -> list[Path]:
    """Return the files of runs that wait."""
    return sorted(folder.rglob("*.json"))
