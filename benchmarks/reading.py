"""Measure the cost of a reading: ``python -m benchmarks.reading [--blocks 10000,100000,1000000]``.

The standard way on the same heap in the same process is ``tracemalloc.take_snapshot()`` and ``compare_to(..., "lineno")``
with the snapshot before. ``read_heap`` reads only the traces; ``MemoryReader.read`` is all that the worker does between two
iterations: it also collects garbage, measures all containers, and reads the C heap and the process. ``_get_traces`` is the
floor: the only way of the standard library to get the traces, which are made and freed unread. Each figure is processor
time of this thread, the least of several; each heap is built in a fresh process. Targets: at most 1/5 at 100,000 live
blocks, 1/10 at a million.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import subprocess
import sys
import time
import tracemalloc
from _tracemalloc import _get_traces
from collections.abc import Callable

from benchmarks.tool_runs import ROOT

SHAPES = ("texts", "messages", "objects", "one-line", "random-sizes")
WAYS = ("floor", "heap", "reading")
TIMES = 3
LINES = 400
"""Lines that allocate in ``objects``."""


class Thing:
    """An object with two attributes in slots."""

    __slots__ = ("name", "size")

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size


def _texts(blocks: int) -> list[object]:
    return [f"document {number}" for number in range(blocks)]


def _messages(blocks: int) -> list[object]:
    # Six blocks: a dict, the table of its keys, a list, its items, the text, the number.
    return [{"role": "user", "content": [f"text {number}"], "number": number + 1000} for number in range(blocks // 6)]


def _objects(blocks: int) -> list[object]:
    lines = "\n".join(f"def make_{line}(number): return Thing('name %d' % number, number + 1000)" for line in range(LINES))
    names: dict[str, object] = {"Thing": Thing}
    exec(compile(lines, "many_lines.py", "exec"), names)  # noqa: S102 - the lines stand above
    makers: list[Callable[[int], object]] = [names[f"make_{line}"] for line in range(LINES)]  # type: ignore[misc]
    return [makers[number % LINES](number) for number in range(blocks // 3)]


def _one_line(blocks: int) -> list[object]:
    return [object() for _ in range(blocks)]


def _random_sizes(blocks: int) -> list[object]:
    numbers = random.Random(1)
    return [bytes(numbers.randint(1, 3_000)) for _ in range(blocks)]


_BUILD = {
    "texts": _texts,
    "messages": _messages,
    "objects": _objects,
    "one-line": _one_line,
    "random-sizes": _random_sizes,
}


def _nothing(_: str) -> bool:
    """Return that no file is the tool's own."""
    return False


def _least(function: Callable[[], object], times: int = TIMES) -> float:
    least = float("inf")
    for _ in range(times):
        start = time.thread_time()
        function()
        least = min(least, time.thread_time() - start)
    return least


def measure(shape: str, blocks: int) -> dict[str, float]:
    """Build the heap in this process and return the times in seconds."""
    from otel_memeval.worker.memory.frozen_heap import FrozenHeap
    from otel_memeval.worker.memory.heap import read_heap
    from otel_memeval.worker.memory.process_memory import ProcessReader
    from otel_memeval.worker.memory.reading import MemoryReader

    reader = MemoryReader(_nothing, ProcessReader(), FrozenHeap())
    reader.start()
    kept = _BUILD[shape](blocks)
    reader.read_first()
    snapshots = [tracemalloc.take_snapshot()]

    def standard() -> None:
        now = tracemalloc.take_snapshot()
        now.compare_to(snapshots[0], "lineno")
        snapshots[0] = now

    compare = _least(standard, 2)
    snapshots.clear()
    gc.collect()
    gc.disable()
    heap = _least(lambda: read_heap(_nothing))
    floor = _least(_get_traces)
    gc.enable()
    reading = _least(lambda: reader.read())
    live = read_heap(_nothing).retained_blocks
    del kept
    return {"blocks": live, "compare": compare, "floor": floor, "heap": heap, "reading": reading}


def main() -> None:
    """Measure each heap in a process of its own and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--blocks", default="10000,100000,1000000", metavar="LIST")
    parser.add_argument("--shapes", default=",".join(SHAPES), metavar="LIST")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure[0], int(arguments.measure[1]))))
        return
    print("| heap         | live blocks | snapshot + compare_to | _get_traces      | read_heap        | MemoryReader.read |")
    print("|--------------|-------------|-----------------------|------------------|------------------|-------------------|")
    for blocks in arguments.blocks.split(","):
        for shape in arguments.shapes.split(","):
            command = [sys.executable, "-m", "benchmarks.reading", "--measure", shape, blocks]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
            times = json.loads(done.stdout)
            compare = times["compare"]
            ours = " | ".join(f"{times[way] * 1000:6.0f} ms 1/{compare / times[way]:<4.1f}" for way in WAYS)
            print(
                f"| {shape:12} | {times['blocks']:11,} | {compare * 1000:18,.0f} ms | {ours} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
