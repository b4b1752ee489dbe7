"""The history in PostgreSQL: a real server, its schema, and runs that wait for a database that is away."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from otel_memeval.errors import HistoryError
from otel_memeval.history.database import DatabaseHistory
from otel_memeval.history.rows import Texts
from otel_memeval.history.run_file import summary_of, valid_texts
from otel_memeval.history.sql import load_migrations, load_queries, load_text
from otel_memeval.history.store import RunQuery
from otel_memeval.records import Failure, from_json, to_json
from tests.history.conftest import MakeRun, execute, ids, open_database, waiting

pytestmark = pytest.mark.server

TABLES = ["holders", "iterations", "migrations", "resources", "runs", "signatures", "sites", "tags"]


def test_runs_are_found_by_each_condition(history: DatabaseHistory, make_run: MakeRun, database: str) -> None:
    """The newest come first; names move, and keep a run from being pruned; details stand in tables of their own."""
    runs = [
        make_run("aa1", 1, passed=True),
        make_run("aa2", 2, passed=True, branch="other"),
        make_run("bb3", 3, passed=False, commit="d" * 40),
        make_run("bb4", 4, passed=True, python="3.12.1"),
        make_run("bb5", 5, passed=True, name="Other eval"),
    ]
    history.add(runs)
    history.add(runs[:2])
    assert history.runs(RunQuery(), 10) == [summary for _, summary in reversed(runs)]
    assert history.result("bb3") == runs[2][0]
    assert history.result("none") is None
    for query, expected in (
        (RunQuery(eval="An eval"), ["bb4", "bb3", "aa2", "aa1"]),
        (RunQuery(settings=runs[0][1].settings), ["bb5", "bb3", "aa2", "aa1"]),
        (RunQuery(branch="other"), ["aa2"]),
        (RunQuery(commit="d" * 40), ["bb3"]),
        (RunQuery(passed=False), ["bb3"]),
        (RunQuery(started_before="2026-01-01T01:02:00+01:00"), ["aa1"]),
        (RunQuery(without_runs=["bb5", "aa1"]), ["bb4", "bb3", "aa2"]),
        (RunQuery(eval="An eval", settings=runs[0][1].settings, branch="main", passed=True), ["aa1"]),
    ):
        assert ids(history, query) == expected, query
    assert ids(history, limit=2) == ["bb5", "bb4"]
    assert [run.run_id for run in history.with_prefix("bb")] == ["bb5", "bb4", "bb3"]
    for run_id in ("aa1", "bb4", "bb5"):
        history.tag(run_id, "v1")
    with pytest.raises(HistoryError, match="there is no run none"):
        history.tag("none", "v1")
    assert ids(history, RunQuery(tag="v1")) == ["bb5", "bb4"]
    assert history.with_prefix("bb4")[0].tags == ("v1",)
    for table, number in (("iterations", 25), ("sites", 5), ("holders", 5), ("signatures", 5)):
        assert execute(database, f"SELECT count(*) FROM memeval.{table}") == [(number,)], table
    page = (Path(__file__).parents[2] / "docs" / "guides" / "history.md").read_text(encoding="utf-8")
    (first_runs,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert [row[1:] for row in execute(database, first_runs)] == [
        ("m.py:3 (run)", datetime(2026, 1, 1, 0, 1, tzinfo=timezone.utc), "c" * 40, "main")
    ]
    assert history.prune("2026-01-01T00:05:00Z") == 3
    assert ids(history) == ["bb5", "bb4"]
    assert execute(database, "SELECT count(*) FROM memeval.iterations") == [(10,)]


CATALOGUE = """
SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default, collation_name
FROM information_schema.columns WHERE table_schema = 'memeval' AND table_name <> 'migrations' ORDER BY 1, 3;
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'memeval' AND tablename <> 'migrations' ORDER BY 1;
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'memeval'::regnamespace AND conrelid::regclass::text <> 'memeval.migrations'
ORDER BY 1, 2;
SELECT objoid::regclass::text, objsubid, description
FROM pg_description WHERE objoid IN (SELECT oid FROM pg_class WHERE relnamespace = 'memeval'::regnamespace) ORDER BY 1, 2
"""


def catalogue(address: str) -> list[list[tuple[Any, ...]]]:
    """Return the columns, indexes, constraints and comments of the schema."""
    return [execute(address, query) for query in CATALOGUE.split(";")]


def test_schema_is_that_of_all_migrations(history: DatabaseHistory, database: str) -> None:
    """``schema.sql`` has the same columns, indexes, constraints and comments as the migrations one after the other."""
    history.runs(RunQuery(), 1)
    migrated = catalogue(database)
    assert all(migrated)
    assert [name for (name,) in execute(database, "SELECT relname FROM pg_class WHERE relnamespace = "
                                        "'memeval'::regnamespace AND relkind = 'r' ORDER BY 1")] == TABLES  # fmt: skip
    assert execute(database, "SELECT count(*) FROM memeval.migrations") == [(len(load_migrations()),)]
    execute(database, "DROP SCHEMA memeval CASCADE")
    execute(database, "CREATE SCHEMA memeval;" + load_text("schema.sql"))
    assert catalogue(database) == migrated


def test_each_migration_is_applied_once(database: str, tmp_path: Path, make_run: MakeRun, lines: list[str]) -> None:
    """Four processes that find an empty database, and one of the first version: all runs are there, no run waits."""
    execute(database, "CREATE SCHEMA memeval")
    execute(database, "CREATE TABLE memeval.migrations (version bigint PRIMARY KEY, applied_at timestamptz DEFAULT now())")
    execute(database, load_migrations()[0].decode())
    execute(database, "INSERT INTO memeval.migrations VALUES (1)")

    def write(number: int) -> None:
        open_database(database, tmp_path, lines).add([make_run(f"run{number}", number), make_run("all", 9)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert ids(open_database(database, tmp_path, lines)) == ["all", "run3", "run2", "run1", "run0"]
    assert execute(database, "SELECT version FROM memeval.migrations ORDER BY 1") == [(1,), (2,)]
    assert lines == []


def test_schema_of_a_later_version_is_left_alone(
    history: DatabaseHistory, database: str, make_run: MakeRun, tmp_path: Path, lines: list[str]
) -> None:
    """Reading is one line, and a new run waits."""
    history.runs(RunQuery(), 1)
    execute(database, "INSERT INTO memeval.migrations VALUES (99)")
    with pytest.raises(HistoryError, match=r"written by a later version of otel-memeval \(version 99, this one knows 2\)"):
        history.runs(RunQuery(), 1)
    history.add([make_run("run")])
    assert len(waiting(tmp_path)) == 1
    assert lines[0].startswith(f"1 run waits in {tmp_path}/history/")
    assert execute(database, "SELECT count(*) FROM memeval.runs") == [(0,)]


def test_user_needs_no_right_to_create_a_schema_that_exists(
    history: DatabaseHistory, database: str, make_run: MakeRun, tmp_path: Path, lines: list[str]
) -> None:
    """A user with the usual rights on the tables writes; one without any right gets one line with the remedy."""
    role = f"writer_{os.getpid()}_{time.time_ns()}"
    execute(database, f"CREATE ROLE {role} LOGIN")
    address = database.replace("postgres:s3cret%2Fpw@", f"{role}:other%2Fpw@")
    writer = open_database(address, tmp_path / "writer", lines)
    writer.add([make_run("first")])
    (line,) = lines
    assert f"the user {role} may not create the tables of the history (permission denied for database " in line
    assert line.endswith(f"; an administrator types CREATE SCHEMA memeval AUTHORIZATION {role}")
    history.add([make_run("second", 1)])
    execute(database, f"GRANT USAGE ON SCHEMA memeval TO {role}")
    execute(database, f"GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA memeval TO {role}")
    writer.add([make_run("third", 2)])
    assert ids(writer) == ["third", "second", "first"]
    assert lines[1:] == [f"1 run that waited for the history {writer.address} taken in"]
    execute(database, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_queries_use_their_indexes(history: DatabaseHistory, database: str, make_run: MakeRun) -> None:
    """The plan of each query of a listing or a comparison reads the index that is meant for it."""
    run = make_run("run")
    history.add([run])
    columns = "target, settings, python, dirty, duration_seconds, verdict, passed, summary, result"
    execute(
        database,
        f"INSERT INTO memeval.runs (run_id, eval, branch, commit_id, started_at, {columns}) SELECT n, n % 20, n % 7, n / 40,"
        f" now() - n * interval '1 hour', {columns} FROM memeval.runs, generate_series(1, 2000) AS n",
    )
    execute(database, "ANALYZE memeval.runs")
    query = load_queries()["runs"]
    texts = Texts("UTF8")
    with psycopg.connect(make_conninfo(database), autocommit=True) as connection:
        for conditions, index in (
            (RunQuery(), "runs_started"),
            (RunQuery(eval="7"), "runs_eval"),
            (RunQuery(eval="7", settings=run[1].settings, branch="3", passed=False, started_before="2100-01-01T00:00:00Z"),
             "runs_comparable"),
            (RunQuery(branch="3"), "runs_branch"),
            (RunQuery(commit="3"), "runs_commit"),
        ):  # fmt: skip
            rows = connection.execute(b"EXPLAIN " + query, texts.query(conditions, 20)).fetchall()
            plan = "\n".join(str(row[0]) for row in rows)
            assert re.search(rf"(using|Bitmap Index Scan on) {index}\b", plan), plan
            assert "Seq Scan on runs" not in plan, plan


ODD_TEXTS = ("a\0b", "\udc80", "\ud800x", "木\U0001f600", "\\u0000", "a'; --", "木" * 5000, "")


def test_run_with_odd_texts_is_kept(history: DatabaseHistory, make_run: MakeRun, lines: list[str]) -> None:
    """NUL, halves of characters, long texts and huge numbers: each run is stored, found, and read as it was written."""
    for text in ODD_TEXTS:
        result, _ = make_run(text, name=text, branch=text, commit=text, target=text, started_at=text)
        site = msgspec.structs.replace(result.sites[0], file=text, function=text, signature=text, blocks=1 << 70)
        holder = msgspec.structs.replace(result.holders[0], path=text, type=text, length=1 << 70)
        error = Failure(type=text, message=text)
        iteration = msgspec.structs.replace(result.iterations[0], error=error, started_at=text, peak_bytes=-(1 << 70))
        result = msgspec.structs.replace(result, sites=[site], holders=[holder], iterations=[iteration] * 2)
        kept = valid_texts(summary_of(result))
        assert history.add([(result, summary_of(result))] * 2) == 1
        assert lines == []
        assert kept in history.runs(RunQuery(eval=kept.eval, branch=kept.branch, commit=kept.commit), 10)
        history.tag(kept.run_id, text)
        assert history.result(kept.run_id) == from_json(to_json([result]))[0]


def test_database_of_another_encoding_keeps_runs(database: str, tmp_path: Path, make_run: MakeRun) -> None:
    """In LATIN1, texts that it lacks are escapes in the columns, and as they were in the result."""
    name = f"l_{time.time_ns()}"
    execute(database, f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    lines: list[str] = []
    history = open_database(re.sub(r"/t_\w+", f"/{name}", database), tmp_path, lines)
    run = make_run("run", name="木 \U0001f600 é")
    history.add([run])
    assert lines == []
    assert history.runs(RunQuery(eval="木 \U0001f600 é"), 1) == [run[1]]
    assert history.result("run") == run[0]


def test_run_that_cannot_be_read_is_left_out(
    history: DatabaseHistory, database: str, make_run: MakeRun, lines: list[str]
) -> None:
    """A later version may have another verdict: a line, and the other runs are listed."""
    history.add([make_run("first"), make_run("second", 1)])
    execute(database, "UPDATE memeval.runs SET summary = '{}', result = '{}' WHERE run_id = 'second'")
    assert ids(history) == ["first"]
    assert lines == [f"a run in {history.address} is left out: Object missing required field `run_id`"]
    with pytest.raises(HistoryError, match=r"the run second in .* cannot be read: Object missing required field"):
        history.result("second")
