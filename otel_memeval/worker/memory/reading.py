"""Take a reading between two iterations: collect garbage, read every channel, and return the changes."""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
import tracemalloc
from collections.abc import Callable
from gc import collect
from typing import Any

from .container_lengths import Containers, changed_in_place, changed_lengths, inner_dict, length, read_lengths
from .frozen_heap import FrozenHeap
from .heap import HeapReading, Site, changed_sites, read_heap
from .kept_reading import KeptReading
from .process_memory import ProcessReader

MAX_COLLECTIONS = 10
"""Collections before one reading: finalizers that make new garbage each time must not delay it for ever."""

CALLS_BEFORE_CACHED = 1100 if sys.version_info < (3, 11) else 0
"""Calls of a function before tracing: Python 3.10 makes a cache at the 1024th (``OPCACHE_MIN_RUNS`` in ceval.c)."""

MANY_BLOCKS = 20_000
"""Blocks from which on the lines are read only if the traced bytes have changed: reading them costs 5 ms and more."""

MAX_HOLDERS_SENT = 2_000
"""Changed containers in one message, those that changed most first: some 50 KB, and far more than can grow unnoticed."""

PlainMessage = dict[str, object]
"""A message as the worker makes it, or a part of one; ``wire.messages`` has its fields and types."""

_cached_nothing = functools.lru_cache(maxsize=1)(lambda: None)

_clear_type_cache: Callable[[], None] = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache
"""The first name is that of Python 3.13 and later, where the second one warns."""


def collect_garbage() -> bool:
    """Collect all garbage, also that of finalizers and of idle sub-interpreters; return whether there was any."""
    _collect_in_sub_interpreters()
    for collections in range(MAX_COLLECTIONS):
        if not collect():
            return collections > 0
    return True


def has_sub_interpreters() -> bool:
    """Return whether the scenario has imported what makes sub-interpreters."""
    return not sys.modules.keys().isdisjoint(("_interpreters", "_xxsubinterpreters"))


def may_stop_tracing() -> bool:
    """Return whether tracemalloc can be stopped: up to CPython 3.14 it may crash after a sub-interpreter has ended."""
    return tracemalloc.is_tracing() and (sys.version_info >= (3, 15) or not has_sub_interpreters())


def _collect_in_sub_interpreters() -> None:
    """Collect the garbage of each sub-interpreter that does not run; from Python 3.14 on, where they are public."""
    interpreters: Any = sys.modules.get("_interpreters") if sys.version_info >= (3, 14) else None
    if interpreters is None:
        return
    main = interpreters.get_main()[0]
    for identity, _ in interpreters.list_all():
        if identity != main:
            with contextlib.suppress(Exception):  # it has ended, or has begun to run
                interpreters.exec(identity, "__import__('gc').collect()")


