"""One reading between two iterations: settle, collect, look at all channels, and tell only what changed."""

from __future__ import annotations

import functools
import gc
import sys
import tracemalloc
from collections.abc import Callable

from .container_lengths import changed_lengths, inner_dict, length, read_lengths
from .heap import Site, changed_sites, may_be_large, read_heap
from .kept_reading import KeptReading
from .process_memory import ProcessReader

MOST_COLLECTIONS = 10
"""Collections before one reading: an object whose finalizer makes new garbage each time must not keep us here."""

CALLS_BEFORE_CACHED = 1100 if sys.version_info < (3, 11) else 0
"""Python 3.10 makes a cache for each function that is called for the 1024th time (``OPCACHE_MIN_RUNS`` in ceval.c)."""

MOST_HOLDERS_SENT = 2_000
"""Changed containers in one message, those that changed most first."""

PlainMessage = dict[str, object]

_CACHE = functools.lru_cache(maxsize=1)(lambda: None)

_clear_type_cache: Callable[[], None] = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache
"""The first from Python 3.13 on, where the second warns."""


class MemoryReader:
    """Takes readings. Keeps the last one, to find the changes, where the next reading does not see it.

    ``is_own`` says which files are the tool's: what they allocate is left out, and nothing else is.
    """

    def __init__(self, is_own: Callable[[str], bool], process: ProcessReader) -> None:
        self._is_own = is_own
        self._process = process
        self._kept = KeptReading()
        self._files: dict[str, int] = {}
        self._sentinel: object = None

    def prime(self) -> None:
        """What a reading allocates once and keeps, before tracing starts."""
        self._process.c_heap_bytes()
        self._process.resident_bytes()
        self._process.mapped_bytes()
        self._process.idle_bytes()
        for _ in range(CALLS_BEFORE_CACHED):  # the functions that a reading calls for each file, line and container
            self._is_own("")
            may_be_large([0])
            length([])
            inner_dict(_CACHE)
        self._kept.store({}, read_lengths())
        self._kept.load()

    def start(self) -> None:
        """Begin to trace, one frame a block."""
        tracemalloc.start(1)
        self._sentinel = object()  # traced itself: its trace is gone if the scenario stops or clears tracemalloc

    def still_tracing(self) -> bool:
        """False when something switched tracemalloc off, or cleared it, since ``start()``."""
        return tracemalloc.is_tracing() and tracemalloc.get_object_traceback(self._sentinel) is not None

    def read_first(self) -> PlainMessage:
        """The reading that growth is counted from: every site, not only what changed."""
        self.still_tracing()
        return self.read(0)

    def read(self, peak_bytes: int) -> PlainMessage:
        """Collect what can be collected, and read every channel. The loop has already run what was ready.

        ``peak_bytes`` is the last iteration's, passed through. The C heap and the process come first: the reading of
        the traces allocates, if only for a moment.
        """
        was_enabled = gc.isenabled()
        gc.disable()  # the lists made here would set off collections of the whole heap
        try:
            # The interpreter's method cache holds names that were looked up last: not what the scenario keeps.
            _clear_type_cache()
            # The last collection of all that lives must find nothing. What an iteration leaves is mostly young: once that
            # is gone, the first is the last.
            gc.collect(1)
            for _ in range(MOST_COLLECTIONS):
                if not gc.collect():
                    break
            c_heap = self._process.c_heap_bytes()
            rss, uss, dirty = self._process.resident_bytes()
            mapped, idle = self._process.mapped_bytes(), self._process.idle_bytes()
            current = tracemalloc.get_traced_memory()[0]
            heap = read_heap(self._is_own)
            lengths = read_lengths((self._files, self.__dict__, heap.sites))
            sites_before, lengths_before = self._kept.load()
            sites = changed_sites(sites_before, heap.sites)
            holders = changed_lengths(lengths_before, lengths)
            self._kept.store(heap.sites, lengths)
        finally:
            if was_enabled:
                gc.enable()
        holders.sort(key=lambda change: -abs(change[2] - change[1]))
        new_files, site_rows = self._number_files(sites)
        return {
            "retained_bytes": heap.retained_bytes,
            "retained_blocks": heap.retained_blocks,
            "peak_bytes": peak_bytes,
            "traced_current_bytes": current,
            "rss_bytes": rss,
            "uss_bytes": uss,
            "dirty_bytes": dirty,
            "mapped_bytes": mapped,
            "idle_bytes": idle,
            "sqlite_bytes": self._process.sqlite.used_bytes(),
            "native_heap_bytes": None if c_heap is None else c_heap - heap.malloc_bytes,
            "files": new_files,
            "sites": site_rows,
            "holders": holders[:MOST_HOLDERS_SENT],
        }

    def live_blocks(self, sites: frozenset[Site]) -> dict[Site, int]:
        """Return the live blocks of each of these sites at the last reading, 0 where none was left."""
        last, _ = self._kept.load()
        return {site: last.get(site, (0, 0))[1] for site in sites}

    def numbered_sites(self, sites: list[tuple[int, int]]) -> frozenset[Site]:
        """File and line of each site that is given by the number of its file, as it was sent, and its line."""
        files = list(self._files)
        return frozenset((files[number], line) for number, line in sites)

    def _number_files(self, sites: list[tuple[str, int, int, int]]) -> tuple[list[str], list[tuple[int, int, int, int]]]:
        """File names travel once; afterwards a number, in the order in which they were sent, stands for each."""
        new: list[str] = []
        rows = []
        for file, line, size, blocks in sites:
            number = self._files.get(file)
            if number is None:
                number = self._files[file] = len(self._files)
                new.append(file)
            rows.append((number, line, size, blocks))
        return new, rows
