"""The commands of ``otel-memeval history``, on folders and between a folder and a database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otel_memeval.cli.main import run
from otel_memeval.history.folder import FolderHistory
from otel_memeval.history.store import RunQuery
from otel_memeval.records import from_json
from tests.history.conftest import MakeRun, execute

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> FolderHistory:
    """Return the usual history of the current folder, with three runs of two evals."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    history = FolderHistory(".memeval", print)
    history.add(
        [
            make_run("aaaa1111", 1),
            make_run("aaaa2222", 2, dirty=True, branch="\x1b[31mred"),
            make_run("bbbb3333", 3, name="Other eval", commit=""),
        ]
    )
    return history


def call(capsys: Capture, *arguments: str, status: int = 0) -> str:
    """Call the command, and return standard output, or the only line on standard error after a failure."""
    assert run(["history", *arguments]) == status, capsys.readouterr()
    out, err = capsys.readouterr()
    if status:
        (line,) = err.splitlines()
        return line.removeprefix("otel-memeval: ")
    assert err == ""
    return out


@pytest.mark.usefixtures("folder")
def test_runs_are_listed_by_eval(capsys: Capture) -> None:
    """A table for each eval, the newest last; what a terminal obeys is left out; conditions choose runs."""
    assert [line.rstrip() for line in call(capsys, "--plain").splitlines()] == [
        "An eval  ##  growth per iteration",
        "   started (UTC)    growth  verdict  run       commit    branch",
        "2026-01-01 00:01  4.00 KiB  leaking  aaaa1111  ccccccc   main",
        "2026-01-01 00:02  4.00 KiB  leaking  aaaa2222  ccccccc+  red",
        "",
        "Other eval  #  growth per iteration",
        "   started (UTC)    growth  verdict  run       branch",
        "2026-01-01 00:03  4.00 KiB  leaking  bbbb3333  main",
        "",
    ]
    for arguments, expected in (
        (["list"], ["aaaa1111", "aaaa2222", "bbbb3333"]),
        (["An eval"], ["aaaa1111", "aaaa2222"]),
        (["list", "An eval", "Other eval", "--last", "2"], ["aaaa2222", "bbbb3333"]),
        (["--branch", "main"], ["aaaa1111", "bbbb3333"]),
    ):
        runs = json.loads(call(capsys, *arguments, "--json", "-"))["runs"]
        assert [item["run_id"] for item in runs] == expected
    assert run(["history", "Nobody"]) == 0
    assert capsys.readouterr().err == "otel-memeval: no runs in .memeval that meet the conditions\n"


@pytest.mark.usefixtures("folder")
def test_run_is_shown_and_named(capsys: Capture) -> None:
    """By the beginning of its identifier, or its name."""
    assert call(capsys, "tag", "aaaa1", "v1") == "v1: run aaaa1111 of An eval\n"
    shown = call(capsys, "show", "v1")
    assert shown.startswith("run aaaa1111 of 2026-01-01 00:01:00 UTC, commit ccccccc\n")
    assert "An eval: leaking: keeps 4.00 KiB more every iteration" in shown
    assert "names" in call(capsys)
    for arguments, problem in (
        (["show", "aaaa"], "several runs begin with aaaa: aaaa2222, aaaa1111; write more characters"),
        (["show", ""], "there is no run  in .memeval; otel-memeval history lists the runs"),
        (["tag", "zz", "x"], "there is no run zz in .memeval; otel-memeval history lists the runs"),
        (["tag", "aaaa1", "a\nb"], "'a\\nb' is no name of a run; write 1 to 100 printable characters"),
        (["prune", "--keep", "9000000w"], "--keep is longer than all time; name a duration, such as 90d"),
        (["import", "missing.json"], "missing.json: No such file or directory; name result files, folders or databases"),
        (["--history", "missing"], "there is no history in missing; name its folder or database: --history DIR_OR_DSN"),
        (["list", "--json", "missing/x"], "--json missing/x: its folder does not exist; create the folder first"),
    ):
        assert call(capsys, *arguments, status=2) == problem


