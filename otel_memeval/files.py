"""Read and replace files with an end to every wait, and lock a file or a folder against other processes."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
import time
import uuid
from collections.abc import Callable
from functools import partial
from io import FileIO
from pathlib import Path
from typing import BinaryIO, TypeVar

from otel_memeval.errors import UsageError

_POLL_SECONDS = 0.02
_PIPE_SECONDS = 10.0
"""Longest time without progress that the other end of a pipe is waited for."""
_BLOCK_BYTES = 1 << 20
_UNREPLACEABLE = (errno.EACCES, errno.EPERM, errno.EBUSY, errno.EROFS)
"""Errors of a folder that takes no new file, and of a file that is mounted alone."""
_NON_BLOCKING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def output_path(option: str, path: str) -> Path:
    """Return the path of a file that an option names, to be written later.

    Raises ``UsageError`` if it is a folder, or if its folder is missing or may not be searched.
    """
    shown = f"{option} {path}"
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            raise UsageError(f"{shown}: this is a folder", "name a file in it")
    except FileNotFoundError:
        if not path or not os.path.isdir(os.path.dirname(os.path.realpath(path))):
            raise UsageError(f"{shown}: its folder does not exist", "create the folder first") from None
    except OSError as error:
        raise UsageError(f"{shown}: {error.strerror}", "name a file that can be written") from None
    return Path(path)


def read_file(path: Path, most_bytes: int, *, patience_seconds: float = _PIPE_SECONDS) -> bytes:
    """Return the content of a file, or of a pipe until its writer closes it.

    Raises ``OSError`` for a file of more than ``most_bytes``, and for a pipe into which nothing is written for
    ``patience_seconds``.
    """
    descriptor = os.open(path, os.O_RDONLY | _NON_BLOCKING)
    data = bytearray()
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)

        def read_block() -> bytes | None:
            block = os.read(descriptor, min(_BLOCK_BYTES, most_bytes + 1 - len(data)))
            return None if is_pipe and not block and not data else block  # the writer of an empty pipe may still come

        while len(data) <= most_bytes and (
            block := _until(read_block, "nothing is written into this pipe", patience_seconds)
        ):
            data += block
    finally:
        os.close(descriptor)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"larger than {most_bytes >> 20} MiB", str(path))
    return bytes(data)


def replace_file(path: Path, data: bytes, *, mode: int | None = None, sync: bool = False) -> None:
    """Replace a file in one step: a reader sees the old content or the new content, never a part.

    A symbolic link stays a link. ``mode`` sets the permissions; without it they stay as they are, and a file that cannot be
    replaced, such as one that is mounted alone, is written in place, as are pipes and devices. ``sync`` waits until the data
    is on the disk, so that after a power failure the file is not empty. Raises ``OSError``; the old content stays then.
    """
    if path.exists() and not path.is_file():
        _write_to_device(path, data)
        return
    target = Path(os.path.realpath(path))
    try:
        _write_and_rename(target, data, mode, sync=sync)
    except OSError as error:
        if mode is not None or error.errno not in _UNREPLACEABLE or not target.exists():
            raise
        _overwrite(target, data)


def _write_and_rename(target: Path, data: bytes, mode: int | None, *, sync: bool) -> None:
    temporary = target.with_name(f".{target.name[:50]}.{uuid.uuid4().hex[:8]}.part")
    try:
        with open(temporary, "xb", opener=partial(os.open, mode=0o666 if mode is None else mode)) as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        elif target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _overwrite(target: Path, data: bytes) -> None:
    """Write a file over its old content, which keeps its space on the disk and is restored if there is no room for more."""
    with open(target, "r+b", buffering=0) as file:
        before = file.read()
        try:
            _write_from_start(file, data)
        except BaseException:
            with contextlib.suppress(OSError):
                _write_from_start(file, before)
            raise


def _write_from_start(file: FileIO, data: bytes) -> None:
    file.seek(0)
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
    file.truncate(len(data))


def _write_to_device(path: Path, data: bytes) -> None:
    """Write to a pipe or a device. Raises ``OSError`` if nobody reads for ten seconds."""
    problem = "nobody reads from this pipe"
    descriptor = _until(lambda: os.open(path, os.O_WRONLY | _NON_BLOCKING), problem)
    try:
        left = memoryview(data)
        while left:
            left = left[_until(partial(os.write, descriptor, left), problem) :]
    finally:
        os.close(descriptor)


_Outcome = TypeVar("_Outcome")


def _until(call: Callable[[], _Outcome | None], problem: str, patience_seconds: float = _PIPE_SECONDS) -> _Outcome:
    """Return the result of ``call``, which is repeated while it returns None or the other end of a pipe is not ready.

    Raises ``OSError`` with ``problem`` after ``patience_seconds``.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            if (outcome := call()) is not None:
                return outcome
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENXIO):  # ENXIO: a pipe without a reader
                raise
        if time.monotonic() >= deadline:
            raise OSError(errno.ETIMEDOUT, f"{problem} for {patience_seconds:.0f} s")
        time.sleep(_POLL_SECONDS)


def check_searchable(folder: Path) -> None:
    """Raise ``PermissionError`` if the permissions of a folder, or of one above it, hide its files."""
    try:
        os.stat(os.path.join(folder, "."))
    except PermissionError as error:
        raise PermissionError(error.errno, error.strerror, str(folder)) from None
    except (OSError, ValueError):  # it is missing, or no folder
        return


class NotRegular(OSError):
    """A FIFO, a device, a folder or another file that has no content of its own."""


def open_regular(path: Path, *, follow_links: bool = True) -> BinaryIO:
    """Open a regular file for reading. Raises ``NotRegular`` for any other, which could block or have no end."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    with contextlib.ExitStack() as on_failure:
        descriptor = -1
        status = path.stat() if follow_links else path.lstat()  # before it is opened: some devices act when they are opened
        if stat.S_ISREG(status.st_mode):
            descriptor = os.open(path, flags)
            on_failure.callback(os.close, descriptor)
            status = os.fstat(descriptor)  # another file may have this name meanwhile
        if not stat.S_ISREG(status.st_mode):
            raise NotRegular(errno.EINVAL, "this is no regular file", str(path))
        on_failure.pop_all()
    return os.fdopen(descriptor, "rb")


class Locked(OSError):
    """Another process holds the lock."""


class Lock:
    """A lock of this process; the operating system releases it when the process ends, however it ends."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Release the lock; the file stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        self.release()


def lock(path: Path, *, patience_seconds: float = 0.0) -> Lock:
    """Lock a folder, or a file that is created where it is missing.

    Raises ``Locked`` if another process still holds the lock after ``patience_seconds``, and ``OSError`` if the file cannot
    be opened. A folder on Windows and a file system without locks lock nothing.
    """
    is_folder = path.is_dir()
    if is_folder and sys.platform == "win32":
        return Lock(None)
    flags = os.O_RDONLY if is_folder else os.O_RDWR | os.O_CREAT
    deadline = time.monotonic() + patience_seconds
    while True:
        with contextlib.ExitStack() as on_failure:
            descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o600)
            on_failure.callback(os.close, descriptor)
            while not _try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise Locked(f"another process holds {path}")
                time.sleep(_POLL_SECONDS)
            if is_folder or _is_at(descriptor, path):
                on_failure.pop_all()
                return Lock(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether an open file still has its name: the lock of a file that was deleted meanwhile locks nothing."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _try_lock(descriptor: int) -> bool:
    """Return whether the lock was free and is now held, or the file system has no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True
