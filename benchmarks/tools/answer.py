"""Exchange jobs and answers with the program of a tool. Standard library only."""

from __future__ import annotations

import asyncio
import importlib
import json
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from benchmarks.corpus.ground import Scenario

MAX_MEMORY_BYTES = 6 << 30
"""Address space of a program: a tool that calls a leak thousands of times must not fill the machine."""

PREFIX = "answer: "


@dataclass(frozen=True)
class ToolAnswer:
    """The answer of a tool about a scenario; ``file`` and ``line`` are the first that it names."""

    flagged: bool
    """Whether a user would read the answer as a leak or creep."""
    detail: str = ""
    file: str = ""
    line: int = 0
    bytes_per_iteration: float | None = None
    seconds: float = 0.0
    extra: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """The job of the program of a tool."""

    scenario: Scenario
    iterations: int
    warmup: int


def job() -> Job:
    """Return the job on the command line, after importing the module of the scenario."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    module, name, iterations, warmup = sys.argv[1:5]
    scenario = getattr(importlib.import_module(f"benchmarks.corpus.{module}"), name)
    return Job(scenario, int(iterations), int(warmup))


def print_answer(answer: ToolAnswer) -> None:
    """Print the answer as the last line."""
    print(f"\n{PREFIX}{json.dumps(asdict(answer))}", flush=True)


def parse_answer(output: str) -> ToolAnswer | None:
    """Return the last answer in the output of a program; None if there is none."""
    lines = [line for line in output.splitlines() if line.startswith(PREFIX)]
    return ToolAnswer(**json.loads(lines[-1].removeprefix(PREFIX))) if lines else None


def caller(scenario: Scenario) -> Callable[[], None]:
    """Set the scenario up and return a function that runs one iteration; an async one in an event loop that stays open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    def run(function: Callable[[], object]) -> None:
        if asyncio.iscoroutinefunction(function):
            loop.run_until_complete(function())
        else:
            function()

    if scenario.setup is not None:
        run(scenario.setup)
    return lambda: run(scenario.func)
