"""A file that one process holds at a time; the operating system gives it back when the process ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path


class Locked(Exception):
    """Another process holds it."""


class Lock:
    """A lock that is held."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it back; the file stays."""
        os.close(self._descriptor)


def lock(path: Path) -> Lock:
    """Hold ``path`` without waiting. Raises ``Locked``, and ``OSError`` where the file cannot be made."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise Locked from None
    return Lock(descriptor)