class MemoryReader:
    """Takes readings. The last reading is kept, to find the changes, outside of the memory that is read.

    ``is_own`` returns whether a file is the tool's: the memory that such files allocate is left out, and no other.
    """

    def __init__(self, is_own: Callable[[str], bool], process: ProcessReader, frozen: FrozenHeap) -> None:
        self._is_own = is_own
        self._process = process
        self._kept = KeptReading()
        self._frozen = frozen
        self._files: dict[str, int] = {}
        self._sentinel: object = None
        self._last_heap = HeapReading(0, 0, 0, None)
        self._last_traced_bytes = -1

    def prime(self) -> None:
        """Allocate before tracing starts what a reading allocates once and keeps."""
        self._process.c_heap_bytes()
        self._process.resident_bytes()
        self._process.mapped_bytes()
        self._process.idle_bytes()
        for _ in range(CALLS_BEFORE_CACHED):  # the functions that a reading calls for each file, line and container
            self._is_own("")
            length([])
            inner_dict(_cached_nothing)
        self._kept.store({}, read_lengths(Containers()), [])
        self._kept.load()

    def start(self) -> None:
        """Start tracing with one frame per block."""
        tracemalloc.start(1)
        self._sentinel = object()  # its trace is gone if the scenario stops or clears tracemalloc

    def still_tracing(self) -> bool:
        """Return False if the scenario stopped or cleared tracemalloc since ``start()``."""
        return tracemalloc.is_tracing() and tracemalloc.get_object_traceback(self._sentinel) is not None

    def read_first(self) -> PlainMessage:
        """Return the initial reading, which growth is counted from: it has every site."""
        self.still_tracing()
        return self.read()

    def read(self) -> PlainMessage:
        """Collect garbage, and return the changes since the last reading.

        The caller has already let the loop run what was ready. The C heap and the process are read first, because the
        reading of the traces allocates memory for a moment.
        """
        was_enabled = gc.isenabled()
        gc.disable()  # the lists made here would start collections of the whole heap
        try:
            # The interpreter's method cache holds names that were looked up last: the scenario does not keep them.
            _clear_type_cache()
            # The last full collection must find no garbage. Most garbage of an iteration is young: without it, the first
            # full collection is the last one as well.
            if self._frozen.is_taken_over():
                self.thaw()
            self._frozen.release()
            collect(1)
            collect_garbage()
            c_heap = self._process.c_heap_bytes()
            rss, uss, dirty = self._process.resident_bytes()
            mapped, idle = self._process.mapped_bytes(), self._process.idle_bytes()
            current = tracemalloc.get_traced_memory()[0]
            heap = self._read_heap(current)
            sites, holders = self._changes(heap)
        finally:
            if was_enabled:
                gc.enable()
        holders.sort(key=lambda change: -abs(change[2] - change[1]))
        new_files, site_rows = self._number_files(sites)
        return {
            "retained_bytes": heap.retained_bytes,
            "retained_blocks": heap.retained_blocks,
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
            "holders": holders[:MAX_HOLDERS_SENT],
        }

    def _read_heap(self, traced_bytes: int) -> HeapReading:
        """Return the traced heap, in which ``traced_bytes`` are live.

        A large heap whose bytes are the same to the byte is taken to be the heap of the reading before.
        """
        if traced_bytes == self._last_traced_bytes and self._last_heap.retained_blocks >= MANY_BLOCKS:
            return self._last_heap
        heap = read_heap(self._is_own)
        self._last_heap, self._last_traced_bytes = heap.without_sites(), traced_bytes
        return heap

    def _changes(self, heap: HeapReading) -> tuple[list[tuple[str, int, int, int]], list[tuple[int, int, int]]]:
        """Return the changes of sites and of containers since the last reading; keep this reading, and freeze what stays."""
        own = (self._files, self.__dict__, heap.sites)
        containers = Containers()
        lengths, frozen_lengths = read_lengths(containers, own), self._frozen.lengths()
        sites_before, lengths_before, frozen_before = self._kept.load()
        holders = changed_lengths(lengths_before, lengths)
        holders += changed_in_place(self._frozen.containers(), frozen_before, frozen_lengths)
        if self._frozen.is_outdated(heap.retained_bytes):
            del containers
            self._frozen.thaw()
            self._frozen.note_collection(collect_garbage())
            containers = Containers()
            lengths, frozen_lengths = read_lengths(containers, own), []
        if self._frozen.is_wanted(containers.walked):
            lengths, frozen_lengths = {}, self._frozen.freeze(containers, own)
        sites = sites_before if heap.sites is None else heap.sites
        self._kept.store(sites, lengths, frozen_lengths)
        return changed_sites(sites_before, sites), holders

    def young_objects(self) -> list[object]:
        """Return the objects that were made since objects were frozen last; none if no object is frozen."""
        return gc.get_objects() if self._frozen.is_frozen else []

    def thaw(self) -> None:
        """Give the frozen objects back to the garbage collector, so that all can be found; the next reading walks them."""
        if not self._frozen.is_frozen:
            return
        sites, lengths, frozen_lengths = self._kept.load()
        lengths.update(zip(map(id, self._frozen.containers()), frozen_lengths))
        self._kept.store(sites, lengths, [])
        self._frozen.thaw()

    def live_blocks(self, sites: frozenset[Site]) -> dict[Site, int]:
        """Return the live blocks of each of these sites at the last reading, 0 if none was left."""
        last, _, _ = self._kept.load()
        return {site: last.get(site, (0, 0))[1] for site in sites}

    def numbered_sites(self, sites: list[tuple[int, int]]) -> frozenset[Site]:
        """Return the sites that are given by the number of their file, as it was sent, and their line."""
        files = list(self._files)
        return frozenset((files[number], line) for number, line in sites)

    def _number_files(self, sites: list[tuple[str, int, int, int]]) -> tuple[list[str], list[tuple[int, int, int, int]]]:
        """Return the files that were not sent before, and the rows of the sites with the number of their file.

        The name of a file is sent once; the numbers are given in the order of the names.
        """
        new: list[str] = []
        rows = []
        for file, line, size, blocks in sites:
            number = self._files.get(file)
            if number is None:
                number = self._files[file] = len(self._files)
                new.append(file)
            rows.append((number, line, size, blocks))
        return new, rows
