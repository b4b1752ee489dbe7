"""Measure a run of 1,000 short iterations: ``python -m benchmarks.many_iterations [--python PATH] [--iterations N]``.

One iteration makes an agno ``Agent`` and drops it, as agno's own evals do. The table has the processor time of the command
with all its processes, the time from start to end, and k, where memory was read after every k-th iteration; beside it a
function that does nothing, and agno's ``PerformanceEval`` with growth tracking, which calls the function N times for the
runtime and N times for the memory. ``PATH``: an interpreter with agno.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCENARIOS = {
    "nothing": "def run():\n    pass\n",
    "agno.Agent": "from agno.agent import Agent\ndef run():\n    return Agent(name='assistant', instructions='Be brief.')\n",
}

OF_AGNO = """
from agno.eval.performance import PerformanceEval
from scenario import run
PerformanceEval(
    func=run, num_iterations={iterations}, warmup_runs=3, memory_growth_tracking=True, debug_mode=True, show_spinner=False,
    telemetry=False,
).run()
"""


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _timed(command: list[str], folder: str) -> tuple[float, float]:
    """Return processor time and time of a command, in seconds."""
    start, before = time.perf_counter(), _cpu_seconds()
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=1800)
    return _cpu_seconds() - before, time.perf_counter() - start


def _row(name: str, cpu_seconds: float, seconds: float, interval: str, verdict: str) -> str:
    return f"| {name:24} | {cpu_seconds:11.1f} s | {seconds:8.1f} s | {interval:>4} | {verdict:8} |"


def _ours(name: str, source: str, iterations: int, python: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "scenario.py").write_text(source, encoding="utf-8")
        command = [sys.executable, "-m", "otel_memeval", "scenario.py", "--iterations", str(iterations)]
        command += ["--warmup", "3", "--fail-on", "never", "--python", python, "--json", "result.json"]
        cpu_seconds, seconds = _timed(command, folder)
        run = json.loads(Path(folder, "result.json").read_bytes())["runs"][0]
    return _row(f"ours, {name}", cpu_seconds, seconds, str(run["run"]["readings_every"]), run["verdict"]["state"])


def _agno(iterations: int, python: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "scenario.py").write_text(SCENARIOS["agno.Agent"], encoding="utf-8")
        Path(folder, "eval.py").write_text(OF_AGNO.format(iterations=iterations), encoding="utf-8")
        cpu_seconds, seconds = _timed([python, "eval.py"], folder)
    return _row("agno's eval, agno.Agent", cpu_seconds, seconds, "-", "-")


def main() -> None:
    """Run each of them and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.many_iterations", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--iterations", type=int, default=1000, metavar="N")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="interpreter with agno")
    arguments = parser.parse_args()
    heading = f"{arguments.iterations:,} iterations"
    print(f"| {heading:24} | processor     | in all     | k    | verdict  |")
    print("|--------------------------|---------------|------------|------|----------|")
    for name, source in SCENARIOS.items():
        print(_ours(name, source, arguments.iterations, arguments.python), flush=True)
    print(_agno(arguments.iterations, arguments.python), flush=True)


if __name__ == "__main__":
    main()
