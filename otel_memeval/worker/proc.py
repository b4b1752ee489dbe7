"""Read files below ``/proc`` with few system calls and without file objects."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

HAS_PROC = os.path.isdir("/proc/self/task") and os.path.isdir("/proc/self/fd")
"""Whether this system has Linux' ``/proc``."""

_open, _read, _close = os.open, os.read, os.close
"""As they are before the scenario is loaded: gevent and eventlet replace functions of ``os``."""

_BLOCK_BYTES = 4096
"""Most files have less; a larger buffer costs more than the reading."""

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)


def read_file(path: str, folder: int | None = None) -> bytes:
    """Return the contents of a file, below the open ``folder`` if there is one.

    Raises ``OSError`` if it cannot be read, as when its process has ended.
    """
    descriptor = _open(path, _FLAGS, dir_fd=folder)
    try:
        contents = block = _read(descriptor, _BLOCK_BYTES)
        while len(block) == _BLOCK_BYTES:
            block = _read(descriptor, _BLOCK_BYTES)
            contents += block
        return contents
    finally:
        _close(descriptor)


@contextlib.contextmanager
def open_folder(path: str) -> Iterator[int]:
    """Open a folder, from which many files are read faster than by their full paths. Raises ``OSError``."""
    descriptor = _open(path, _FLAGS)
    try:
        yield descriptor
    finally:
        _close(descriptor)


def stat_fields(process: str) -> list[bytes]:
    """Return the fields of ``/proc/PID/stat`` from the state on: 0 is the state, 1 the parent, 3 the session, 19 the start.

    Raises ``OSError`` if the process has ended. The program's name before the state may contain anything.
    """
    return read_file(f"/proc/{process}/stat").rpartition(b")")[2].split()
