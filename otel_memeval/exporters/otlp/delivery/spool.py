"""Keep batches on disk until the receiver has them: one folder for each run, one file for each batch, named in order.

Files are readable by their owner only, and replaced in one step: a file with its final name is complete.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from otel_memeval.config import WAITING_RUNS
from otel_memeval.exporters.otlp.delivery import addresses as kept
from otel_memeval.exporters.otlp.settings import ReceiverAddress
from otel_memeval.files import Lock, Locked, NotRegular, check_searchable, lock, open_regular, replace_file

SUFFIX = ".jsonl"
REJECTED_SUFFIX = f".rejected{SUFFIX}"
"""Ending of a batch that a receiver rejected, at least in part: it is kept and not sent again."""
_LOCK = "lock"
_LARGEST_BATCH_BYTES = 64 << 20
"""The whole spool by default; receivers take far smaller batches."""


class SpoolFull(Exception):
    """The spool has no room left; its batches are kept."""


class UnusableBatch(Exception):
    """A file of the spool is no batch, and will never be one."""


class RunSpool:
    """The batches of one run that is going on; the folder is locked until ``close``."""

    def __init__(self, root: Path, most_bytes: int, run_id: str, addresses: Mapping[str, ReceiverAddress]) -> None:
        """Create the folder of the run; all runs together may take ``most_bytes``. Raises ``OSError``."""
        self._root = root
        self._most_bytes = most_bytes
        self._number = 0
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder, self._lock = _new_folder(root, run_id)
        try:
            kept.write_addresses(self.folder, addresses)
        except OSError:
            self.close()
            raise
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
    """Return the size of all batches of all runs, as far as they can be read."""
    total = 0
    with contextlib.suppress(OSError):
        for folder in runs(root):
            with contextlib.suppress(OSError), os.scandir(folder) as entries:  # a replay deletes folders and batches
                for entry in entries:
                    with contextlib.suppress(OSError):
                        total += entry.stat().st_size if SUFFIX in entry.name else 0
    return total


def undelivered(root: Path) -> int:
    """Return the number of batches of all runs that wait, as far as they can be counted."""
    number = 0
    with contextlib.suppress(OSError):
        for folder in runs(root):
            with contextlib.suppress(OSError):
                number += len(batches(folder))
    return number


def runs(root: Path) -> list[Path]:
    """Return the folders of all runs, the oldest first; none if there is no spool yet.

    Raises ``OSError`` if the spool cannot be searched.
    """
    check_searchable(root)
    try:
        names = os.listdir(root)
    except FileNotFoundError:
        return []
    return [root / name for name in sorted(names) if name != WAITING_RUNS and os.path.isdir(root / name)]


def batches(folder: Path) -> list[Path]:
    """Return the undelivered batches of one run, in order. Raises ``OSError``."""
    names = sorted(os.listdir(folder))
    return [folder / name for name in names if name.endswith(SUFFIX) and not name.endswith(REJECTED_SUFFIX)]


def read_batch(path: Path) -> bytes:
    """Return the content of a batch. Raises ``UnusableBatch``, and ``OSError`` for what may be readable another time."""
    try:
        with open_regular(path, follow_links=False) as file:
            line = file.read(_LARGEST_BATCH_BYTES + 1)
    except NotRegular as error:
        raise UnusableBatch(error.strerror) from None
    if len(line) > _LARGEST_BATCH_BYTES:
        raise UnusableBatch(f"it is larger than {_LARGEST_BATCH_BYTES >> 20} MiB")
    return line


def set_aside(path: Path) -> Path:
    """Rename a batch so that it is kept and not sent again; return its new name. Raises ``OSError``."""
    return path.replace(path.with_suffix(REJECTED_SUFFIX))


@contextlib.contextmanager
def locked_run(folder: Path) -> Iterator[bool]:
    """Lock the folder of a run; False if a run that is going on, or another replay, holds it.

    Raises ``OSError`` if the folder cannot be searched or changed: a delivered batch could not be deleted.
    """
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        error = errno.EACCES if folder.is_dir() else errno.ENOENT
        raise OSError(error, os.strerror(error), str(folder))
    try:
        run_lock = lock(folder / _LOCK)
    except Locked:
        yield False
        return
    with run_lock:
        try:
            yield True
        finally:
            _remove_if_empty(folder)
    if sys.platform == "win32":  # a locked file cannot be deleted there
        _remove_if_empty(folder)


def _new_folder(root: Path, run_id: str) -> tuple[Path, Lock]:
    while True:
        folder = root / f"{time.time_ns():020d}-{run_id[:8]}"
        folder.mkdir(mode=0o700)
        with contextlib.suppress(Locked, FileNotFoundError):  # a replay deletes the folder at this moment, since it is empty
            return folder, lock(folder / _LOCK)


def _remove_if_empty(folder: Path) -> None:
    """Delete a folder with no batch in it: only the lock, the addresses and the temporary files of a killed process."""
    with contextlib.suppress(OSError):
        left = list(folder.iterdir())
        if all(path.name in (_LOCK, kept.FILE_NAME) or path.suffix == ".part" for path in left):
            for path in left:
                path.unlink()
            folder.rmdir()
