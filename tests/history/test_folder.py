"""The history in a folder: runs, queries, names, and everything that can be wrong with its files."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from otel_memeval.errors import HistoryError, UsageError
from otel_memeval.history.folder import FolderHistory
from otel_memeval.history.index import FILE, VERSION
from otel_memeval.history.store import RunQuery
from otel_memeval.records import from_json
from otel_memeval.records.run_summary import RunSummary
from tests.history.conftest import MakeRun


@pytest.fixture
def history(tmp_path: Path, lines: list[str]) -> FolderHistory:
    """Return a new history."""
    return FolderHistory(str(tmp_path / "history"), lines.append)


def ids(runs: list[RunSummary]) -> list[str]:
    """Return the identifiers of runs."""
    return [run.run_id for run in runs]


def run_files(history: FolderHistory) -> list[Path]:
    """Return the files of runs."""
    return sorted(Path(history.address, "runs").rglob("*.json"))


def test_run_is_a_result_file_that_its_owner_alone_reads(history: FolderHistory, make_run: MakeRun) -> None:
    """The file is one that ``--json`` writes; folder and files are private, and git ignores all of it."""
    run = make_run("a" * 32, 61, passed=True)
    history.add([run])
    history.add([run])
    folder = Path(history.address)
    (file,) = run_files(history)
    assert file.relative_to(folder).as_posix() == f"runs/2026-01/20260101T010100-{'a' * 32}.json"
    assert from_json(file.read_bytes()) == [run[0]]
    assert history.runs(RunQuery(), 10) == [run[1]]
    assert history.result("a" * 32) == run[0]
    assert history.result("b") is None
    assert (folder / ".gitignore").read_text().splitlines()[-1] == "*"
    if os.name == "posix":
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder, file.parent)}
        assert modes | {stat.S_IMODE(path.stat().st_mode) for path in (file, folder / FILE)} == {0o700, 0o600}


def test_runs_are_found_by_each_condition(history: FolderHistory, make_run: MakeRun) -> None:
    """The newest come first; a limit and all conditions hold together."""
    history.add(
        [
            make_run("aa1", 1, passed=True),
            make_run("aa2", 2, passed=True, branch="other"),
            make_run("bb3", 3, passed=False, commit="d" * 40),
            make_run("bb4", 4, passed=True, python="3.12.1"),
            make_run("bb5", 5, passed=True, name="Other eval"),
        ]
    )
    assert ids(history.runs(RunQuery(), 10)) == ["bb5", "bb4", "bb3", "aa2", "aa1"]
    assert ids(history.runs(RunQuery(), 2)) == ["bb5", "bb4"]
    settings = history.runs(RunQuery(), 10)[-1].settings
    for query, expected in (
        (RunQuery(eval="An eval"), ["bb4", "bb3", "aa2", "aa1"]),
        (RunQuery(settings=settings), ["bb5", "bb3", "aa2", "aa1"]),
        (RunQuery(branch="other"), ["aa2"]),
        (RunQuery(commit="d" * 40), ["bb3"]),
        (RunQuery(passed=False), ["bb3"]),
        (RunQuery(started_before="2026-01-01T00:03:00Z"), ["aa2", "aa1"]),
        (RunQuery(started_before="2026-01-01T01:02:00+01:00"), ["aa1"]),
        (RunQuery(without_runs=["bb5", "aa1"]), ["bb4", "bb3", "aa2"]),
        (RunQuery(eval="An eval", settings=settings, branch="main", passed=True), ["aa1"]),
        (RunQuery(eval="\udcff"), []),
    ):
        assert ids(history.runs(query, 10)) == expected, query
    assert ids(history.with_prefix("bb")) == ["bb5", "bb4", "bb3"]
    assert ids(history.with_prefix("b_")) == []


def test_name_moves_to_another_run_of_the_same_eval(history: FolderHistory, make_run: MakeRun) -> None:
    """Each eval has its own names; a run with a name is not pruned; a missing run gets none."""
    history.add([make_run(f"run{number}", number) for number in range(3)])
    history.add([make_run("other", 3, name="Other eval")])
    for run_id in ("run0", "run1", "other"):
        history.tag(run_id, "v1/é")
    assert ids(history.runs(RunQuery(tag="v1/é"), 10)) == ["other", "run1"]
    assert history.with_prefix("run1")[0].tags == ("v1/é",)
    assert history.prune("2026-01-01T00:03:00Z") == 2
    assert ids(history.runs(RunQuery(), 10)) == ["other", "run1"]
    with pytest.raises(HistoryError, match="there is no run run0"):
        history.tag("run0", "x")


def test_index_is_made_anew_from_the_files(history: FolderHistory, make_run: MakeRun, lines: list[str]) -> None:
    """Missing, damaged and emptied: the runs, how they passed, and their names are all there again."""
    history.add([make_run(f"run{number}", number, passed=number == 1) for number in range(3)])
    history.tag("run2", "name")
    before = history.runs(RunQuery(), 10)
    assert [(run.passed, list(run.tags)) for run in before] == [(False, ["name"]), (True, []), (False, [])]
    index = Path(history.address, FILE)
    index.unlink()
    assert history.runs(RunQuery(), 10) == before
    assert lines == []
    size = index.stat().st_size
    for damage in (b"no database", b"", os.urandom(size), index.read_bytes()[:2000] + b"\0" * (size - 2000)):
        index.write_bytes(damage)
        assert history.runs(RunQuery(), 10) == before
    with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as connection:
        connection.execute("UPDATE runs SET summary = '{'")
    assert history.runs(RunQuery(), 10) == before
    assert {line.partition(" is damaged ")[0] for line in lines} == {str(index)}


def test_folder_that_cannot_be_written_is_read(
    history: FolderHistory, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index is completed in memory; no file changes."""
    history.add([make_run("first")])
    runs = history.runs(RunQuery(), 10)
    (file,) = run_files(history)
    other = file.read_bytes().replace(b'"first"', b'"other"')
    file.with_name("other.json").write_bytes(other)
    index = Path(history.address, FILE).read_bytes()
    monkeypatch.setattr(os, "access", lambda *_: False)
    for _ in range(2):
        assert ids(FolderHistory(history.address, print, writes=False).runs(RunQuery(), 10)) == ["other", "first"]
    assert Path(history.address, FILE).read_bytes() == index
    Path(history.address, FILE).unlink()
    assert FolderHistory(history.address, print, writes=False).runs(RunQuery(), 10)[1:] == runs
    assert not Path(history.address, FILE).exists()


