"""What a tool answers about a scenario, and how a tool's program calls the scenario. Standard library only."""

from __future__ import annotations

import asyncio
import importlib
import json
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from benchmarks.corpus.ground import Scenario

MOST_MEMORY_BYTES = 6 << 30
"""A tool that calls a leak thousands of times must not take the machine with it."""

PREFIX = "answer: "


@dataclass(frozen=True)
class Answer:
    """``flagged``: would its user read this as a leak (or creep)? ``lines``: the first place that it names."""

    flagged: bool
    detail: str = ""
    file: str = ""
    line: int = 0
    bytes_per_iteration: float | None = None
    seconds: float = 0.0
    extra: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """What a tool's program is asked to do."""

    scenario: Scenario
    iterations: int
    warmup: int


def job() -> Job:
    """The job on the command line; the scenario's module is imported."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    module, name, iterations, warmup = sys.argv[1:5]
    scenario = getattr(importlib.import_module(f"benchmarks.corpus.{module}"), name)
    return Job(scenario, int(iterations), int(warmup))


def tell(answer: Answer) -> None:
    """Print the answer, as the last line."""
    print(f"\n{PREFIX}{json.dumps(asdict(answer))}", flush=True)


def heard(output: str) -> Answer | None:
    """The answer in what a program printed."""
    lines = [line for line in output.splitlines() if line.startswith(PREFIX)]
    return Answer(**json.loads(lines[-1].removeprefix(PREFIX))) if lines else None


def caller(scenario: Scenario) -> Callable[[], None]:
    """A plain function that runs one iteration; an async one in an event loop of its own that stays open.

    Set-up is done here.
    """
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
