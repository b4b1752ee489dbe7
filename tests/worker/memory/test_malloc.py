"""malloc of glibc, of other allocators that are preloaded, and of versions that count mapped blocks wrongly."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.worker.memory.malloc import GlibcMalloc, Malloc, find_malloc
from tests.servers.binaries import unpacked

LINUX = sys.platform.startswith("linux")
ALLOCATORS = {"jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4"}
LEAK = """
import ctypes

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]


def run():
    for _ in range(BLOCKS):
        libc.memset(libc.malloc(2000), 1, 2000)
    return len([str(i) for i in range(1000)])
"""


def _library(allocator: str) -> str:
    folder = unpacked("allocators", ("libjemalloc2", "libmimalloc2.0", "libtcmalloc-minimal4"))
    return str(next(folder.glob(f"usr/lib/*/{ALLOCATORS[allocator]}")))


def _verdict(tmp_path: Path, blocks: int, **environment: str) -> tuple[dict[str, object], list[str]]:
    """Return the verdict on a scenario that keeps ``blocks`` blocks of malloc's, and the missing channels."""
    scenario, report = tmp_path / "c_leak.py", tmp_path / "result.json"
    scenario.write_text(LEAK.replace("BLOCKS", str(blocks)), encoding="utf-8")
    command = [sys.executable, "-m", "otel_memeval", str(scenario), "--json", str(report)]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, timeout=120, check=False)
    (result,) = json.loads(report.read_text(encoding="utf-8"))["runs"]
    return result["verdict"], result["run"]["missing_channels"]


@pytest.mark.skipif(not LINUX, reason="LD_PRELOAD is Linux'; elsewhere the C heap is a missing channel")
@pytest.mark.process
@pytest.mark.parametrize("allocator", ["jemalloc", "tcmalloc"])
def test_leak_shows_under_an_allocator_that_counts(allocator: str, tmp_path: Path) -> None:
    """Ten blocks of 2,000 bytes are a native leak of 19.5 to 20.5 KiB, and without them nothing grows."""
    verdict, missing = _verdict(tmp_path, 10, LD_PRELOAD=_library(allocator))
    assert (verdict["state"], missing) == ("native-leak", [])
    assert "keeps 20.0 KiB more" in str(verdict["summary"])
    assert _verdict(tmp_path, 0, LD_PRELOAD=_library(allocator))[0]["state"] == "stable"


@pytest.mark.skipif(not LINUX, reason="LD_PRELOAD is Linux'; elsewhere the C heap is a missing channel")
@pytest.mark.process
def test_c_heap_is_missing_under_an_allocator_that_does_not_count(tmp_path: Path) -> None:
    """The malloc of mimalloc does not say what is in use: the C heap is a missing channel, and the sentence names it."""
    verdict, missing = _verdict(tmp_path, 10, LD_PRELOAD=_library("mimalloc"))
    assert missing == ["C heap (malloc is mimalloc's, which does not say what is in use)"]
    assert str(verdict["summary"]).endswith("; not read: C heap")


def test_c_heap_is_missing_where_no_counter_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A libc without mallinfo2 that is not glibc, such as musl, is named as one that cannot be read."""
    if not LINUX:
        assert find_malloc().problem
        return
    names = ("malloc", "realloc", "free")
    musl = SimpleNamespace(**{name: getattr(ctypes.CDLL(None), name) for name in names})
    monkeypatch.setattr(ctypes, "CDLL", lambda name: musl)
    malloc = find_malloc()
    assert type(malloc) is Malloc
    assert malloc.problem == "malloc is not glibc's, which does not say what is in use"
    assert (malloc.used_bytes(), malloc.system_bytes(), malloc.idle_bytes()) == (None, None, None)


class _Info:
    """Counters of a glibc whose sum of mapped blocks drifts with each realloc."""

    def __init__(self, drift_bytes: int) -> None:
        self.arena = self.uordblks = self.fordblks = self.keepcost = 0
        self.hblkhd = 40 * mmap.PAGESIZE
        self.drift_bytes = drift_bytes

    def change(self, pages: int, reallocs: int) -> None:
        self.hblkhd += pages * mmap.PAGESIZE + reallocs * self.drift_bytes


@given(
    st.sampled_from([0, 16, -16]),
    st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 255)), max_size=40),
)
def test_mapped_blocks_are_counted_without_the_drift(drift_bytes: int, changes: list[tuple[int, int]]) -> None:
    """With and without a drift, only pages that are mapped and unmapped count, however many reallocs there are in all."""
    info = _Info(drift_bytes)
    malloc = GlibcMalloc(lambda: info, lambda: drift_bytes, lambda: None)
    start = malloc.used_bytes()
    mapped = 0
    for pages, reallocs in changes:
        info.change(pages, reallocs)
        mapped += pages
        used, system = malloc.used_bytes(), malloc.system_bytes()
        assert start is not None
        assert used == system == start + mapped * mmap.PAGESIZE


CACHED = """
import ctypes, json, random, statistics
from otel_memeval.worker.memory.malloc import find_malloc
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
malloc, numbers, used = find_malloc(), random.Random(1), [0] * 40
for step in range(20):
    for block in [libc.malloc(numbers.randrange(24, 1000)) for _ in range(numbers.randrange(400))]:
        libc.free(block)
    used[step] = malloc.used_bytes()
for step in range(20, 40):
    for _ in range(3):
        libc.malloc(200)
    used[step] = malloc.used_bytes()
moves = [after - before for before, after in zip(used, used[1:])]
print(json.dumps([statistics.mode(moves[:19]), statistics.mode(moves[20:])]))
"""


@pytest.mark.skipif(not LINUX, reason="the cache of glibc's malloc is Linux'")
def test_freed_blocks_in_the_cache_of_a_thread_do_not_count(run_python: Callable[..., Any]) -> None:
    """Freed blocks mostly leave the bytes in use as they were, whatever their number and sizes; kept ones are exact.

    The interpreter's own blocks are the rest: it enlarges a table now and then.
    """
    moved, kept = json.loads(run_python(CACHED).stdout)
    assert (moved, kept) == (0, 3 * 208)
