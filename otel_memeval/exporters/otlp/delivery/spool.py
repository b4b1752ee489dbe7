"""Batches on disk until the receiver has them: one folder a run, one file a batch, named in the order they were made.

A file is written under another name, then renamed: what has its name is whole. Files are the user's alone (0600).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from otel_memeval.files import Lock, Locked, lock, replace_file

SUFFIX = ".jsonl"
REJECTED = ".rejected"
"""Ending of a batch that a receiver answered and did not take whole: it is kept, and not sent again by itself."""
_LOCK = "lock"


class SpoolFull(Exception):
    """No room is left; what is there already is kept."""


def size_bytes(folder: Path) -> int:
    """Bytes of all batches in all runs."""
    total = 0
    for path in folder.glob(f"*/*{SUFFIX}*"):
        with contextlib.suppress(OSError):  # delivered meanwhile
            total += path.stat().st_size
    return total


class RunSpool:
    """The batches of one run that is going on. Held by this process until ``close``."""

    def __init__(self, root: Path, most_bytes: int, run_id: str) -> None:
        """Raises ``OSError`` where nothing can be written."""
        self._root = root
        self._most_bytes = most_bytes
        self._number = 0
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder, self._lock = self._own_folder(root, run_id)
        self._others_bytes = size_bytes(root)
        self._own_bytes = 0

    @staticmethod
    def _own_folder(root: Path, run_id: str) -> tuple[Path, Lock]:
        while True:
            folder = root / f"{time.time_ns():020d}-{run_id[:8]}"
            folder.mkdir(mode=0o700)
            try:
                return folder, lock(folder / _LOCK)
            except (Locked, FileNotFoundError):  # a replay looked into it at this moment, and took it away as empty
                continue

    def put(self, signal: str, line: bytes) -> Path:
        """Write one batch. Raises ``SpoolFull``, and ``OSError`` where the disk is."""
        if self._others_bytes + self._own_bytes + len(line) > self._most_bytes:
            self._others_bytes = size_bytes(self._root) - self._own_bytes  # perhaps a replay made room
            if self._others_bytes + self._own_bytes + len(line) > self._most_bytes:
                raise SpoolFull
        self._number += 1
        path = self.folder / f"{self._number:06d}.{signal}{SUFFIX}"
        replace_file(path, line, mode=0o600)
        self._own_bytes += len(line)
        return path

    def delivered(self, path: Path) -> None:
        """The receiver has it."""
        self._own_bytes -= path.stat().st_size
        path.unlink()

    def close(self) -> None:
        """Leave what is undelivered to ``replay``; an empty folder goes."""
        self._lock.release()
        remove_if_empty(self.folder)


def set_aside(path: Path) -> Path:
    """Keep a batch that is not to be sent again by itself."""
    return path.replace(path.with_suffix(f"{REJECTED}{SUFFIX}"))


def batches(folder: Path) -> list[Path]:
    """The undelivered batches of one run, in order."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.endswith(f"{REJECTED}{SUFFIX}"))


def undelivered(root: Path) -> int:
    """How many batches wait, of all runs."""
    return sum(len(batches(folder)) for folder in runs(root))


def runs(root: Path) -> list[Path]:
    """Folders of runs, the oldest first."""
    with contextlib.suppress(OSError):
        return sorted(path for path in root.iterdir() if path.is_dir())
    return []


def remove_if_empty(folder: Path) -> None:
    """Takes a folder away that holds nothing but its lock, and what a killed process had begun to write."""
    with contextlib.suppress(OSError):
        left = [path for path in folder.iterdir() if path.name != _LOCK and path.suffix != ".part"]
        if not left:
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()


@contextlib.contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold a run's folder; False if a run that is going on, or another replay, does."""
    try:
        run_lock = lock(folder / _LOCK)
    except OSError:
        yield False
        return
    try:
        with run_lock:
            yield True
    finally:
        remove_if_empty(folder)
