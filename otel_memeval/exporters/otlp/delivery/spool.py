"""Keep batches on disk until the receiver has them: one folder for each run, one file for each batch, named in order.

Files are readable by their owner only, and replaced in one step: a file with its final name is complete.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from otel_memeval.files import Lock, Locked, lock, replace_file

SUFFIX = ".jsonl"
REJECTED_SUFFIX = f".rejected{SUFFIX}"
"""Ending of a batch that a receiver rejected, at least in part: it is kept and not sent again."""
_LOCK = "lock"


class SpoolFull(Exception):
    """The spool has no room left; its batches are kept."""


class RunSpool:
    """The batches of one run that is going on; the folder is locked until ``close``."""

    def __init__(self, root: Path, most_bytes: int, run_id: str) -> None:
        """Create the folder of the run; all runs together may take ``most_bytes``. Raises ``OSError``."""
        self._root = root
        self._most_bytes = most_bytes
        self._number = 0
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder, self._lock = _new_folder(root, run_id)
        self._others_bytes = size_bytes(root)
        self._own_bytes = 0

    def put(self, signal: str, line: bytes) -> Path:
        """Write one batch and return its file. Raises ``SpoolFull`` and ``OSError``."""
        if not self._has_room(line):
            self._others_bytes = size_bytes(self._root) - self._own_bytes  # a replay may have made room
            if not self._has_room(line):
                raise SpoolFull
        self._number += 1
        path = self.folder / f"{self._number:06d}.{signal}{SUFFIX}"
        replace_file(path, line, mode=0o600)
        self._own_bytes += len(line)
        return path

    def _has_room(self, line: bytes) -> bool:
        return self._others_bytes + self._own_bytes + len(line) <= self._most_bytes

    def remove(self, path: Path) -> None:
        """Delete a batch that the receiver has."""
        self._own_bytes -= path.stat().st_size
        path.unlink()

    def close(self) -> None:
        """Unlock the folder, so that ``replay`` can send what is left in it; delete an empty folder."""
        self._lock.release()
        _remove_if_empty(self.folder)


def size_bytes(root: Path) -> int:
    """Return the size of all batches of all runs."""
    total = 0
    for path in root.glob(f"*/*{SUFFIX}*"):
        with contextlib.suppress(OSError):  # delivered meanwhile
            total += path.stat().st_size
    return total


def undelivered(root: Path) -> int:
    """Return the number of batches of all runs that wait."""
    return sum(len(batches(folder)) for folder in runs(root))


def runs(root: Path) -> list[Path]:
    """Return the folders of all runs, the oldest first."""
    with contextlib.suppress(OSError):
        return sorted(path for path in root.iterdir() if path.is_dir())
    return []


def batches(folder: Path) -> list[Path]:
    """Return the undelivered batches of one run, in order."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.endswith(REJECTED_SUFFIX))


def set_aside(path: Path) -> Path:
    """Rename a batch so that it is kept and not sent again; return its new name."""
    return path.replace(path.with_suffix(REJECTED_SUFFIX))


@contextlib.contextmanager
def locked_run(folder: Path) -> Iterator[bool]:
    """Lock the folder of a run; False if a run that is going on, or another replay, holds it."""
    try:
        run_lock = lock(folder / _LOCK)
    except OSError:
        yield False
        return
    try:
        with run_lock:
            yield True
    finally:
        _remove_if_empty(folder)


def _new_folder(root: Path, run_id: str) -> tuple[Path, Lock]:
    while True:
        folder = root / f"{time.time_ns():020d}-{run_id[:8]}"
        folder.mkdir(mode=0o700)
        try:
            return folder, lock(folder / _LOCK)
        except (Locked, FileNotFoundError):  # a replay looked into the folder at this moment and deleted it as empty
            continue


def _remove_if_empty(folder: Path) -> None:
    """Delete a folder with nothing in it but its lock and the temporary files of a killed process."""
    with contextlib.suppress(OSError):
        left = list(folder.iterdir())
        if all(path.name == _LOCK or path.suffix == ".part" for path in left):
            for path in left:
                path.unlink()
            folder.rmdir()
