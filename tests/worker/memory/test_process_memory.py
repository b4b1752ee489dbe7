"""Memory of the process around the traced heap, its processor time and its waits."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from otel_memeval.worker.clock import Clock
from otel_memeval.worker.memory import process_memory as process
from otel_memeval.worker.memory.process_memory import ProcessReader, waits

LINUX = sys.platform.startswith("linux")


_TOUCHED = """
import mmap, os, sys
sys.path.insert(0, sys.argv[1])
from otel_memeval.worker.memory.process_memory import ProcessReader
reader = ProcessReader()
first = reader.resident_bytes()
kept = bytearray(os.urandom(1)) * (32 << 20)
second = reader.resident_bytes()
with open(sys.argv[2], "wb") as file:
    file.write(kept)
    file.flush()
    os.fsync(file.fileno())
with open(sys.argv[2], "rb") as file:
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
before = reader.resident_bytes()
read = sum(mapped[place] for place in range(0, len(mapped), 4096))
after = reader.resident_bytes()
print(*first, *(now - then for now, then in zip(second, first)), *(now - then for now, then in zip(after, before)))
"""


@pytest.mark.process
def test_resident_unique_and_written_memory_are_read_on_linux(tmp_path: Path) -> None:
    """Written memory shows in all three numbers, a file that is only read in the first two; other platforms have none."""
    if not LINUX:
        assert ProcessReader().resident_bytes() == (None, None, None)
        return
    # In a process of its own: this one may have as much that was freed and is still resident.
    command = [sys.executable, "-c", _TOUCHED, str(Path(process.__file__).parents[3]), str(tmp_path / "file")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    rss, uss, dirty, *changes = map(int, done.stdout.split())
    assert 0 < dirty <= uss <= rss
    size = 32 << 20
    assert [0.9 * size < change < 1.2 * size for change in changes] == [True, True, True, True, True, False]
    assert abs(changes[-1]) < size / 10


@pytest.mark.parametrize(("size", "count"), [(1000, 5000), (100_000, 100), (1 << 20, 10)])
def test_c_heap_grows_by_the_size_of_its_blocks(size: int, count: int) -> None:
    """Small and mapped blocks of C code show within 1%, and no longer after they are freed."""
    reader = ProcessReader()
    before = reader.c_heap_bytes()
    if before is None:
        assert any(missing.startswith("C heap") for missing in reader.missing_channels())
        return
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    blocks = (ctypes.c_void_p * count)()
    start = reader.c_heap_bytes()
    for place in range(count):
        blocks[place] = libc.malloc(size)
    grown = reader.c_heap_bytes()
    for place in range(count):
        libc.free(blocks[place])
    freed = reader.c_heap_bytes()
    assert start is not None
    assert grown is not None
    assert freed is not None
    assert grown - start == pytest.approx(size * count, rel=0.01)
    assert freed - start == pytest.approx(0, abs=0.01 * size * count)


_MAPS = """
import ctypes, mmap, sys
sys.path.insert(0, sys.argv[1])
from otel_memeval.worker.clock import Clock
from otel_memeval.worker.memory.process_memory import ProcessReader
reader = ProcessReader()
reader.mapped_bytes()
before = reader.mapped_bytes()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
blocks = [libc.malloc(size) for size in (100, 5_000, 1 << 20)]
after_malloc = reader.mapped_bytes()
maps = [mmap.mmap(-1, mmap.PAGESIZE * 3, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for _ in range(4)]
print(after_malloc - before, (reader.mapped_bytes() - after_malloc) / mmap.PAGESIZE)
"""


@pytest.mark.skipif(not LINUX, reason="there is no such channel elsewhere: test_missing_channels_are_named")
@pytest.mark.process
def test_maps_are_counted_to_the_page_and_blocks_of_malloc_are_not() -> None:
    """Four unused maps of three pages are twelve pages; blocks of the C heap, mapped ones too, are none."""
    root = str(Path(process.__file__).parents[3])
    done = subprocess.run([sys.executable, "-c", _MAPS, root], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["0", "12.0"]


_FREED = """
import ctypes, sys
sys.path.insert(0, sys.argv[1])
from otel_memeval.worker.clock import Clock
from otel_memeval.worker.memory.process_memory import ProcessReader
reader = ProcessReader()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
blocks = [libc.malloc(100_000) for _ in range(20)]
last = libc.malloc(100_000)
before = reader.idle_bytes()
for block in blocks:
    libc.free(block)
print(round((reader.idle_bytes() - before) / 100_000))
"""


@pytest.mark.skipif(not LINUX, reason="there is no such channel elsewhere: test_missing_channels_are_named")
@pytest.mark.process
def test_freed_blocks_that_malloc_keeps_are_idle() -> None:
    """Twenty freed blocks below one that is in use stay in the C heap, and are idle."""
    root = str(Path(process.__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", _FREED, root],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"},
    )
    assert done.stdout.split() == ["20"]


def test_missing_channels_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the C library or the kernel lacks a channel, it reads None and one line says what is missing; else none does."""
    assert not LINUX or not hasattr(ctypes.CDLL(None), "mallinfo2") or ProcessReader().missing_channels() == []
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "darwin")
        patch.setattr(os, "access", lambda *_: False)
        reader = ProcessReader()
        assert reader.missing_channels() == [
            "C heap (needs glibc 2.33 or later; this is darwin)",
            "process memory (needs Linux' smaps_rollup; this is darwin)",
        ]
    assert reader.c_heap_bytes() is None
    assert reader.resident_bytes() == (None, None, None)


def test_waits_and_processor_time_are_distinguished() -> None:
    """Sleeping counts as waiting and takes no processor time; computing takes some."""
    waited, worked = waits(), Clock.cpu_seconds()
    for _ in range(20):
        time.sleep(0.001)
    slept = Clock.cpu_seconds() - worked
    if waited is not None:
        now = waits()
        assert now is not None
        assert now - waited >= 20
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    assert Clock.cpu_seconds() - worked - slept >= 0.05
    assert slept < 0.05


_TRACED_BLOCKS = """
import gc, json, tracemalloc
from otel_memeval.worker.memory.heap import read_heap
from otel_memeval.worker.clock import Clock
from otel_memeval.worker.memory.process_memory import ProcessReader

reader = ProcessReader()
tracemalloc.start(1)

def unexplained():
    gc.collect()
    c_heap = reader.c_heap_bytes()
    return None if c_heap is None else c_heap - read_heap(lambda file: False).malloc_bytes

keep = [object() for _ in range(50_000)]
before = unexplained()
keep += [object() for _ in range(100_000)]
print(json.dumps([before, unexplained()]))
"""


@pytest.mark.process
def test_traced_blocks_explain_their_part_of_the_c_heap() -> None:
    """A hundred thousand small traced blocks raise the unexplained part of the C heap by less than 2 bytes each."""
    environment = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mmap_threshold=131072"}
    said = subprocess.run(
        [sys.executable, "-c", _TRACED_BLOCKS], capture_output=True, check=True, env=environment, timeout=60
    ).stdout
    before, after = json.loads(said)
    assert (before is None) == (not LINUX or not hasattr(ctypes.CDLL(None), "mallinfo2"))
    if before is not None:
        assert abs(after - before) < 2 * 100_000
