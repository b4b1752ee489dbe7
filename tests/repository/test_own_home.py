"""The user's own state takes no part in the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_memeval.config import spool_folder, state_folder
from tests.plugins.own_home import cache_folder
from tests.repository.files import ROOT


def test_home_and_state_are_below_the_tests_own_folder(own_home: Path) -> None:
    """Home, state and spool lie in a folder that pytest removes; downloads stay in the user's cache."""
    for folder in (Path.home(), state_folder(os.environ), spool_folder(os.environ)):
        assert folder == own_home or own_home in folder.parents
    assert own_home not in cache_folder().parents


@pytest.mark.process
def test_variables_and_spool_of_the_user_reach_no_test(tmp_path: Path) -> None:
    """Tests that are started with the tool's variables set, and with a spool that waits, see neither."""
    spool = tmp_path / "state" / "otel-memeval" / "spool"
    spool.mkdir(parents=True)
    (spool / "waiting.jsonl").write_text("a batch of an earlier run\n")
    (tmp_path / "test_seen.py").write_text(
        "import os\nfrom otel_memeval.config import spool_folder\n"
        "def test_seen():\n"
        "    assert not spool_folder(os.environ).exists()\n"
        "    assert not [name for name in os.environ if name.startswith(('MEMEVAL_', 'OTEL_'))]\n"
    )
    variables = {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "MEMEVAL_SPOOL": str(spool),
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.plugins.own_home", "-p", "no:cloudcoil", str(tmp_path)]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
