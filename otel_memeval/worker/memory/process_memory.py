"""The process around the traced heap: the C heap, unique and resident memory, and whether any work was done.

Each channel that the platform does not have reads None; ``missing_channels`` says which, and why.
"""

from __future__ import annotations

import os
import sys
import time
import tracemalloc

try:
    import resource
except ImportError:
    HAS_RESOURCE = False  # Windows
else:
    HAS_RESOURCE = True

from .malloc import find_malloc
from .sqlite import SqliteReader


class ProcessReader:
    """Reads this process; made once, before tracing starts, so that a reading imports and opens nothing new."""

    def __init__(self) -> None:
        self._malloc = find_malloc()
        self.sqlite = SqliteReader()
        self._rollup = "/proc/self/smaps_rollup"
        if not os.access(self._rollup, os.R_OK):
            self._rollup = ""
        self._statm = "/proc/self/statm" if os.access("/proc/self/statm", os.R_OK) else ""
        self._page_bytes = os.sysconf("SC_PAGE_SIZE") if self._statm else 0

    def missing_channels(self) -> list[str]:
        """One line for each channel that cannot be read here."""
        missing = []
        if self._malloc.problem:
            missing.append(f"C heap ({self._malloc.problem})")
        if not self._rollup:
            missing.append(f"process memory (needs Linux' smaps_rollup; this is {sys.platform})")
        return missing

    def c_heap_bytes(self) -> int | None:
        """Bytes handed out by malloc and not freed, less what tracemalloc uses for itself."""
        used_bytes = self._malloc.used_bytes()
        return None if used_bytes is None else used_bytes - tracemalloc.get_tracemalloc_memory()

    def mapped_bytes(self) -> int | None:
        """Private writable memory of the process that malloc did not map, exact to a page: what is mapped by other means, as
        pymalloc's arenas, stacks of threads, and maps of the scenario's. Counted whether or not it was ever used.

        proc(5): field ``data`` of ``statm`` is data and stack, in pages.
        """
        taken_bytes = self._malloc.system_bytes()
        if taken_bytes is None or not self._statm:
            return None
        descriptor = os.open(self._statm, os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.read(descriptor, 256)
        finally:
            os.close(descriptor)
        return int(text.split()[5]) * self._page_bytes - taken_bytes

    def idle_bytes(self) -> int | None:
        """What was freed in the C heap and not given back to the system, less the end of the heap, which may not have been
        used yet: resident, and of no use to anybody.
        """
        return self._malloc.idle_bytes()

    def resident_bytes(self) -> tuple[int | None, int | None, int | None]:
        """Resident memory; the part of it that is this process' alone; and what of that was written to, with what of it is
        swapped out: pages of a library's code come in as they are used, and the system drops them when it likes.
        """
        if not self._rollup:
            return None, None, None
        descriptor = os.open(self._rollup, os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.read(descriptor, 8192)
        finally:
            os.close(descriptor)
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
    """How often this process gave up the processor to wait for something (``ru_nvcsw``); None where unknown."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw if HAS_RESOURCE else None


def cpu_seconds() -> float:
    """Processor time of this process so far."""
    return time.process_time()
