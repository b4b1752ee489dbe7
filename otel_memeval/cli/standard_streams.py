"""Standard streams that cannot fail: what cannot be written is dropped, and the exit status stays that of the verdict."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import Any, TextIO

_PATIENCE_SECONDS = 5.0
"""Time in which somebody has to read standard error; a program that waits for this one first never does. A pager that shows
standard output may take any time."""

_BLOCK_BYTES = 4096
"""A pipe that can be written to takes as much without waiting (``PIPE_BUF`` of Linux)."""


class _Sink(io.RawIOBase):
    """A descriptor to write to; ``problem`` is the first error but that of a closed pipe, whose reader has enough."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._patience_seconds = _PATIENCE_SECONDS if descriptor == 2 and sys.platform != "win32" else None
        self.problem = ""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - a buffer, which has no name before Python 3.12
        """Write a part of the data, or drop all of it if it cannot be written; return the number of bytes."""
        while True:
            try:
                if self._patience_seconds is None:
                    return os.write(self._descriptor, data)
                if select.select([], [self._descriptor], [], self._patience_seconds)[1]:
                    return os.write(self._descriptor, memoryview(data)[:_BLOCK_BYTES])
                self._patience_seconds = 0.0
                return memoryview(data).nbytes
            except BlockingIOError:  # another program made the terminal non-blocking
                select.select([], [self._descriptor], [])
            except OSError as error:
                if error.errno != errno.EPIPE:
                    self.problem = self.problem or error.strerror or type(error).__name__
                return memoryview(data).nbytes


def open_standard_streams() -> None:
    """Replace stdout and stderr by streams that cannot fail.

    A closed stdin, stdout or stderr is opened as the null device; otherwise the next pipe would take its number.
    """
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            break
    sys.stdout, sys.stderr = _replaced(sys.stdout, 1), _replaced(sys.stderr, 2)


def _replaced(stream: TextIO | None, descriptor: int) -> TextIO:
    """Return a stream that writes to the descriptor as the stream does; None is a stream that was closed.

    A character that its encoding lacks, as in a C locale, is written as an escape.
    """
    sink = io.BufferedWriter(_Sink(descriptor))
    if not isinstance(stream, io.TextIOWrapper):
        return io.TextIOWrapper(sink, encoding="utf-8", errors="backslashreplace", line_buffering=True)
    stream.flush()
    return io.TextIOWrapper(
        sink,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def problem_of(stream: TextIO) -> str:
    """Flush a stream; return the reason why a part of it could not be written, empty if there is none."""
    stream.flush()
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw.problem if isinstance(raw, _Sink) else ""
