"""Tests that share a fixture run in one test process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.sharing import group_of, group_of_file
from tests.repository.files import ROOT

SHARING = """
import os
import pytest

@pytest.fixture(scope="module")
def process():
    return os.getpid()

@pytest.mark.parametrize("number", range(12))
def test_shared(number, process):
    with open("processes", "a") as file:
        file.write(f"{process}\\n")
"""


@pytest.mark.process
def test_fixture_of_a_module_is_set_up_once(tmp_path: Path) -> None:
    """With two test processes all tests of the file run in the same one, and tests of other files in both."""
    (tmp_path / "test_sharing.py").write_text(SHARING)
    alone = SHARING.replace('(scope="module")', "").replace('"processes"', '"others"').replace("range(12)", "range(60)")
    (tmp_path / "test_alone.py").write_text(alone)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cloudcoil", "-p", "tests.plugins.sharing"]
    command += ["-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert len(set((tmp_path / "processes").read_text().split())) == 1
    assert len(set((tmp_path / "others").read_text().split())) == 2


def test_group_is_the_file_the_fixture_or_the_test() -> None:
    """Files of this repository: one with a fixture of the module, two with a fixture of all, one without."""
    assert group_of(ROOT, "tests/repository/test_wheel.py::test_x[a::b]") == str(ROOT / "tests/repository/test_wheel.py")
    assert group_of_file(ROOT / "tests/deploy/test_runbook.py") == "filled"
    assert group_of_file(ROOT / "tests/deploy/test_dashboards_data.py") == "filled"
    assert group_of(ROOT, "tests/test_units.py::test_x") == "tests/test_units.py::test_x"
