"""Declare scenarios of the corpus together with their truth. Standard library only.

Each scenario is a function with one of the decorators below, which leave a frozen ``Scenario`` with the fields of an eval in
the module. So ``python -m otel_memeval benchmarks/corpus/leaks_python.py:keep_1_kib`` measures it, and the benchmark reads
the truth from the same record. The leaking line has the comment ``# <- leak``, so that it cannot drift.
"""

from __future__ import annotations

import inspect
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["leak", "clean", "creep", "bounded"]
Channel = Literal[
    "traced", "c-heap", "process", "file_descriptors", "sockets", "threads", "tasks", "child_processes", "child_memory"
]
Function = Callable[[], object]

MARK = "# <- leak"
SEED_VARIABLE = "MEMEVAL_CORPUS_SEED"


def seeded() -> random.Random:
    """Return random numbers that are the same in all runs with the same ``MEMEVAL_CORPUS_SEED`` (default 1)."""
    return random.Random(int(os.environ.get(SEED_VARIABLE, "1")))


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A function with its truth; the fields of an eval come first."""

    func: Function
    """Function of one iteration."""
    name: str
    setup: Function | None = None
    teardown: Function | None = None
    num_iterations: int = 20
    warmup_runs: int = 3

    kind: Kind
    channel: Channel = "traced"
    """Memory that grows: Python's traced heap, the C heap, or only the process; or another resource, or the memory of
    children."""
    bytes_per_iteration: float | None = None
    """Growth of a leak, or of the peak for creep, in the long run; None where no single number is true. The
    number of resources where the channel is one."""
    tolerance: float = 0.05
    """Part of ``bytes_per_iteration`` by which a right answer may differ from it."""
    holder: str = ""
    """Start of the path of the container, after the name of the module and a dot; empty where no container holds it."""
    aliases: tuple[str, ...] = ()
    """Other paths that lead to the same container."""
    where: tuple[Callable[..., object], ...] = ()
    """Other functions that may have the mark."""
    least_iterations: int = 20
    """Iterations below which no verdict is expected."""
    idle: bool = False
    """``idle`` is a right verdict."""

    def lines(self) -> frozenset[int]:
        """Return the leaking lines: a person could act on each of them."""
        found: set[int] = set()
        for function in (self.func, *self.where):
            source, first = inspect.getsourcelines(function)
            found.update(first + offset for offset, line in enumerate(source) if MARK in line)
        return frozenset(found)

    @property
    def file(self) -> str:
        """Return the name of the file with the function."""
        return os.path.basename(inspect.getsourcefile(self.func) or "")

    @property
    def module(self) -> str:
        """Return the name of the module when its file is the target."""
        return self.file.removesuffix(".py")


def leak(
    bytes_per_iteration: float | None,
    holder: str = "",
    *,
    channel: Channel = "traced",
    tolerance: float = 0.05,
    setup: Function | None = None,
    teardown: Function | None = None,
    where: tuple[Callable[..., object], ...] = (),
    aliases: tuple[str, ...] = (),
    least_iterations: int = 20,
) -> Callable[[Function], Scenario]:
    """Declare a scenario that keeps more with every iteration, or every few."""
    return lambda func: Scenario(
        func=func,
        name=func.__name__,
        kind="leak",
        bytes_per_iteration=bytes_per_iteration,
        holder=holder,
        channel=channel,
        tolerance=tolerance,
        setup=setup,
        teardown=teardown,
        where=where,
        aliases=aliases,
        least_iterations=least_iterations,
    )


def clean(
    *, setup: Function | None = None, teardown: Function | None = None, idle: bool = False
) -> Callable[[Function], Scenario]:
    """Declare a scenario that keeps nothing, or stops keeping more."""
    return lambda func: Scenario(func=func, name=func.__name__, kind="clean", setup=setup, teardown=teardown, idle=idle)


def bounded(holder: str = "", *, setup: Function | None = None) -> Callable[[Function], Scenario]:
    """Declare a scenario that fills a container with a bound."""
    return lambda func: Scenario(func=func, name=func.__name__, kind="bounded", holder=holder, setup=setup)


def creep(
    bytes_per_iteration: float | None,
    *,
    tolerance: float = 0.05,
    setup: Function | None = None,
    teardown: Function | None = None,
) -> Callable[[Function], Scenario]:
    """Declare a scenario that keeps nothing and has a growing peak."""
    return lambda func: Scenario(
        func=func,
        name=func.__name__,
        kind="creep",
        bytes_per_iteration=bytes_per_iteration,
        tolerance=tolerance,
        setup=setup,
        teardown=teardown,
    )
