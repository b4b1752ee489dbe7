"""Runs that wait for a database that is away, slow or locked."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from otel_memeval.errors import HistoryError
from otel_memeval.history.database import DatabaseHistory
from otel_memeval.history.store import RunQuery
from tests.history.conftest import MakeRun, Run, ids, open_database, waiting

pytestmark = pytest.mark.server


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """Return a port whose server accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_run_waits_for_a_database_that_is_away(deaf_port: int, make_run: MakeRun, tmp_path: Path, lines: list[str]) -> None:
    """Refused, silent or unknown: the run waits within two seconds, the next one waits at once, no password is shown."""
    for host, reason in (
        ("127.0.0.1:9", "Connection refused"),
        (f"127.0.0.1:{deaf_port}", "no answer within 1.0 s"),
        ("no-such-host.invalid", "no-such-host.invalid"),
    ):
        folder = tmp_path / reason.replace(" ", "-")
        history = open_database(f"postgresql://me:s3cret%2Fpw@{host}/db", folder, lines, patience_seconds=1.0)
        assert history.address == f"postgresql://me@{host}/db"
        start = time.monotonic()
        history.add([make_run("first")])
        assert time.monotonic() - start < 2.0
        start = time.monotonic()
        history.add([make_run("second", 1)])
        assert time.monotonic() - start < 0.9
        assert len(waiting(folder)) == 2
        assert reason in lines[-1], lines
        assert lines[-1].startswith(f"1 run waits in {folder}/history/")
        assert "s3cret" not in "".join(lines)
        with pytest.raises(HistoryError, match="is not available"):
            history.runs(RunQuery(), 1)


def test_queries_of_a_run_leave_time_for_keeping_it(
    database: str, make_run: MakeRun, tmp_path: Path, lines: list[str]
) -> None:
    """On a locked table, the queries before a run end after half of its patience, and the run waits after the rest."""
    open_database(database, tmp_path, lines).add([make_run("first")])
    environment = {"MEMEVAL_SPOOL": str(tmp_path)}
    history = DatabaseHistory(database, environment, lines.append, patience_seconds=1.0, is_patience_shared=True)
    with psycopg.connect(make_conninfo(database)) as connection:
        connection.execute("LOCK TABLE memeval.runs IN ACCESS EXCLUSIVE MODE")
        start = time.monotonic()
        with pytest.raises(HistoryError, match="is not available"):
            history.runs(RunQuery(), 1)
        assert time.monotonic() - start < 0.95
        history._away_until = 0.0
        with pytest.raises(HistoryError, match="is too slow"):
            history.runs(RunQuery(), 1)
        history.add([make_run("second", 1)])
        assert time.monotonic() - start < 1.9
    history._away_until = 0.0
    if history._given_up is not None:
        history._given_up.join(5)
    assert ids(history) == ["first"]
    history.add([make_run("third", 2)])
    assert ids(history) == ["third", "second", "first"]


def waiting_runs(database: str, folder: Path, runs: list[Run]) -> DatabaseHistory:
    """Return a history whose runs wait, although its database is there."""
    history = open_database(database, folder, [])
    for run in runs:
        history._waiting.put(*run)
    return history


def test_next_run_takes_in_those_that_wait(database: str, make_run: MakeRun, tmp_path: Path, lines: list[str]) -> None:
    """Two processes at once: each run is there once; a damaged file is named and stays, and holds nothing up."""
    waiting_runs(database, tmp_path, [make_run(f"waits{number}", number) for number in range(6)])
    damaged = waiting(tmp_path)[0].with_name("0-damaged.json")
    damaged.write_bytes(b"{")

    def write(number: int) -> None:
        open_database(database, tmp_path, lines).add([make_run(f"run{number}", 10 + number)])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    history = open_database(database, tmp_path, lines)
    assert history.runs_waiting == 1
    assert ids(history) == ["run1", "run0", *(f"waits{number}" for number in reversed(range(6)))]
    assert waiting(tmp_path) == [damaged]
    assert any(line.startswith(f"{damaged} is left out: this is no result file (") for line in lines)
    history.add([])
    assert waiting(tmp_path) == [damaged]


def test_run_that_can_neither_be_stored_nor_wait_is_an_error(make_run: MakeRun, tmp_path: Path) -> None:
    """The folder is a file: the error names it."""
    (tmp_path / "history").write_text("")
    history = open_database("postgresql://127.0.0.1:9/db", tmp_path, [], patience_seconds=1.0)
    with pytest.raises(HistoryError, match=r"was not written: .*; the run is not in the history"):
        history.add([make_run("run")])
