"""Read the traced heap: live bytes and blocks by site, from the raw traces of tracemalloc.

``Snapshot.compare_to`` makes several Python objects per block, twice. This module reads the same traces once and adds them
up without an object per block; ``benchmarks/reading.py`` compares the two.
"""

from __future__ import annotations

from _tracemalloc import _get_traces
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from itertools import compress, repeat
from operator import itemgetter, length_hint, ne
from typing import Any, TypeVar, cast

MALLOC_THRESHOLD_BYTES = 512
"""Size up to which Python's small-object allocator serves blocks; larger ones come from malloc (Objects/obmalloc.c)."""

TRACE_BYTES = 48
"""Bytes of the C heap that a trace takes beyond the part that ``get_tracemalloc_memory()`` counts.

A record of 16 bytes lies in a chunk of 32, and 16 more lie around its entry of 32 in the table (Modules/_tracemalloc.c,
Python/tracemalloc.c); measured: 48 to 49.
"""

_MAX_COUNT = 1 << 60
"""Begin of the counters of ``count_equal``, which count down: more than any number of blocks."""

_Item = TypeVar("_Item", bound=Hashable)

Site = tuple[str, int]
"""The line that allocated a block: file name as the code object has it, line number from 1."""

LiveBySite = dict[Site, tuple[int, int]]
"""Live bytes and blocks by site."""

_Traceback = tuple[Site, ...]
_Trace = tuple[int, int, _Traceback, int]
"""Domain, size in bytes, frames from the innermost outwards, number of all frames."""

_Sizes = dict[_Traceback, list[int]]

_FIRST: Callable[[tuple[Any, ...]], Any] = itemgetter(0)


def count_equal(items: Iterable[_Item]) -> dict[_Item, int]:
    """Return how often each item occurs.

    Three to eight times faster than ``collections.Counter`` while tracemalloc is on: a Counter allocates an integer per
    item, and every allocation is traced. Here ``repeat`` objects count down in C and allocate nothing.
    """
    counters: defaultdict[_Item, repeat[None]] = defaultdict(lambda: repeat(None, _MAX_COUNT))
    any(map(next, map(counters.__getitem__, items)))
    return {item: _MAX_COUNT - length_hint(counter) for item, counter in counters.items()}


def malloc_bytes(size: int) -> int:
    """Return the bytes that glibc takes for a block of ``size`` bytes.

    That is 8 bytes of header, rounded up to 16; from 128 KiB on, pages (malloc/malloc.c: ``request2size``,
    ``DEFAULT_MMAP_THRESHOLD``).
    """
    return (size + 23) & ~15 if size < 131_072 else (size + 16 + 4095) & ~4095


class HeapReading:
    """State of the traced heap, without the tool's own files.

    ``retained_bytes`` and ``retained_blocks`` are live. ``malloc_bytes`` is the part of the C heap that traced blocks and
    their traces take, own files included. ``sites`` maps each site to its live ``(bytes, blocks)``; None if all are as at
    the reading before.
    """

    __slots__ = ("malloc_bytes", "retained_blocks", "retained_bytes", "sites")

    def __init__(self, retained_bytes: int, retained_blocks: int, malloc: int, sites: LiveBySite | None) -> None:
        self.retained_bytes = retained_bytes
        self.retained_blocks = retained_blocks
        self.malloc_bytes = malloc
        self.sites = sites

    def without_sites(self) -> HeapReading:
        """Return a copy for the next reading, if it finds the heap unchanged."""
        return HeapReading(self.retained_bytes, self.retained_blocks, self.malloc_bytes, None)


class _MallocBytesBySize(dict[int, int]):
    """Bytes of the C heap by size of the block; calculated once per size."""

    def __missing__(self, size: int) -> int:
        taken = self[size] = malloc_bytes(size)
        return taken


def _sizes_by_traceback(traces: list[_Trace]) -> tuple[_Sizes, int]:
    """Return the sizes of all live blocks by traceback, and the bytes of the C heap that the larger blocks take.

    The loop makes no object for a block: while tracemalloc is on, that object would be traced. Traces of one line often
    follow each other: only where the traceback changes, its hash is needed.
    """
    sizes: _Sizes = {}
    large: list[int] = []
    last: _Traceback | None = None
    of_traceback: list[int] = []
    for _, size, traceback, _ in traces:
        if traceback is not last:
            last = traceback
            found = sizes.get(traceback)
            if found is None:
                found = sizes[traceback] = []
            of_traceback = found
        of_traceback.append(size)
        if size > MALLOC_THRESHOLD_BYTES:
            large.append(size)
    return sizes, sum(map(_MallocBytesBySize().__getitem__, large))


def _live_by_site(sizes: _Sizes) -> LiveBySite:
    return dict(zip(map(_FIRST, sizes), zip(map(sum, sizes.values()), map(len, sizes.values()))))


def _of_first_frames(sizes: _Sizes) -> _Sizes:
    """Join the sizes of tracebacks with the same first frame, which are one site."""
    by_site: defaultdict[_Traceback, list[int]] = defaultdict(list)
    for traceback, of_traceback in sizes.items():
        by_site[traceback[:1]] += of_traceback
    return by_site


def read_heap(is_own: Callable[[str], bool]) -> HeapReading:
    """Read every live traced block; ``is_own`` returns whether a file is the tool's.

    Automatic garbage collection must be off: the list of traces alone would start one.
    """
    traces = cast("list[_Trace]", _get_traces())
    malloc = TRACE_BYTES * len(traces)
    sizes, large_bytes = _sizes_by_traceback(traces)
    malloc += large_bytes
    del traces
    sites = _live_by_site(sizes)
    if len(sites) < len(sizes):
        sites = _live_by_site(_of_first_frames(sizes))
    del sizes
    own = set(filter(is_own, set(map(_FIRST, sites))))
    for site in list(compress(sites, map(own.__contains__, map(_FIRST, sites)))):
        del sites[site]
    live = sites.values()
    return HeapReading(sum(map(_FIRST, live)), sum(map(itemgetter(1), live)), malloc, sites)


def changed_sites(before: LiveBySite, now: LiveBySite) -> list[tuple[str, int, int, int]]:
    """Return ``(file, line, bytes, blocks)`` of every site whose live memory changed; 0, 0 if none is left."""
    was = list(map(before.get, now))
    changed = [(*site, *live) for site, live in compress(now.items(), map(ne, was, now.values()))]
    if len(now) - was.count(None) < len(before):
        changed.extend((*site, 0, 0) for site in before if site not in now)
    return changed
