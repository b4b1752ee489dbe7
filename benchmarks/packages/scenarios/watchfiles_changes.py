"""A folder that is watched while files in it change: the set of changes stayed in memory."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import watchfiles

FOLDER = Path(tempfile.mkdtemp())
CHANGES: Iterator[object] = watchfiles.watch(FOLDER, debounce=40, step=10, rust_timeout=200, yield_on_timeout=True)


def setup() -> None:
    """Begin to watch a folder."""
    next(CHANGES)


def run() -> None:
    """Write ten files and receive a set of changes."""
    for number in range(10):
        (FOLDER / f"file-{number}").write_text("x", encoding="utf-8")
    assert next(CHANGES)
