"""Compare two tracemalloc snapshots by line, before and after the iterations: the naive way.

Flagged if the line that grew most has grown by at least 1 byte per iteration and is not in tracemalloc itself.
"""

from __future__ import annotations

import gc
import tracemalloc

from benchmarks.tools.answer import ToolAnswer, caller, job, print_answer


def main() -> None:
    """Measure and answer."""
    task = job()
    call = caller(task.scenario)
    tracemalloc.start()
    for _ in range(task.warmup):
        call()
    gc.collect()
    before = tracemalloc.take_snapshot()
    for _ in range(task.iterations):
        call()
    gc.collect()
    after = tracemalloc.take_snapshot()
    ours = tracemalloc.Filter(False, tracemalloc.__file__)
    differences = after.filter_traces((ours,)).compare_to(before.filter_traces((ours,)), "lineno")
    differences.sort(key=lambda difference: -difference.size_diff)
    if not differences:
        print_answer(ToolAnswer(flagged=False))
        return
    first = differences[0]
    frame = first.traceback[0]
    print_answer(
        ToolAnswer(
            flagged=first.size_diff >= task.iterations,
            detail=str(first),
            file=frame.filename,
            line=frame.lineno,
            bytes_per_iteration=first.size_diff / task.iterations,
        )
    )


if __name__ == "__main__":
    main()
