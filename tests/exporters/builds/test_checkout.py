"""Paths from the root of the checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from otel_memeval.exporters.builds.checkout import checkout_path


@pytest.mark.process
def test_path_begins_at_the_root_of_the_checkout(tmp_path: Path) -> None:
    """In a folder below the root, with files of packages, outside of the checkout, and without a checkout."""
    inner = tmp_path / "inner"
    package = inner / ".venv" / "lib" / "python3.11" / "site-packages" / "package.py"
    package.parent.mkdir(parents=True)
    for file in (inner / "a.py", tmp_path / "b.py", package):
        file.touch()
    path = checkout_path(str(inner))
    assert (path("a.py"), path(str(tmp_path / "b.py"))) == ("a.py", "")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    path = checkout_path(str(inner))
    assert path("a.py") == path(str(inner / "a.py")) == "inner/a.py"
    assert path(str(tmp_path / "b.py")) == "b.py"
    others = (
        "missing.py",
        "generated code",
        "",
        "<string>",
        "nul\0",
        "x" * 5000,
        str(package),
        package.name,
        "/etc/hostname",
    )
    assert [path(other) for other in others] == [""] * len(others)
