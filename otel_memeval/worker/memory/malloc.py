"""Read the bytes that malloc has handed out: glibc's, or another one that is preloaded or linked.

A test allocation shows which interface counts. Where none does, the C heap cannot be read, and ``problem`` says why.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

TEST_BYTES = 100_000
"""Size of the test allocation: no allocator serves it from a cache of small blocks."""

MAPPED_TEST_BYTES = (1 << 20, 2 << 20, 4 << 20)
"""Sizes of a block that glibc maps: an M_MMAP_THRESHOLD of 128 KiB by default."""


CACHED_SIZES = tuple(range(24, 1033, 16))
"""One size for each bin of a thread's cache of free blocks: 64 bins up to 1,032 bytes (``tcache`` in malloc/malloc.c)."""


class MallocInfo(Protocol):
    """The fields of ``struct mallinfo2`` that are read, in bytes."""

    arena: int
    """Taken from the system, without mapped blocks."""
    hblkhd: int
    """In mapped blocks."""
    uordblks: int
    """Handed out, without mapped blocks."""
    fordblks: int
    """Free."""
    keepcost: int
    """Free at the end of the heap."""


class _Mallinfo2(ctypes.Structure):
    """glibc's ``struct mallinfo2`` (malloc.h, glibc 2.33 and later)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in [
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        ]
    ]


class Malloc:
    """A malloc that counts nothing that can be read; the base of those that do."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem

    def used_bytes(self) -> int | None:
        """Return the bytes that are handed out and not freed; None where they cannot be read."""
        return None

    def system_bytes(self) -> int | None:
        """Return the bytes that malloc has taken from the system; None where they cannot be read."""
        return None

    def idle_bytes(self) -> int | None:
        """Return the free bytes below the end of the heap; None where they cannot be read."""
        return None


class GlibcMalloc(Malloc):
    """malloc of glibc 2.33 and later."""

    def __init__(
        self, read_info: Callable[[], MallocInfo], drift: Callable[[], int], fill_cache: Callable[[], None]
    ) -> None:
        super().__init__()
        self._read_info = read_info
        self._fill_cache = fill_cache
        # Mapped blocks are whole pages. glibc 2.43 adds some bytes to their sum with each realloc.
        self._drift = drift()
        self._mapped_before = self._mapped_bytes = self._read_info().hblkhd

    def used_bytes(self) -> int | None:
        """Return the bytes of blocks in the heap and of mapped blocks.

        Free blocks in the cache of a thread count as used. The cache of this thread is filled first, so that it is the same
        for all readings.
        """
        self._fill_cache()
        info = self._read_info()
        return info.uordblks + self._mapped(info)

    def system_bytes(self) -> int | None:
        """Return the bytes of the heap and of mapped blocks."""
        info = self._read_info()
        return info.arena + self._mapped(info)

    def idle_bytes(self) -> int | None:
        """Return the free bytes below the end of the heap, which may not have been used yet."""
        info = self._read_info()
        return info.fordblks - info.keepcost

    def _mapped(self, info: MallocInfo) -> int:
        """Return the bytes of mapped blocks: the change since the last call, without the drift, is in whole pages.

        That is exact while all reallocs between two calls drift by less than a page together.
        """
        if not self._drift:
            return info.hblkhd
        change = info.hblkhd - self._mapped_before
        pages = change // mmap.PAGESIZE if self._drift > 0 else -(-change // mmap.PAGESIZE)
        self._mapped_before = info.hblkhd
        self._mapped_bytes += pages * mmap.PAGESIZE
        return self._mapped_bytes


class CountingMalloc(Malloc):
    """A malloc that has a function for the bytes in use; the memory behind it is not glibc's to tell."""

    def __init__(self, read_used_bytes: Callable[[], int]) -> None:
        super().__init__()
        self._read_used_bytes = read_used_bytes

    def used_bytes(self) -> int | None:
        """Return the bytes of blocks in use, rounded up to the allocator's size classes."""
        return self._read_used_bytes()


