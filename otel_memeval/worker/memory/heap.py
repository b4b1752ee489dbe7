"""The traced heap: live bytes and blocks per site, read off tracemalloc's raw traces.

``Snapshot.compare_to`` builds several Python objects a block, twice; this reads the same traces once and adds them up
without making an object a block. ``benchmarks/reading.py`` compares the two.
"""

from __future__ import annotations

from _tracemalloc import _get_traces
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from itertools import repeat
from operator import itemgetter, length_hint
from typing import Any, TypeVar, cast

MALLOC_THRESHOLD_BYTES = 512
"""Python's small-object allocator serves up to this size; larger blocks come from malloc (Objects/obmalloc.c)."""

TRACE_BYTES = 48
"""What each trace takes of the C heap beyond what ``get_tracemalloc_memory()`` counts: a record of 16 bytes in a chunk of
32, and 16 more around its entry of 32 in the table (Modules/_tracemalloc.c, Python/tracemalloc.c; measured: 48 to 49)."""

_MANY = 1 << 60

_Item = TypeVar("_Item", bound=Hashable)

Site = tuple[str, int]
"""Where a block was allocated: file name as the code object has it, line number from 1."""

_Traceback = tuple[Site, ...]
_Trace = tuple[int, int, _Traceback, int]
"""Domain, size, frames from the innermost outwards, how many frames there were in all."""

_Sizes = defaultdict[_Traceback, list[int]]

_SIZE: Callable[[_Trace], int] = itemgetter(1)
_TRACEBACK: Callable[[_Trace], _Traceback] = itemgetter(2)
_FIRST: Callable[[tuple[Any, ...]], Any] = itemgetter(0)

_LONG = 1000
"""From this many blocks on it pays to look at a line's sizes with ``bytes`` first."""


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


class _TakenBySize(dict[int, int]):
    """What of the C heap a block of each size takes: nothing up to the threshold; worked out once a size."""

    def __missing__(self, size: int) -> int:
        taken = self[size] = malloc_bytes(size) if size > MALLOC_THRESHOLD_BYTES else 0
        return taken


# Every object made while tracemalloc is on is traced, and its line found by a search from the function's first line. So
# what runs once a block or once a line makes no object where it can, and stands in functions of a few lines.


def _sizes_by_traceback(traces: list[_Trace]) -> _Sizes:
    """The sizes of all live blocks by their traceback: equal tracebacks are hashed, whole traces are not."""
    sizes: _Sizes = defaultdict(list)
    any(map(list.append, map(sizes.__getitem__, map(_TRACEBACK, traces)), map(_SIZE, traces)))
    return sizes


def may_be_large(sizes: list[int]) -> bool:
    """Whether a block may come from malloc. In a long list one pass in C, five times as quick as ``max``, mostly says no."""
    if len(sizes) < _LONG:
        return max(sizes) > MALLOC_THRESHOLD_BYTES
    try:
        bytes(sizes)
    except ValueError:  # one is larger than 255
        return True
    return False


def _from_malloc(sizes: _Sizes) -> int:
    """What the larger blocks take of the C heap."""
    taken = _TakenBySize().__getitem__
    return sum([sum(map(taken, some)) for some in filter(may_be_large, sizes.values())])


def _live_by_site(sizes: _Sizes) -> dict[Site, tuple[int, int]]:
    return dict(zip(map(_FIRST, sizes), zip(map(sum, sizes.values()), map(len, sizes.values()))))


def _of_first_frames(sizes: _Sizes) -> _Sizes:
    """The same when tracebacks have more frames than one: those with the same first frame are one site."""
    by_site: _Sizes = defaultdict(list)
    for traceback, some in sizes.items():
        by_site[traceback[:1]] += some
    return by_site


def read_heap(is_own: Callable[[str], bool]) -> HeapReading:
    """Read every live traced block; ``is_own`` says which files are the tool's.

    The caller has switched automatic garbage collection off: the list of traces alone would set it off.
    """
    traces = cast("list[_Trace]", _get_traces())
    malloc = TRACE_BYTES * len(traces)
    sizes = _sizes_by_traceback(traces)
    del traces
    malloc += _from_malloc(sizes)
    sites = _live_by_site(sizes)
    if len(sites) < len(sizes):
        sites = _live_by_site(_of_first_frames(sizes))
    del sizes
    own = set(filter(is_own, set(map(_FIRST, sites))))
    for site in [site for site in sites if site[0] in own]:
        del sites[site]
    live = sites.values()
    return HeapReading(sum(map(_FIRST, live)), sum(map(itemgetter(1), live)), malloc, sites)


def changed_sites(before: dict[Site, tuple[int, int]], now: dict[Site, tuple[int, int]]) -> list[tuple[str, int, int, int]]:
    """``(file, line, bytes, blocks)`` of every site whose live memory is not what it was; 0, 0 when it is gone."""
    changed = [(site[0], site[1], live[0], live[1]) for site, live in now.items() if before.get(site) != live]
    changed.extend((site[0], site[1], 0, 0) for site in before if site not in now)
    return changed
