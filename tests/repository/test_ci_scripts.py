"""The scripts of ``.ci/``: steps, and the tests with other versions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.repository.files import ROOT

CI = ROOT / ".ci"

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("sh") is None or os.name != "posix", reason="needs a POSIX shell"),
]


def on_python(*arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    """Run ``.ci/on-python`` with this PATH."""
    environment = {"PATH": path, "HOME": os.environ["HOME"]}
    command = [shutil.which("sh") or "sh", str(CI / "on-python"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def folder_with(tmp_path: Path, **programs: str) -> str:
    """Return a PATH with these shell scripts and ``dirname``."""
    for name, script in programs.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    (tmp_path / "dirname").symlink_to(shutil.which("dirname") or "/usr/bin/dirname")
    return str(tmp_path)


def test_missing_interpreter_is_left_out_by_name(tmp_path: Path) -> None:
    """A machine without that Python passes, and the line says how to get it."""
    done = on_python("3.10", "lowest-direct", path=folder_with(tmp_path, uv="exit 2"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "on-python: left out: Python 3.10 is not on this machine (uv python install 3.10)\n"


def test_missing_uv_is_an_error(tmp_path: Path) -> None:
    """Without the installer nothing is left out silently."""
    done = on_python("3.10", "lowest-direct", path=folder_with(tmp_path))
    assert done.returncode == 2
    assert "uv is missing" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("3.10",), ("3.10", "highest", "more")])
def test_wrong_usage_shows_the_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """The status is 2."""
    done = on_python(*arguments, path=folder_with(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("usage: sh .ci/on-python")


def test_checks_run_the_least_and_the_newest_supported_python() -> None:
    """The versions of the two steps are the first and the last of the package's classifiers."""
    versions = re.findall(r"Python :: (3\.\d+)\"", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    steps = re.findall(r"begun \w+ sh \.ci/on-python (\S+) ([\w-]+)", (CI / "checks").read_text(encoding="utf-8"))
    assert steps == [(versions[0], "lowest-direct"), (versions[-1], "highest")]
