"""The traced heap, by line."""

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
def test_counts_are_those_of_a_counter(items: list[Any]) -> None:
    """Counts and their order are those of ``Counter``, for a list and for an iterator."""
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
def test_malloc_adds_a_header_and_rounds_up(size: int, taken: int) -> None:
    """Sizes of glibc's chunks on both sides of each step: 16 bytes below the mapping threshold, pages above it."""
    assert malloc_bytes(size) == taken


FRAMES = st.tuples(st.sampled_from(["a.py", "b.py", "own.py"]), st.integers(1, 4))
SIZES = st.integers(0, 300) | st.sampled_from([511, 512, 513, 131_071, 131_072]) | st.integers(0, 1 << 33)


@given(st.lists(st.tuples(SIZES, st.lists(FRAMES, min_size=1, max_size=3), st.integers(1, 3) | st.integers(995, 1005))))
@settings(deadline=None, max_examples=150)
def test_sums_are_those_of_a_snapshot(blocks: list[tuple[int, list[tuple[str, int]], int]]) -> None:
    """Sites are those of ``Snapshot.statistics``, and the part of the C heap is the sum over all blocks, for any traces."""
    traces = [(0, size, tuple(frames), len(frames)) for size, frames, times in blocks for _ in range(times)]
    statistics = tracemalloc.Snapshot(traces, 1).statistics("lineno")
    theirs = {(row.traceback[0].filename, row.traceback[0].lineno): (row.size, row.count) for row in statistics}
    theirs = {site: live for site, live in theirs.items() if site[0] != "own.py"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heap, "_get_traces", lambda: list(traces))
        reading = read_heap(lambda file: file == "own.py")
    assert reading.sites == theirs
    assert reading.retained_bytes == sum(size for size, _ in theirs.values())
    assert reading.retained_blocks == sum(count for _, count in theirs.values())
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
    [row.traceback[0].filename, row.traceback[0].lineno, row.size, row.count] for row in snapshot.statistics("lineno")
)
print(json.dumps({"now": now, "same": same, "without": without, "theirs": theirs}))
"""


def test_heap_is_that_of_tracemalloc(run_python: Callable[..., Any]) -> None:
    """Bytes and blocks of each line are those of ``Snapshot.statistics("lineno")`` for the same traces of a large heap.

    For the live heap a moment later, that is true of the lines whose objects the program keeps; others change, because a
    snapshot reuses objects in the interpreter's free lists.
    """
    output = json.loads(run_python(PROGRAM).stdout)
    assert output["same"] == output["theirs"]
    assert len(output["same"]) > 50
    kept = [row for row in output["theirs"] if row[0] == "other.py" or (row[0] == "<string>" and row[1] in (8, 9, 10))]
    assert len(kept) == 4
    assert [row for row in output["now"] if row in kept] == kept


def test_only_own_files_are_left_out(run_python: Callable[..., Any]) -> None:
    """An own file is missing in the sites and in the sums, and no other file is."""
    output = json.loads(run_python(PROGRAM).stdout)
    (removed,) = [row for row in output["same"] if row not in output["without"]]
    assert removed[:2] == ["other.py", 1]
    assert removed[3] >= 101
    assert len(output["without"]) == len(output["same"]) - 1


def test_only_changed_sites_are_returned() -> None:
    """A line is returned if its bytes or blocks changed, and with zeros if it is gone."""
    before = {("a", 1): (10, 1), ("a", 2): (10, 1), ("a", 3): (10, 1), ("b", 1): (5, 5)}
    now = {("a", 1): (10, 1), ("a", 2): (10, 2), ("a", 3): (12, 1), ("c", 1): (1, 1)}
    assert sorted(changed_sites(before, now)) == [("a", 2, 10, 2), ("a", 3, 12, 1), ("b", 1, 0, 0), ("c", 1, 1, 1)]
    assert changed_sites(now, now) == []


def test_any_hashable_object_is_counted() -> None:
    """Counting needs the hash of an object and nothing else."""
    module = types.ModuleType("m")
    assert count_equal([module, module]) == {module: 2}
