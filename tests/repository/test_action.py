"""The action for GitHub and the hook for pre-commit, which are files of this repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.repository.files import ROOT

LEAK = "KEPT = []\ndef run():\n    KEPT.append(bytearray(50_000))\n"


def action() -> dict[str, Any]:
    """Return the action."""
    return dict(yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8")))


def test_inputs_reach_scripts_by_variables_only() -> None:
    """An input inside of a script could be a command; each input that is named is declared, and the other way round."""
    steps = action()["runs"]["steps"]
    assert [step for step in steps if "${{" in step["run"]] == []
    named = {name for step in steps for value in step["env"].values() for name in re.findall(r"inputs\.(\w+)", value)}
    assert named == action()["inputs"].keys()
    assert {step["shell"] for step in steps} == {"bash"}


@pytest.mark.process
def test_action_measures_and_annotates(tmp_path: Path) -> None:
    """The script of the measuring step, with several targets and options on lines, and a name that is a command."""
    installed = tmp_path / "otel-memeval" / "bin" / "otel-memeval"
    installed.parent.mkdir(parents=True)
    installed.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m otel_memeval "$@"\n', encoding="utf-8")
    installed.chmod(0o755)
    for name in ("first.py", "second.py"):
        (tmp_path / name).write_text(LEAK, encoding="utf-8")
    measure = action()["runs"]["steps"][-1]["run"]
    variables = {
        "TARGETS": "first.py\nsecond.py\n",
        "OPTIONS": "--iterations 8\n--warmup 0 -q",
        "PYTHON": sys.executable,
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", measure]
        environment = {**os.environ, **variables, **more}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    done = run()
    assert done.returncode == 1, done.stderr
    found = [line for line in done.stdout.splitlines() if line.startswith("::error file=")]
    assert [line.partition(",title")[0] for line in found] == [
        "::error file=first.py,line=3",
        "::error file=second.py,line=3",
    ]
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").startswith("### Memory: 2 of 2 fail\n")
    done = run(TARGETS="$(touch${IFS}made) `touch made` * ; touch made")
    assert done.returncode == 2, done.stderr
    assert not (tmp_path / "made").exists()


def test_hook_calls_the_command() -> None:
    """Its entry is a script of the package."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["id"] == hook["entry"] == "otel-memeval"
    assert f"\n{hook['entry']} = " in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert hook["language"] == "python"
