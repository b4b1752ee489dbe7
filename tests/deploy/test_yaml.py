"""All YAML files below ``deploy/`` pass yamllint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.deploy.shipped import DEPLOY

ROOT = DEPLOY.parent


def run_yamllint(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "yamllint", "--strict", "--config-file", str(ROOT / ".yamllint"), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_yamllint_accepts_all_files() -> None:
    """Yamllint reports nothing, not even a warning; every file ends in ``.yaml``."""
    assert len(list(DEPLOY.rglob("*.yaml"))) > 8
    assert list(DEPLOY.rglob("*.yml")) == []
    done = run_yamllint(DEPLOY)
    assert done.returncode == 0, done.stdout + done.stderr


def test_yamllint_reports_a_duplicate_key(tmp_path: Path) -> None:
    """The check above can fail: a duplicate key is reported."""
    (tmp_path / "duplicate.yaml").write_text("a: 1\na: 2\n")
    assert "duplication of key" in run_yamllint(tmp_path).stdout
