"""Measure the cost of a reading: ``python -m benchmarks.reading [--blocks LIST] [--imports LIST] [--python PATH]``.

The standard way on the same heap in the same process is ``tracemalloc.take_snapshot()`` and ``compare_to(..., "lineno")``
with the snapshot before. ``read_heap`` reads only the traces; ``MemoryReader.read`` is all that the worker does between two
iterations: it also collects garbage, measures all containers, and reads the C heap and the process. ``_get_traces`` is the
floor: the only way of the standard library to get the traces, which are made and freed unread. Each figure is processor
time of this thread, the least of several; each heap is built in a fresh process. One object is kept before each reading.
Targets at a million blocks: ``read_heap`` at most 1.15 of ``_get_traces``, a whole reading at most 1.3 of it.

The second table has large processes: packages that are imported (``--imports``, with ``--python`` that of an environment
which has them), and 2.5 million objects that were made before set-up or in set-up. Each line has the first reading, which
freezes the heap, and the least and the mean of 20 readings, before each of which a text of 1,000 characters was kept or
nothing. Targets: at most 0.1 s with pydantic-ai and agno imported, 0.15 s and 0.5 s with 2.5 million objects.
"""

from __future__ import annotations

import argparse
import array
import gc
import importlib
import json
import random
import statistics
import subprocess
import sys
import time
import tracemalloc
from _tracemalloc import _get_traces
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_memeval.worker.memory.reading import MemoryReader

ROOT = Path(__file__).resolve().parents[1]

SHAPES = ("texts", "messages", "objects", "one-line", "random-sizes")
WAYS = ("floor", "heap", "reading")
TIMES = 3
READINGS = 20
OBJECTS = 2_500_000
IMPORTS = "agno.agent,agno.models.openai,agno.db.sqlite,pydantic_ai,pydantic_ai.models.openai,sqlalchemy"
LINES = 400
"""Lines that allocate in ``objects``."""


class Thing:
    """An object with two attributes in slots."""

    __slots__ = ("name", "size")

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size


class Record:
    """An object with attributes, a list and a dict."""

    def __init__(self, number: int) -> None:
        self.name = f"record {number}"
        self.parts: list[object] = [number]
        self.more = {"number": number}


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
    from otel_memeval.worker.memory.heap import read_heap

    reader = _reader()
    reader.start()
    kept = _BUILD[shape](blocks)
    reader.read_first()
    snapshots = [tracemalloc.take_snapshot()]

    def standard() -> None:
        now = tracemalloc.take_snapshot()
        now.compare_to(snapshots[0], "lineno")
        snapshots[0] = now

    def read() -> None:
        kept.append(object())
        reader.read()

    compare = _least(standard, 2)
    snapshots.clear()
    gc.collect()
    gc.disable()
    heap = _least(lambda: read_heap(_nothing))
    floor = _least(_get_traces)
    gc.enable()
    reading = _least(read)
    live = read_heap(_nothing).retained_blocks
    return {"blocks": live, "compare": compare, "floor": floor, "heap": heap, "reading": reading}


def measure_large(kind: str, imports: str) -> dict[str, float]:
    """Make a large process of this one and return the times of its readings in seconds."""
    kept = []
    if kind == "imported":
        for name in imports.split(","):
            importlib.import_module(name)
    reader = _reader()
    reader.prime()
    if kind == "before":
        kept += _objects_of_a_program(OBJECTS)
    reader.start()
    if kind == "set-up":
        kept += _objects_of_a_program(OBJECTS)
    objects = len(gc.get_objects())
    times: dict[str, float] = {"objects": objects, "first": _least(reader.read_first, 1)}
    for name, text in (("nothing", ""), ("text", "x" * 1000)):
        seconds = array.array("d", bytes(8 * READINGS))  # keeps no object for a number
        for number in range(READINGS):
            if text:
                kept.append(f"{text}{number}")
            seconds[number] = _least(reader.read, 1)
        times |= {f"least_{name}": min(seconds), f"mean_{name}": statistics.fmean(seconds)}
    return times


def _objects_of_a_program(count: int) -> list[object]:
    """Return objects as programs have them: half of those that the garbage collector knows are containers."""
    return [Record(number) for number in range(count // 2)]


def _reader() -> MemoryReader:
    from otel_memeval.worker.memory.frozen_heap import FrozenHeap
    from otel_memeval.worker.memory.process_memory import ProcessReader
    from otel_memeval.worker.memory.reading import MemoryReader

    return MemoryReader(lambda file: "/otel_memeval/" in file, ProcessReader(), FrozenHeap())


def _in_a_process(python: str, *arguments: str) -> dict[str, float]:
    command = [python, "-m", "benchmarks.reading", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=True)
    times: dict[str, float] = json.loads(done.stdout)
    return times


def main() -> None:
    """Measure each heap in a process of its own and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--blocks", default="10000,100000,1000000", metavar="LIST")
    parser.add_argument("--shapes", default=",".join(SHAPES), metavar="LIST")
    parser.add_argument("--kinds", default="imported,before,set-up", metavar="LIST", help="large processes")
    parser.add_argument("--imports", default=IMPORTS, metavar="LIST", help="modules of the imported heap")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="interpreter that has these modules")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--measure-large", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure[0], int(arguments.measure[1]))))
        return
    if arguments.measure_large:
        print(json.dumps(measure_large(*arguments.measure_large)))
        return
    _print_shapes(arguments.blocks.split(","), arguments.shapes.split(","))
    _print_large(arguments.kinds.split(","), arguments.imports, arguments.python)


def _print_shapes(sizes: list[str], shapes: list[str]) -> None:
    names = f"{'_get_traces':16} | {'read_heap, of it':21} | {'reading, of it':21}"
    print(f"| heap         | live blocks | snapshot + compare_to | {names} |")
    print(f"|--------------|-------------|-----------------------|{'-' * 18}|{'-' * 23}|{'-' * 23}|")
    for blocks in filter(None, sizes):
        for shape in shapes:
            times = _in_a_process(sys.executable, "--measure", shape, blocks)
            compare, floor = times["compare"], times["floor"]
            cells = [f"{times[way] * 1000:6,.0f} ms 1/{compare / times[way]:<4.1f}" for way in WAYS]
            cells = [cells[0], *(f"{cell} {times[way] / floor:4.2f}" for cell, way in zip(cells[1:], WAYS[1:]))]
            print(f"| {shape:12} | {times['blocks']:11,} | {compare * 1000:18,.0f} ms | {' | '.join(cells)} |", flush=True)
    print()


def _print_large(kinds: list[str], imports: str, python: str) -> None:
    print("| large process | objects   | first reading | nothing kept: least, mean | a text kept: least, mean |")
    print("|---------------|-----------|---------------|---------------------------|--------------------------|")
    for kind in filter(None, kinds):
        times = _in_a_process(python if kind == "imported" else sys.executable, "--measure-large", kind, imports)
        least, mean, least_text, mean_text = (
            f"{times[f'{which}_{name}'] * 1000:,.0f} ms" for name in ("nothing", "text") for which in ("least", "mean")
        )
        first = f"{times['first'] * 1000:,.0f} ms"
        print(
            f"| {kind:13} | {times['objects']:9,} | {first:>13} "
            f"| {least:>11}, {mean:>12} | {least_text:>11}, {mean_text:>11} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
