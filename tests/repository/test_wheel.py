"""The wheel works in any folder, and a package that is missing is named with the remedy."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.repository.files import ROOT

pytestmark = pytest.mark.process


def measure(
    folder: Path, *arguments: str, path: Path | None = None, program: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Measure in the folder, with a further folder of packages on the import path."""
    environment = {**os.environ, "COLUMNS": "80"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    command = [program, "-m", "otel_memeval", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the content of the wheel, as pip installs it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "packages")
    return folder / "packages"


def test_wheel_measures_the_team_in_an_empty_folder(unpacked: Path, tmp_path: Path) -> None:
    """The team's agents, SQL and model server are in the wheel; a module ``scenarios.team`` of the folder goes first."""
    done = measure(tmp_path, "scenarios.team", "-q", "--iterations", "3", "--no-follow-up", path=unpacked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Team Memory Impact: "), done
    assert list(tmp_path.iterdir()) == []

    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "team.py").write_text(
        "from scenarios import workplace\ndef run(): return len(bytearray(99_000))\n"
    )
    done = measure(tmp_path, "scenarios.team", "-q", "--iterations", "3", "--no-follow-up", path=unpacked)
    assert done.stdout.startswith("scenarios.team: "), done


def test_missing_package_is_one_line(tmp_path: Path) -> None:
    """Without its packages the tool says which one is missing, for which interpreter, and what to type; the status is 2."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path)], check=True, timeout=60)
    program = str(tmp_path / ("Scripts" if os.name == "nt" else "bin") / "python")
    done = measure(tmp_path, "scenarios.team", path=ROOT, program=program)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"otel-memeval: the package click is not installed for {program}; ")
    assert f".venv/bin/pip install '{ROOT}[scenarios]'" in line