def test_file_of_another_process_is_taken_in(history: FolderHistory, make_run: MakeRun) -> None:
    """A file that was copied into the folder or deleted from it: the next reading has followed."""
    history.add([make_run("first"), make_run("second", 1)])
    assert len(history.runs(RunQuery(), 10)) == 2
    first, second = run_files(history)
    first.rename(first.parent.parent / "aside")
    assert ids(history.runs(RunQuery(), 10)) == ["second"]
    (first.parent.parent / "aside").rename(first)
    second.unlink()
    assert ids(history.runs(RunQuery(), 10)) == ["first"]


def test_unusable_file_is_named_and_stays(history: FolderHistory, make_run: MakeRun, lines: list[str]) -> None:
    """Damaged, of a later schema, empty, or with two runs: a line each, the other runs are read, nothing is deleted."""
    history.add([make_run("good")])
    (good,) = run_files(history)
    later = good.read_bytes().replace(b'"schema":1', b'"schema":2')
    contents = {"half": good.read_bytes()[:900], "later": later, "empty": b"", "deep": b"[" * 100_000, "text": b"\xff"}
    for name, content in contents.items():
        good.with_name(f"{name}.json").write_bytes(content)
    for store in (history, FolderHistory(history.address, lines.append)):
        assert ids(store.runs(RunQuery(), 10)) == ["good"]
        assert len(lines) == len(contents)
        assert any("later.json is left out: written by a later version of otel-memeval (schema 2" in line for line in lines)
        lines.clear()
    assert len(run_files(history)) == len(contents) + 1
    good.with_name("half.json").write_bytes(good.read_bytes().replace(b'"good"', b'"half"'))
    assert ids(history.runs(RunQuery(), 10)) == ["half", "good"]


def test_index_of_a_later_version_is_refused(history: FolderHistory, make_run: MakeRun) -> None:
    """The line says so, and the index stays as it is; an earlier one is made anew."""
    history.add([make_run("run")])
    for version in (VERSION + 1, 0):
        connection = sqlite3.connect(Path(history.address, FILE))
        connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        content = Path(history.address, FILE).read_bytes()
        if version:
            with pytest.raises(HistoryError, match=r"was written by a later version of otel-memeval \(index 2, "):
                FolderHistory(history.address, print)
            assert Path(history.address, FILE).read_bytes() == content
    assert ids(history.runs(RunQuery(), 10)) == ["run"]


