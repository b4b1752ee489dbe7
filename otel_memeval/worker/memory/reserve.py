"""Keep memory that is released when the scenario has used up all other, so that its error can be reported."""

from __future__ import annotations

import mmap

RESERVE_BYTES = 4 << 20
"""Four arenas of Python's small objects (1 MiB, Objects/obmalloc.c): enough for the record of a failure. No page is used."""


class MemoryReserve:
    """Address space that is mapped, outside of every channel that is read; it is released once."""

    def __init__(self) -> None:
        self._pages = mmap.mmap(-1, RESERVE_BYTES)

    def release_after(self, error: BaseException) -> None:
        """Release the reserve if the error says that memory is used up; some C code makes a ``SystemError`` of it."""
        if issubclass(type(error), (MemoryError, SystemError)):
            self._pages.close()
