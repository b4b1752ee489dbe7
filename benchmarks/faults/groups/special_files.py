"""Put something else in the place of a file."""

from __future__ import annotations

import os
from pathlib import Path


def as_pipe(path: Path) -> None:
    """Replace a file by a named pipe."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def as_folder(path: Path) -> None:
    """Replace a file by a folder."""
    path.unlink(missing_ok=True)
    path.mkdir()


def as_link(path: Path, target: str = "") -> None:
    """Replace a file by a symbolic link, to itself without a target."""
    path.unlink(missing_ok=True)
    path.symlink_to(target or path)


def as_unreadable(path: Path, content: bytes) -> None:
    """Write a file that nobody may read."""
    path.write_bytes(content)
    path.chmod(0)