def find_malloc() -> Malloc:
    """Return the malloc of this process, found by a test allocation."""
    needed = f"needs glibc 2.33 or later; this is {sys.platform}"
    if not sys.platform.startswith("linux"):
        return Malloc(needed)
    try:
        libc = ctypes.CDLL(None)
    except OSError:
        return Malloc(needed)
    libc.malloc.restype = libc.realloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    for malloc in (_glibc(libc), _jemalloc(libc), _tcmalloc(libc)):
        if malloc is not None and _counts(malloc, libc):
            return malloc
    if hasattr(libc, "gnu_get_libc_version") and not hasattr(libc, "mallinfo2"):
        return Malloc(needed)
    names = {"mallctl": "jemalloc's, without statistics", "mi_version": "mimalloc's", "tc_version": "tcmalloc's"}
    name = next((name for symbol, name in names.items() if hasattr(libc, symbol)), "not glibc's")
    return Malloc(f"malloc is {name}, which does not say what is in use")


def _counts(malloc: Malloc, libc: ctypes.CDLL) -> bool:
    """Return whether a block counts as used until it is freed."""
    malloc.used_bytes()  # the first call may allocate
    before = malloc.used_bytes()
    block = libc.malloc(TEST_BYTES)
    during = malloc.used_bytes()
    libc.free(block)
    after = malloc.used_bytes()
    return before is not None and during is not None and after is not None and min(before, after) + TEST_BYTES <= during


def _glibc(libc: ctypes.CDLL) -> Malloc | None:
    if not hasattr(libc, "mallinfo2"):
        return None
    libc.mallinfo2.restype = _Mallinfo2
    libc.mallinfo2.argtypes = []
    read_info = cast("Callable[[], MallocInfo]", libc.mallinfo2)
    sizes = CACHED_SIZES * _places_in_cache(libc)
    return GlibcMalloc(read_info, lambda: _drift_bytes(read_info, libc), lambda: _fill_cache(libc, sizes))


def _fill_cache(libc: ctypes.CDLL, sizes: tuple[int, ...]) -> None:
    """Fill the cache of this thread with blocks of these sizes."""
    deque(map(libc.free, list(map(libc.malloc, sizes))), maxlen=0)


def _places_in_cache(libc: ctypes.CDLL) -> int:
    """Return how many blocks a bin of a thread's cache takes: 7, from glibc 2.42 on 16 (``TCACHE_FILL_COUNT``)."""
    libc.gnu_get_libc_version.restype = ctypes.c_char_p
    major, _, minor = libc.gnu_get_libc_version().partition(b".")
    return 16 if (int(major), int(minor)) >= (2, 42) else 7


def _drift_bytes(read_info: Callable[[], MallocInfo], libc: ctypes.CDLL) -> int:
    """Return the bytes by which the sum of mapped blocks changes while a block is made, resized and freed."""
    before = read_info().hblkhd
    block = None
    for size in MAPPED_TEST_BYTES:
        block = libc.realloc(block, size)
    libc.free(block)
    return read_info().hblkhd - before


def _jemalloc(libc: ctypes.CDLL) -> Malloc | None:
    """Return jemalloc by its ``mallctl`` (jemalloc(3)): statistics are those of the last epoch."""
    if not hasattr(libc, "mallctl"):
        return None
    control = libc.mallctl
    control.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    used, size = ctypes.c_size_t(), ctypes.c_size_t(ctypes.sizeof(ctypes.c_size_t))
    epoch = ctypes.c_uint64(1)
    new_epoch = (b"epoch", None, None, ctypes.byref(epoch), ctypes.sizeof(epoch))
    allocated = (b"stats.allocated", ctypes.byref(used), ctypes.byref(size), None, 0)

    def read_used_bytes() -> int:
        control(b"thread.tcache.flush", None, None, None, 0)
        control(*new_epoch)
        control(*allocated)
        return used.value

    return CountingMalloc(read_used_bytes)


def _tcmalloc(libc: ctypes.CDLL) -> Malloc | None:
    """Return gperftools' tcmalloc by ``generic.current_allocated_bytes`` (gperftools/malloc_extension_c.h)."""
    if not hasattr(libc, "MallocExtension_GetNumericProperty"):
        return None
    read = libc.MallocExtension_GetNumericProperty
    read.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    used = ctypes.c_size_t()
    address = ctypes.byref(used)

    def read_used_bytes() -> int:
        read(b"generic.current_allocated_bytes", address)
        return used.value

    return CountingMalloc(read_used_bytes)
