"""The traced heap: live bytes and blocks per site, read off tracemalloc's raw traces.

``Snapshot.compare_to`` builds several Python objects a block, twice; this reads the same traces once and counts them
without allocating. ``benchmarks/reading.py`` compares the two.
"""

from __future__ import annotations

from _tracemalloc import _get_traces
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from itertools import repeat
from operator import length_hint
from typing import TypeVar

MALLOC_THRESHOLD_BYTES = 512
"""Python's small-object allocator serves up to this size; larger blocks come from malloc (Objects/obmalloc.c)."""

TRACE_BYTES = 48
"""What each trace takes of the C heap beyond what ``get_tracemalloc_memory()`` counts: a record of 16 bytes in a chunk of
32, and 16 more around its entry of 32 in the table (Modules/_tracemalloc.c, Python/tracemalloc.c; measured: 48 to 49)."""

_MANY = 1 << 60

_Item = TypeVar("_Item", bound=Hashable)

Site = tuple[str, int]
"""Where a block was allocated: file name as the code object has it, line number from 1."""


def count_equal(items: Iterable[_Item]) -> dict[_Item, int]:
    """How often each hashable item occurs.

    As ``collections.Counter``, three to eight times faster while tracemalloc is on: a Counter allocates an integer an
    item, and every allocation is itself traced. Here ``repeat`` objects count down in C and allocate nothing.
    """
    counters: defaultdict[_Item, repeat[None]] = defaultdict(lambda: repeat(None, _MANY))
    any(map(next, map(counters.__getitem__, items)))
    return {item: _MANY - length_hint(counter) for item, counter in counters.items()}


def malloc_bytes(size: int) -> int:
    """What glibc takes for a block of ``size`` bytes: 8 bytes of header, rounded up to 16; mapped in whole pages from
    128 KiB on (malloc/malloc.c: ``request2size``, ``DEFAULT_MMAP_THRESHOLD``).
    """
    return (size + 23) & ~15 if size < 131_072 else (size + 16 + 4095) & ~4095


class HeapReading:
    """One look at the traced heap, the tool's own files left out.

    ``retained_bytes`` and ``retained_blocks`` are live; ``malloc_bytes`` is what of the C heap all this explains, own
    files included, as the C heap sees it; ``sites`` maps each site to its live ``(bytes, blocks)``.
    """

    __slots__ = ("malloc_bytes", "retained_blocks", "retained_bytes", "sites")

    def __init__(self, retained_bytes: int, retained_blocks: int, malloc: int, sites: dict[Site, tuple[int, int]]) -> None:
        self.retained_bytes = retained_bytes
        self.retained_blocks = retained_blocks
        self.malloc_bytes = malloc
        self.sites = sites


def read_heap(is_own: Callable[[str], bool]) -> HeapReading:
    """Read every live traced block; ``is_own`` says which files are the tool's.

    The caller has switched automatic garbage collection off: the list of traces alone would set it off.
    """
    traces = _get_traces()
    malloc = TRACE_BYTES * len(traces)
    counts = count_equal(traces)
    del traces
    sites: dict[Site, tuple[int, int]] = {}
    own: dict[str, bool] = {}
    retained_bytes = retained_blocks = 0
    # A trace is (domain, size, ((file, line),), ...): equal traces are blocks of one size from one line.
    for trace, count in counts.items():
        size = trace[1]
        site = trace[2][0]
        if size > MALLOC_THRESHOLD_BYTES:
            malloc += malloc_bytes(size) * count
        file = site[0]
        left_out = own.get(file)
        if left_out is None:
            left_out = own[file] = is_own(file)
        if left_out:
            continue
        size *= count
        retained_bytes += size
        retained_blocks += count
        before = sites.get(site)
        sites[site] = (size, count) if before is None else (before[0] + size, before[1] + count)
    return HeapReading(retained_bytes, retained_blocks, malloc, sites)


def changed_sites(before: dict[Site, tuple[int, int]], now: dict[Site, tuple[int, int]]) -> list[tuple[str, int, int, int]]:
    """``(file, line, bytes, blocks)`` of every site whose live memory is not what it was; 0, 0 when it is gone."""
    changed = [(site[0], site[1], live[0], live[1]) for site, live in now.items() if before.get(site) != live]
    changed.extend((site[0], site[1], 0, 0) for site in before if site not in now)
    return changed
