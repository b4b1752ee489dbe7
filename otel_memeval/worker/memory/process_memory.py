"""Read the memory of the process around the traced heap, its processor time and its waits.

A channel that the platform does not have reads None; ``missing_channels`` lists these channels.
"""

from __future__ import annotations

import os
import sys
import tracemalloc

try:
    import resource
except ImportError:
    HAS_RESOURCE = False  # Windows
else:
    HAS_RESOURCE = True

from ..proc import read_file
from .malloc import find_malloc
from .sqlite import SqliteReader


def _contents(path: str) -> bytes:
    """Return the contents of a file; nothing if the scenario has left no descriptor to open it."""
    try:
        return read_file(path)
    except OSError:
        return b""


class ProcessReader:
    """Reads this process. Created once, before tracing starts, so that a reading imports and opens nothing new."""

    def __init__(self) -> None:
        self._malloc = find_malloc()
        self.sqlite = SqliteReader()
        self._rollup = "/proc/self/smaps_rollup"
        if not os.access(self._rollup, os.R_OK):
            self._rollup = ""
        self._statm = "/proc/self/statm" if os.access("/proc/self/statm", os.R_OK) else ""
        self._page_bytes = os.sysconf("SC_PAGE_SIZE") if self._statm else 0

    def missing_channels(self) -> list[str]:
        """Return a sentence for each channel that cannot be read here, with the reason."""
        missing = []
        if self._malloc.problem:
            missing.append(f"C heap ({self._malloc.problem})")
        if not self._rollup:
            missing.append(f"process memory (needs Linux' smaps_rollup; this is {sys.platform})")
        return missing

    def c_heap_bytes(self) -> int | None:
        """Return the bytes that malloc handed out and that were not freed, without those of tracemalloc itself."""
        used_bytes = self._malloc.used_bytes()
        return None if used_bytes is None else used_bytes - tracemalloc.get_tracemalloc_memory()

    def mapped_bytes(self) -> int | None:
        """Return the private writable memory that malloc did not map, in bytes, exact to a page.

        That is memory mapped by other means: pymalloc's arenas, stacks of threads, and maps of the scenario. It counts
        whether or not it was ever used. proc(5): field ``data`` of ``statm`` is data and stack, in pages.
        """
        taken_bytes = self._malloc.system_bytes()
        if taken_bytes is None or not self._statm:
            return None
        text = _contents(self._statm)
        return int(text.split()[5]) * self._page_bytes - taken_bytes if text else None

    def idle_bytes(self) -> int | None:
        """Return the bytes of the C heap that were freed and not returned to the system.

        The end of the heap is left out: it may not have been used yet, and so may not be resident.
        """
        return self._malloc.idle_bytes()

    def resident_bytes(self) -> tuple[int | None, int | None, int | None]:
        """Return the resident bytes, the part of them that is private to this process, and the private bytes written to.

        The last number includes swapped pages. It leaves out pages of a library's code, which the system loads when they are
        used and drops when it likes.
        """
        if not self._rollup:
            return None, None, None
        text = _contents(self._rollup)
        if not text:
            return None, None, None
        rss = clean = dirty = swapped = 0
        for line in text.splitlines():
            name, _, value = line.partition(b":")
            if name == b"Rss":
                rss = int(value.split()[0]) * 1024
            elif name == b"Private_Clean":
                clean = int(value.split()[0]) * 1024
            elif name in (b"Private_Dirty", b"Private_Hugetlb"):
                dirty += int(value.split()[0]) * 1024
            elif name == b"Swap":
                swapped = int(value.split()[0]) * 1024
        return rss, clean + dirty, dirty + swapped


def waits() -> int | None:
    """Return how often this process gave up the processor to wait (``ru_nvcsw`` of getrusage(2)); None if unknown."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw if HAS_RESOURCE else None
