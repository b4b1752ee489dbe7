"""Measure the cost of measuring a realistic agent: ``python -m benchmarks.cost [--iterations N] [--python PATH]``.

An iteration of the team scenario (eight model requests, a database), untraced = 1.0, beside: tracemalloc alone with one
frame and with twenty-five, this tool with its readings (from the start of one iteration to the start of the next), agno's
``PerformanceEval`` with growth tracking, and memray with Python's allocators. Each has a process, model and database of its
own. The table has the median of the iterations, and the seconds from start to end, which include all work after the
iterations. ``--repeat`` runs all of them again and takes the least.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.tool_runs import ROOT

WARMUP = 3
TEAM = "scenarios.team"
LEAKY_TEAM = "scenarios.leaky_team"
OURS: dict[str, list[str]] = {
    "ours": [TEAM],
    "ours-traced": [TEAM, "--trace-scenario"],
    "leaky": [LEAKY_TEAM],
    "leaky-explain": [LEAKY_TEAM, "--explain"],
}
"""Rows of this tool, each with its target and options. An explanation is made only of growth, after the iterations."""

WAYS = ("untraced", "tracemalloc-1", "tracemalloc-25", *OURS, "agno", "memray")
NEEDS = {"agno": "agno", "memray": "memray"}


async def _timed(call: Callable[[], Awaitable[None]], iterations: int) -> list[float]:
    times = []
    for _ in range(iterations):
        start = time.perf_counter()
        await call()
        times.append(time.perf_counter() - start)
    return times


async def _agno(call: Callable[[], Awaitable[None]], iterations: int) -> list[float]:
    from agno.eval.performance import PerformanceEval  # type: ignore[import-not-found, unused-ignore]

    starts: list[float] = []

    async def marked() -> None:
        starts.append(time.perf_counter())
        await call()

    evaluation = PerformanceEval(
        func=marked,
        num_iterations=iterations,
        warmup_runs=0,
        measure_runtime=False,
        memory_growth_tracking=True,
        debug_mode=True,
        show_spinner=False,
        telemetry=False,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        await evaluation.arun()
    starts.append(time.perf_counter())
    return [after - before for before, after in pairwise(starts)]


async def _in_this_process(way: str, iterations: int) -> list[float]:
    from scenarios import team

    await team.setup()
    try:
        if way.startswith("tracemalloc"):
            tracemalloc.start(int(way.rpartition("-")[2]))
        for _ in range(WARMUP):
            await team.run_team()
        if way == "agno":
            return await _agno(team.run_team, iterations)
        if way == "memray":
            import memray  # type: ignore[import-not-found, unused-ignore]

            with (
                tempfile.TemporaryDirectory() as folder,
                memray.Tracker(Path(folder) / "out.bin", trace_python_allocators=True),
            ):
                return await _timed(team.run_team, iterations)
        return await _timed(team.run_team, iterations)
    finally:
        tracemalloc.stop()
        await team.teardown()


def _ours(arguments: list[str], iterations: int, python: str) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        command = [sys.executable, "-m", "otel_memeval", *arguments, "--iterations", str(iterations + 1)]
        command += [
            "--warmup",
            str(WARMUP),
            "--json",
            str(path),
            "--quiet",
            "--fail-on",
            "never",
            "--python",
            python,
        ]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=900)
        iterations_read = json.loads(path.read_bytes())["runs"][0]["iterations"]
    measured = [iteration for iteration in iterations_read if iteration["phase"] == "measured"]
    starts = [datetime.fromisoformat(iteration["started_at"]).timestamp() for iteration in measured]
    return [after - before for before, after in pairwise(starts)]


def _measure(way: str, iterations: int, python: str) -> list[float]:
    if way in OURS:
        return _ours(OURS[way], iterations, python)
    command = [python, "-m", "benchmarks.cost", "--child", way, "--iterations", str(iterations)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=900)
    times: list[float] = json.loads(done.stdout.splitlines()[-1])
    return times


def main() -> None:
    """Measure each way and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--iterations", type=int, default=20, metavar="N")
    parser.add_argument("--repeat", type=int, default=2, metavar="N")
    parser.add_argument("--ways", default=",".join(WAYS), metavar="LIST")
    parser.add_argument(
        "--python", default=sys.executable, metavar="PATH", help="interpreter with agno, memray and the team's packages"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(asyncio.run(_in_this_process(arguments.child, arguments.iterations))), flush=True)
        os._exit(0)
    ways = []
    for way in arguments.ways.split(","):
        code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({NEEDS.get(way, 'json')!r}) is None)"
        if subprocess.run([arguments.python, "-c", code], check=False).returncode:
            print(f"{way}: not available: {NEEDS[way]} is not installed for {Path(arguments.python).name}")
        else:
            ways.append(way)
    least: dict[str, float] = {}
    least_in_all: dict[str, float] = {}
    for _ in range(arguments.repeat):
        for way in ways:
            start = time.perf_counter()
            typical = median(_measure(way, arguments.iterations, arguments.python))
            in_all = time.perf_counter() - start
            least[way] = min(typical, least.get(way, typical))
            least_in_all[way] = min(in_all, least_in_all.get(way, in_all))
    base = least.get("untraced")
    print("| way            | per iteration | untraced = 1.0 | in all  |")
    print("|----------------|---------------|----------------|---------|")
    for way, seconds in least.items():
        ratio = f"{seconds / base:.2f}" if base else "-"
        print(f"| {way:14} | {seconds * 1000:10.1f} ms | {ratio:>14} | {least_in_all[way]:5.1f} s |")


if __name__ == "__main__":
    main()