def test_index_of_somebody_else_deletes_nothing_elsewhere(history: FolderHistory, make_run: MakeRun, tmp_path: Path) -> None:
    """A folder that was downloaded may have an index that names any file: pruning refuses it."""
    (tmp_path / "precious.json").write_text("")
    history.add([make_run("run")])
    history.runs(RunQuery(), 1)
    for elsewhere in ("../../precious.json", str(tmp_path / "precious.json"), "2026-01/../../../precious.json"):
        with contextlib.closing(sqlite3.connect(Path(history.address, FILE), isolation_level=None)) as connection:
            connection.execute("INSERT OR REPLACE INTO runs VALUES ('x', '', '', '', '', 1, '0', ?, '{}')", (elsewhere,))
        with pytest.raises(HistoryError, match="names a file that is none of a run"):
            history.prune("2027-01-01T00:00:00Z")
        with pytest.raises(HistoryError, match="names a file that is none of a run"):
            history.result("x")
    assert (tmp_path / "precious.json").exists()
    assert len(run_files(history)) == 1


def test_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """A project's folder gets no ``.gitignore``; a file, and a folder that is missing for reading, are refused."""
    (tmp_path / "setup.py").write_text("")
    for path, writes, problem in (
        (tmp_path, True, "is a folder without a history"),
        (tmp_path / "setup.py", True, "File exists"),
        (tmp_path / "setup.py" / "x", True, "Not a directory"),
        (tmp_path / "missing", False, "there is no history in"),
        (tmp_path, False, "is a folder without a history"),
    ):
        with pytest.raises(UsageError, match=problem):
            FolderHistory(str(path), print, writes=writes)
    assert [path.name for path in tmp_path.iterdir()] == ["setup.py"]


@pytest.mark.parametrize("text", ["a\0b", "\udcff", "../../etc/x", "", "a" * 300, "CON", "x\n\x1b[31m", "木"])
def test_hostile_names_are_kept(history: FolderHistory, make_run: MakeRun, text: str) -> None:
    """Identifier, eval, branch and tag of any text stay inside of the folder, and are found again after a rebuild."""
    history.add([make_run(text, name=text, branch=text, started_at=text, commit=text)])
    (summary,) = history.runs(RunQuery(eval=text, branch=text, commit=text), 10) or history.runs(RunQuery(), 10)
    history.tag(summary.run_id, text)
    Path(history.address, FILE).unlink()
    (again,) = history.runs(RunQuery(), 10)
    assert len(again.tags) == 1
    assert msgspec.structs.replace(again, tags=()) == summary
    assert history.result(summary.run_id) is not None
    assert len(run_files(history)) == 1
    assert {path.name for path in Path(history.address).parent.iterdir()} == {"history"}


def test_many_writers_at_once(history: FolderHistory, make_run: MakeRun) -> None:
    """Four threads write and read the same runs at once: each run is there once."""
    runs = [make_run(f"{number:03d}", number) for number in range(20)]

    def write(seed: int) -> None:
        store = FolderHistory(history.address, print)
        for run in random.Random(seed).sample(runs, len(runs)):
            store.add([run])
            assert store.runs(RunQuery(), 1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert ids(history.runs(RunQuery(), 100)) == [f"{number:03d}" for number in reversed(range(20))]


WRITER = """
import sys
from otel_memeval.history.folder import FolderHistory
from otel_memeval.history.run_file import read_run, summary_of
import msgspec, pathlib
history = FolderHistory(sys.argv[1], print)
result, _ = read_run(pathlib.Path(sys.argv[2]))
for number in range(100_000):
    run = msgspec.structs.replace(result.run, id=f"run{number}")
    result = msgspec.structs.replace(result, run=run)
    print(number, flush=True)
    history.add([(result, summary_of(result))])
"""


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_writer_loses_nothing(history: FolderHistory, make_run: MakeRun, lines: list[str], tmp_path: Path) -> None:
    """After SIGKILL every run before the one that was being written is there, once."""
    history.add([make_run("seed")])
    (seed,) = run_files(history)
    command = [sys.executable, "-c", WRITER, history.address, str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(0.3)
        writer.send_signal(signal.SIGKILL)
        last = int((first + writer.stdout.read()).split()[-1])
    found = ids(history.runs(RunQuery(), 100_000))
    assert len(found) == len(set(found))
    assert {f"run{number}" for number in range(last)} <= set(found)
    assert lines == []
