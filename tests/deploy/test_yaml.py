"""Everything below ``deploy/`` that is YAML is in good style."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.deploy.shipped import DEPLOY

ROOT = DEPLOY.parent


def lint(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "yamllint", "--strict", "--config-file", str(ROOT / ".yamllint"), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_yaml_is_in_good_style() -> None:
    """Yamllint has nothing to say, not even a warning; every file is called ``.yaml``."""
    assert len(list(DEPLOY.rglob("*.yaml"))) > 8
    assert list(DEPLOY.rglob("*.yml")) == []
    done = lint(DEPLOY)
    assert done.returncode == 0, done.stdout + done.stderr


def test_bad_yaml_would_be_found(tmp_path: Path) -> None:
    """A key that stands twice is."""
    (tmp_path / "twice.yaml").write_text("a: 1\na: 2\n")
    assert "duplication of key" in lint(tmp_path).stdout
