"""``git bisect run`` finds the commit that leaks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from otel_memeval.cli import main
from tests.cli.conftest import ROOT, Call, Tool

LEAKS_FROM = 17
COMMITS = 30
UNUSABLE = {15: "raise ImportError\n", 18: "def run(): raise ValueError\n"}
"""Commits that cannot be measured: the target cannot be loaded, and it fails."""


def source(commit: int) -> str:
    """Return the scenario of a commit."""
    kept = "KEPT.append(buffer)" if commit >= LEAKS_FROM else "KEPT.clear()"
    return UNUSABLE.get(commit, f"KEPT = []\n\ndef run():\n    buffer = bytearray(50_000)\n    {kept}  # {commit}\n")


def git(folder: Path, *arguments: str) -> str:
    """Run git without the settings of this machine, and return its output."""
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.process
def test_bisect_run_names_the_commit_that_leaks(tool: Tool) -> None:
    """Among 30 commits, two of which cannot be measured; six are measured, and nothing but the repository is touched."""
    git(tool.folder, "init", "-q")
    for commit in range(1, COMMITS + 1):
        tool.write("scenario.py", source(commit))
        git(tool.folder, "add", "scenario.py")
        git(tool.folder, "commit", "-q", "-m", f"commit {commit}")
    command = [
        sys.executable,
        "-m",
        "otel_memeval",
        "scenario.py",
        "--iterations",
        "8",
        "--warmup",
        "1",
        "--bisect",
        "-q",
    ]
    git(tool.folder, "bisect", "start", "HEAD", f"HEAD~{COMMITS - 1}")
    output = git(tool.folder, "bisect", "run", "env", f"PYTHONPATH={ROOT}", *command)
    assert git(tool.folder, "show", "-s", "--format=%s", "refs/bisect/bad").strip() == f"commit {LEAKS_FROM}", output
    assert "is the first bad commit" in output


def test_commit_that_cannot_be_measured_is_skipped(tool: Tool, call: Call) -> None:
    """A target that is missing or cannot be loaded, and wrong usage, have status 125 instead of 2."""
    tool.write("scenario.py", UNUSABLE[15])
    for arguments in (["scenario.py"], ["missing.py"], ["scenario.py", "--nonsense"], ["scenario.py", "--every", "1h"], []):
        assert call(*arguments, "--bisect", json_file=False).status == 125


def test_fault_of_the_tool_skips_the_commit(
    tool: Tool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A fault has Python's traceback on standard error, and with ``--bisect`` not Python's status 1, which means bad."""
    monkeypatch.setattr(main, "_similar_command", lambda *_: 1 / 0)
    monkeypatch.chdir(tool.folder)
    assert main.run(["missing.py", "--bisect"]) == 125
    assert "ZeroDivisionError" in capfd.readouterr().err
    with pytest.raises(ZeroDivisionError):
        main.run(["missing.py"])
