"""The traced heap, summed by line."""

from __future__ import annotations

import json
import tracemalloc
import types
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval.worker.memory import heap
from otel_memeval.worker.memory.heap import TRACE_BYTES, changed_sites, count_equal, malloc_bytes, read_heap


@given(st.lists(st.integers(0, 5) | st.text("ab", max_size=2) | st.tuples(st.integers(0, 2), st.none())))
@settings(deadline=None, max_examples=200)
def test_equal_items_are_counted_as_a_counter_does(items: list[Any]) -> None:
    """The fast count is Counter's, order of first sight included, of a list and of an iterator."""
    assert list(count_equal(items).items()) == list(Counter(items).items())
    assert count_equal(iter(items)) == Counter(items)


@pytest.mark.parametrize(
    ("size", "taken"),
    [
        (0, 16),
        (8, 16),
        (9, 32),
        (24, 32),
        (25, 48),
        (1000, 1008),
        (131_071, 131_088),
        (131_072, 135_168),
        (1 << 20, 1_052_672),
    ],
)
def test_malloc_takes_a_header_and_rounds_up(size: int, taken: int) -> None:
    """Glibc's chunk sizes on both sides of each step: 16 bytes below the mapping threshold, whole pages above it."""
    assert malloc_bytes(size) == taken


FRAMES = st.tuples(st.sampled_from(["a.py", "b.py", "own.py"]), st.integers(1, 4))
SIZES = st.integers(0, 300) | st.sampled_from([511, 512, 513, 131_071, 131_072]) | st.integers(0, 1 << 33)


@given(st.lists(st.tuples(SIZES, st.lists(FRAMES, min_size=1, max_size=3), st.integers(1, 3) | st.integers(995, 1005))))
@settings(deadline=None, max_examples=150)
def test_sums_are_a_snapshots(some: list[tuple[int, list[tuple[str, int]], int]]) -> None:
    """Of any traces, of one frame or of more and of few blocks or of many, the sites are those of Snapshot.statistics, and
    the C heap's share is that of each block by itself.
    """
    traces = [(0, size, tuple(frames), len(frames)) for size, frames, times in some for _ in range(times)]
    statistics = tracemalloc.Snapshot(traces, 1).statistics("lineno")
    theirs = {(one.traceback[0].filename, one.traceback[0].lineno): (one.size, one.count) for one in statistics}
    theirs = {site: live for site, live in theirs.items() if site[0] != "own.py"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heap, "_get_traces", lambda: list(traces))
        reading = read_heap(lambda file: file == "own.py")
    assert reading.sites == theirs
    assert reading.retained_bytes == sum(size for size, _ in theirs.values())
    assert reading.retained_blocks == sum(blocks for _, blocks in theirs.values())
    assert reading.malloc_bytes == sum(TRACE_BYTES + (malloc_bytes(size) if size > 512 else 0) for _, size, *_ in traces)


PROGRAM = """
import gc, json, tracemalloc
from otel_memeval.worker.memory import heap
gc.disable()
tracemalloc.start(1)
kept = []
for index in range(300):
    kept.append(bytearray(index * 7))
    kept.append({index: [index] * (index % 40)})
    kept.append(str(index) * 3)
exec(compile("more = [object() for _ in range(100)]", "other.py", "exec"))
import decimal, http.client
snapshot = tracemalloc.take_snapshot()
def read(is_own=lambda file: False):
    reading = heap.read_heap(is_own)
    live = list(reading.sites.values())
    assert reading.retained_bytes == sum(size for size, _ in live)
    assert reading.retained_blocks == sum(blocks for _, blocks in live)
    return sorted([file, line, *live] for (file, line), live in reading.sites.items())
now = read()
heap._get_traces = lambda: snapshot.traces._traces
same, without = read(), read(lambda file: file == "other.py")
tracemalloc.stop()
theirs = sorted(
    [one.traceback[0].filename, one.traceback[0].lineno, one.size, one.count] for one in snapshot.statistics("lineno")
)
print(json.dumps({"now": now, "same": same, "without": without, "theirs": theirs}))
"""


def test_the_heap_is_tracemallocs_own(run_python: Callable[..., Any]) -> None:
    """Line by line the same bytes and blocks as Snapshot.statistics("lineno") gives of the same traces, for a large heap.

    Of the live heap, a moment later, that holds for the lines that the program itself keeps something of; others change,
    because a snapshot takes what stands in the interpreter's free lists.
    """
    said = json.loads(run_python(PROGRAM).stdout)
    assert said["same"] == said["theirs"]
    assert len(said["same"]) > 50
    kept = [row for row in said["theirs"] if row[0] == "other.py" or (row[0] == "<string>" and row[1] in (8, 9, 10))]
    assert len(kept) == 4
    assert [row for row in said["now"] if row in kept] == kept


def test_only_the_tools_own_files_are_left_out(run_python: Callable[..., Any]) -> None:
    """Leaving out a file takes its lines away, from the sums as well, and nothing else."""
    said = json.loads(run_python(PROGRAM).stdout)
    (gone,) = [row for row in said["same"] if row not in said["without"]]
    assert gone[:2] == ["other.py", 1]
    assert gone[3] >= 101
    assert len(said["without"]) == len(said["same"]) - 1


def test_only_what_changed_is_told() -> None:
    """A line is told when its bytes or its blocks are other than before, and with zeros once it is gone."""
    before = {("a", 1): (10, 1), ("a", 2): (10, 1), ("a", 3): (10, 1), ("b", 1): (5, 5)}
    now = {("a", 1): (10, 1), ("a", 2): (10, 2), ("a", 3): (12, 1), ("c", 1): (1, 1)}
    assert sorted(changed_sites(before, now)) == [("a", 2, 10, 2), ("a", 3, 12, 1), ("b", 1, 0, 0), ("c", 1, 1, 1)]
    assert changed_sites(now, now) == []


def test_a_module_is_no_heap() -> None:
    """Counting needs nothing but hashes: any hashable thing may be counted."""
    module = types.ModuleType("m")
    assert count_equal([module, module]) == {module: 2}
