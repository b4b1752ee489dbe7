"""Measure the time from the last iteration to the report: ``python -m benchmarks.follow_up [NAME...]``.

Each scenario runs in an environment of its own (kept in the user's cache, or ``--envs DIR``), with the local model server.
Each figure is processor time: of the processes that the tool starts, and of the tool's own process. Target: at most 5 s each
for both together.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.frameworks.environments import environment
from benchmarks.frameworks.frameworks import FOLLOWED_UP
from benchmarks.frameworks.measure import variables
from benchmarks.packages.environments import default_folder
from otel_memeval.config import for_measuring
from otel_memeval.records import Iteration, Result
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.run.worker_run import run_eval
from scenarios.services.launch import EmbeddedServices

WARMUP = 3
NAMES = tuple(framework.name for framework in FOLLOWED_UP)


def children_cpu_seconds() -> float:
    """Return the processor time of all processes that this one has started, those that live included."""
    ticks = 0
    for thread in Path("/proc/self/task").iterdir():
        for child in (thread / "children").read_text(encoding="ascii").split():
            fields = Path("/proc", child, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ticks / os.sysconf("SC_CLK_TCK") + ended.ru_utime + ended.ru_stime


class _LastIteration(Observer):
    """Notes the times at the end of the last iteration."""

    def __init__(self) -> None:
        self.wall_seconds = self.own_cpu_seconds = self.children_cpu_seconds = 0.0

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:  # noqa: ARG002 - as a hook
        """Note the times."""
        self.wall_seconds, self.own_cpu_seconds = time.monotonic(), time.process_time()
        self.children_cpu_seconds = children_cpu_seconds()


def measure(scenario: Path, options: Options, environment_: Mapping[str, str]) -> tuple[Result, list[float]]:
    """Return the result of a run, with seconds from its last iteration on: worker's CPU, own CPU, wall time."""
    settings = msgspec.structs.replace(for_measuring(), environment=dict(environment_))
    last = _LastIteration()
    result = run_eval(str(scenario), "", options, last, settings).result()
    own, wall = time.process_time() - last.own_cpu_seconds, time.monotonic() - last.wall_seconds
    return result, [children_cpu_seconds() - last.children_cpu_seconds, own, wall]


def main() -> None:
    """Measure each scenario and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.follow_up", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(NAMES))
    parser.add_argument("--iterations", metavar="N", type=int, default=12)
    parser.add_argument("--envs", metavar="DIR", type=Path, default=default_folder().with_name("frameworks"))
    arguments = parser.parse_args()
    services = asyncio.run(EmbeddedServices.start(model_server=True, database=False))
    assert services.model_url is not None
    addresses = {"OPENAI_BASE_URL": services.model_url, "OPENAI_API_KEY": "no-key-needed", "NO_PROXY": "127.0.0.1"}
    print(f"Tool under Python {platform.python_version()}, {platform.platform()}\n")
    print("| scenario    | versions                              | verdict      | worker  | tool    | both    | wall time |")
    print("|-------------|---------------------------------------|--------------|---------|---------|---------|-----------|")
    try:
        for framework in FOLLOWED_UP:
            if arguments.names and framework.name not in arguments.names:
                continue
            python = environment(framework, arguments.envs.resolve())
            options = Options(iterations=arguments.iterations, warmup=WARMUP, python=str(python))
            with variables(addresses, traced=False) as environment_:
                result, (worker, own, wall) = measure(framework.path(), options, environment_)
            name = framework.pins[0].partition("==")[0].partition("[")[0]
            versions = f"Python {result.run.python}, {name} {result.run.packages.get(name, '?')}"
            seconds = f"{worker:5.1f} s | {own:5.1f} s | {worker + own:5.1f} s | {wall:7.1f} s"
            print(f"| {framework.name:11} | {versions:37} | {result.verdict.state:12} | {seconds} |", flush=True)
    finally:
        asyncio.run(services.stop())


if __name__ == "__main__":
    main()
