"""``--history``: runs that are measured are kept, whatever else fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_memeval.history.folder import FolderHistory
from otel_memeval.history.run_file import read_run
from otel_memeval.history.store import RunQuery
from tests.cli.conftest import Call, Tool

LEAK = "KEPT = []\ndef run():\n    KEPT.append(bytearray(50_000))\n"
SHORT = ("-q", "--iterations", "5", "--warmup", "0", "--no-follow-up")


def test_run_is_kept_although_a_later_target_cannot_be_loaded(
    tool: Tool, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The variable names the history; the run is the result that ``--json`` has, and says that it failed the build."""
    folder = tmp_path / "kept"
    monkeypatch.setenv("MEMEVAL_HISTORY", str(folder))
    tool.write("leak.py", LEAK)
    done = call("leak.py", "missing.py", *SHORT)
    assert done.status == 2
    history = FolderHistory(str(folder), print)
    (summary,) = history.runs(RunQuery(), 10)
    assert (summary.eval, summary.verdict, summary.passed) == ("leak", "leaking", False)
    assert history.result(summary.run_id) == done.result


def test_run_waits_for_a_database_that_is_away(
    tool: Tool, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The status is the run's own, one line says where the run waits, and no password is shown; a replay leaves it alone."""
    monkeypatch.setenv("MEMEVAL_SPOOL", str(tmp_path / "spool"))
    tool.write("leak.py", LEAK)
    done = call("leak.py", *SHORT, "--fail-on", "never", "--history", "postgresql://me:s3cret%2Fpw@127.0.0.1:9/db")
    assert done.status == 0
    (file,) = (tmp_path / "spool").rglob("*.json")
    result, summary = read_run(file)
    assert result == done.result
    assert summary.passed
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"1 run waits in {file.parent}: the history postgresql://me@127.0.0.1:9/db is not available (")
    assert "s3cret" not in done.text
    replayed = call("replay", "--endpoint", "http://127.0.0.1:9", json_file=False)
    assert replayed.stdout == "batches: 0 delivered\n"
    assert list(file.parent.iterdir()) == [file]

    (tmp_path / "spool" / "history").rename(tmp_path / "aside")
    (tmp_path / "spool" / "history").write_text("")
    done = call("leak.py", *SHORT, "--fail-on", "never", "--history", "postgresql://127.0.0.1:9/db")
    assert done.status == 4
    assert "was not written: Not a directory; the run is not in the history" in done.stderr


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("postgresql://u:hid@den@host/db", "the address of the history is no connection string of PostgreSQL"),
        ("mysql://host/db", "the history mysql:// is of no known kind"),
        (" ", "the address of the history is empty"),
        (".", ". is a folder without a history"),
        ("leak.py", "the history leak.py: File exists"),
    ],
)
def test_unusable_address_is_refused_before_anything_is_measured(tool: Tool, call: Call, address: str, problem: str) -> None:
    """One line, status 2; nothing is written."""
    tool.write("leak.py", "raise SystemExit(9)\n")
    done = call("leak.py", "--history", address)
    assert (done.status, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"otel-memeval: {problem}")
    assert "hid" not in line
    assert "den" not in line
