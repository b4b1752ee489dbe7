"""Measure the memory that scenarios keep without this tool: ``python -m benchmarks.truth [PATTERN]``.

Each leak runs 420 iterations in a fresh process. Its growth is the difference between the end and iteration 20: traced bytes
for Python's heap, glibc's own count for the C heap, unique resident memory for the process. Prints it beside the bytes that
the scenario declares.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc

from benchmarks.registry import scenarios, target_name
from benchmarks.tool_runs import ROOT
from benchmarks.tools.answer import ToolAnswer, caller, job, parse_answer, print_answer

FROM, TO = 20, 420


def _levels() -> tuple[int, int, int]:
    import psutil

    gc.collect()
    heap = psutil.heap_info()
    c_heap = heap.heap_used + heap.mmap_used - tracemalloc.get_tracemalloc_memory()
    return tracemalloc.get_traced_memory()[0], c_heap, psutil.Process().memory_full_info().uss


def _measure() -> None:
    task = job()
    call = caller(task.scenario)
    tracemalloc.start()
    for _ in range(FROM):
        call()
    before = _levels()
    for _ in range(TO - FROM):
        call()
    traced, c_heap, process = ((now - then) / (TO - FROM) for now, then in zip(_levels(), before))
    print_answer(ToolAnswer(flagged=True, extra={"traced": traced, "c-heap": c_heap, "process": process}))


def main() -> None:
    """Measure each leak that matches in a process of its own."""
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    print(f"{'scenario':44}{'declared':>12}{'traced':>12}{'C heap':>12}{'process':>12}")
    environment = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
    for scenario in scenarios(pattern):
        if scenario.kind != "leak":
            continue
        command = [sys.executable, "-m", "benchmarks.truth", scenario.module, scenario.name, "0", "0"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
        answer = parse_answer(done.stdout)
        if answer is None:
            print(f"{target_name(scenario):44} failed: {done.stderr.strip().splitlines()[-1:]}")
            continue
        declared = "-" if scenario.bytes_per_iteration is None else f"{scenario.bytes_per_iteration:.0f}"
        measured = (float(str(answer.extra[channel])) for channel in ("traced", "c-heap", "process"))
        print(f"{target_name(scenario):44}{declared:>12}" + "".join(f"{value:12.0f}" for value in measured), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        _measure()
    else:
        main()