def test_old_runs_are_pruned_but_for_those_with_a_name(folder: FolderHistory, capsys: Capture) -> None:
    """The line has their number."""
    folder.tag("aaaa1111", "v1")
    assert call(capsys, "prune", "--keep", "1h") == "2 runs deleted from .memeval\n"
    assert [item.run_id for item in folder.runs(RunQuery(), 10)] == ["aaaa1111"]


def test_project_names_the_history(folder: FolderHistory, capsys: Capture, tmp_path: Path) -> None:
    """A path in pyproject.toml is relative to that file; a database is none."""
    from otel_memeval.config import project_settings

    FolderHistory("elsewhere", print).add([])
    (tmp_path / "pyproject.toml").write_text('[tool.otel-memeval]\nhistory = "elsewhere"\n', encoding="utf-8")
    assert run(["history"]) == 0
    assert capsys.readouterr().err == f"otel-memeval: no runs in {tmp_path / 'elsewhere'}\n"
    (tmp_path / "pyproject.toml").write_text('[tool.otel-memeval]\nhistory = "postgresql://host/db"\n', encoding="utf-8")
    assert project_settings(str(tmp_path)).history == "postgresql://host/db"
    assert folder.runs(RunQuery(), 1)


@pytest.mark.server
def test_runs_go_to_a_database_and_back(folder: FolderHistory, capsys: Capture, database: str, tmp_path: Path) -> None:
    """Runs, how they passed and their names are the same after a round trip, and a second one adds nothing."""
    folder.tag("aaaa2222", "v1")
    before = folder.runs(RunQuery(), 10)
    assert ": 3 new runs\n" in call(capsys, "export", database)
    assert ": 0 new runs\n" in call(capsys, "export", database)
    listed = call(capsys, "--history", database, "--json", "-")
    assert listed == call(capsys, "--json", "-")
    assert ": 3 new runs\n" in call(capsys, "import", database, "--history", "other")
    assert FolderHistory("other", print).runs(RunQuery(), 10) == before
    assert call(capsys, "import", "other", "--history", "third") == "other: 3 new runs\n"
    assert FolderHistory("third", print).runs(RunQuery(), 10) == before
    call(capsys, "export", "all.json", "--history", database)
    assert from_json(Path("all.json").read_bytes()) == [folder.result(item.run_id) for item in reversed(before)]
    execute(database, "TRUNCATE memeval.runs CASCADE")
    assert call(capsys, "import", "all.json", "--history", database) == "all.json: 3 new runs\n"
    assert "s3cret" not in call(capsys, "prune", "--keep", "1h", "--history", database)
    assert call(capsys, "import", "--history", database) == ""


def test_damaged_and_other_files_of_a_source_are_left_out(
    folder: FolderHistory, capsys: Capture, tmp_path: Path, make_run: MakeRun
) -> None:
    """A folder of build artifacts: result files are taken, each other JSON file is a line; one that is named is refused."""
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    call(capsys, "export", "artifacts/results.json")
    (artifacts / "package.json").write_text("{}")
    assert run(["history", "import", "artifacts", "--history", "other"]) == 0
    out, err = capsys.readouterr()
    assert out == "artifacts: 3 new runs\n"
    assert err.startswith("otel-memeval: artifacts/package.json is left out: this is no result file (")
    line = call(capsys, "import", "artifacts/package.json", "--history", "other", status=2)
    assert line.startswith("artifacts/package.json: this is no result file (")


def test_unusable_history_is_one_line(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is away has status 4; no password is shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMEVAL_HISTORY", "postgresql://me:s3cret%2Fpw@127.0.0.1:9/db")
    for arguments in (["list"], ["show", "x"], ["prune", "--keep", "1d"], ["import"]):
        line = call(capsys, *arguments, status=4)
        assert line.startswith("the history postgresql://me@127.0.0.1:9/db is not available (")
        assert "s3cret" not in line
