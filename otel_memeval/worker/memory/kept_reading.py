"""Keep the last reading outside of the C heap and of the process' memory, so that the next reading does not include it."""

from __future__ import annotations

import marshal
import os

from .heap import LiveBySite

Lengths = dict[int, int]
"""Length of each container, by ``id()``."""


class KeptReading:
    """Sites and lengths of one reading, in a file without a name in memory (``memfd_create``, Linux).

    As Python objects they and their records in tracemalloc would be part of the C heap that the next reading measures, which
    would move by kilobytes from reading to reading. They are bytes where such a file cannot be written, and on other
    platforms, which do not have that channel.
    """

    def __init__(self) -> None:
        self._data = b""
        self._size_bytes = 0
        self._descriptor = -1
        self._identity: tuple[int, int] | None = None

    def store(self, sites: LiveBySite, lengths: Lengths, frozen_lengths: list[int]) -> None:
        """Replace the reading that is kept; ``frozen_lengths`` are those of frozen containers, in their order."""
        data = marshal.dumps((sites, lengths, frozen_lengths))
        self._size_bytes = len(data)
        self._data = b""
        try:
            self._write(data)
        except (OSError, AttributeError):  # no descriptor is left, the size of files is limited, or no memfd_create
            self._data = data

    def _write(self, data: bytes) -> None:
        if not self._is_open():  # the first reading, or the scenario closed the descriptor
            self._descriptor = os.memfd_create("memeval-reading")
            self._identity = file_identity(self._descriptor)
        written = 0
        while written < len(data):
            written += os.pwrite(self._descriptor, memoryview(data)[written:], written)

    def load(self) -> tuple[LiveBySite, Lengths, list[int]]:
        """Return the reading that is kept; an empty one if there is none, or the scenario closed its file."""
        if not self._size_bytes:
            return {}, {}, []
        if self._data:
            return marshal.loads(self._data)  # type: ignore[no-any-return] # noqa: S302 - written by store()
        if not self._is_open():
            return {}, {}, []
        data = os.pread(self._descriptor, self._size_bytes, 0)
        return marshal.loads(data)  # type: ignore[no-any-return] # noqa: S302 - written by store()

    def _is_open(self) -> bool:
        """Return whether the descriptor is still this file: a scenario may have closed it and opened its own file."""
        return self._identity is not None and file_identity(self._descriptor) == self._identity


def file_identity(descriptor: int) -> tuple[int, int] | None:
    """Return device and inode of a descriptor's file; None if the descriptor is closed."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino
