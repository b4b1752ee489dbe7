"""Take rights and room from a process that is about to start."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults.fault import Trial

_DROP_FROM_BOUNDING_SET = 24
"""``PR_CAPBSET_DROP`` of prctl(2)."""
_FILE_RIGHTS = (1, 2)
"""``CAP_DAC_OVERRIDE`` and ``CAP_DAC_READ_SEARCH``: root's right to ignore permissions."""


def obey_permissions() -> None:
    """Make the permissions of files hold for root too, from the next program on; an argument ``preexec_fn``."""
    libc = ctypes.CDLL(None)
    for right in _FILE_RIGHTS:
        libc.prctl(_DROP_FROM_BOUNDING_SET, right, 0, 0, 0)  # fails for users who have no such right


def largest_file(size_bytes: int) -> None:
    """Limit the size of the files that the process writes: like a full disk, with another error number."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))


def most_descriptors(number: int) -> None:
    """Limit the number of open files of the process."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


@contextlib.contextmanager
def permissions(path: Path, mode: int) -> Iterator[None]:
    """Set the permissions of a file or a folder in this block."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@contextlib.contextmanager
def mounted(trial: Trial, name: str, options: str) -> Iterator[Path]:
    """Mount a file system in memory in the trial's folder. Raises ``OSError`` where that is not permitted."""
    folder = trial.folder / name
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip() or "a file system cannot be mounted")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def fill(folder: Path) -> None:
    """Write a file until the file system is full."""
    with open(folder / "rest", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 1024):
            os.fsync(file.fileno())
