"""How a scenario of the corpus tells the truth about itself. Standard library only.

Each scenario is a function under one of the decorators below. What is left in the module is a frozen ``Scenario`` with the
fields of an eval, so ``python -m otel_memeval benchmarks/corpus/leaks_python.py:keep_1_kib`` measures it, and the benchmark
reads the truth off the same record. The true line carries the comment ``# <- leak``, so that it cannot drift.
"""

from __future__ import annotations

import inspect
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["leak", "clean", "creep", "bounded"]
Channel = Literal["traced", "c-heap", "process"]
Function = Callable[[], object]

MARK = "# <- leak"
SEED_VARIABLE = "MEMEVAL_CORPUS_SEED"


def seeded() -> random.Random:
    """Random numbers that are the same in every run with the same ``MEMEVAL_CORPUS_SEED`` (default 1)."""
    return random.Random(int(os.environ.get(SEED_VARIABLE, "1")))


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One function with its truth. The fields of an eval come first."""

    func: Function
    """What one iteration calls."""
    name: str
    setup: Function | None = None
    teardown: Function | None = None
    num_iterations: int = 20
    warmup_runs: int = 3

    kind: Kind
    channel: Channel = "traced"
    """Where the growth shows: in Python's own heap, in malloc's, or only in the process."""
    bytes_per_iteration: float | None = None
    """What the leak keeps (creep: what the peak gains) in the long run; None where no single number is true."""
    tolerance: float = 0.05
    """How far, as a part of it, a right answer may be from ``bytes_per_iteration``."""
    holder: str = ""
    """How the path of the container begins, after the module's name and a dot; empty where no container holds it."""
    aliases: tuple[str, ...] = ()
    """Other paths that lead to the same container."""
    where: tuple[Callable[..., object], ...] = ()
    """Other functions that may carry the mark."""
    least_iterations: int = 20
    """Fewer than this many iterations cannot tell."""
    idle: bool = False
    """Whether ``idle`` would be a right verdict."""

    def lines(self) -> frozenset[int]:
        """The true lines: each stands for an answer that a person could act on."""
        found: set[int] = set()
        for function in (self.func, *self.where):
            source, first = inspect.getsourcelines(function)
            found.update(first + offset for offset, line in enumerate(source) if MARK in line)
        return frozenset(found)

    @property
    def file(self) -> str:
        """The file that the function stands in, without its folder."""
        return os.path.basename(inspect.getsourcefile(self.func) or "")

    @property
    def module(self) -> str:
        """The module's name as it is when the file is named by its path."""
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
    """Keeps more with every iteration, or every few."""
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
    """Keeps nothing, or stops keeping more."""
    return lambda func: Scenario(func=func, name=func.__name__, kind="clean", setup=setup, teardown=teardown, idle=idle)


def bounded(holder: str = "", *, setup: Function | None = None) -> Callable[[Function], Scenario]:
    """Fills a container that says, or shows, where it ends."""
    return lambda func: Scenario(func=func, name=func.__name__, kind="bounded", holder=holder, setup=setup)


def creep(
    bytes_per_iteration: float | None,
    *,
    tolerance: float = 0.05,
    setup: Function | None = None,
    teardown: Function | None = None,
) -> Callable[[Function], Scenario]:
    """Keeps nothing and needs more at its peak each time."""
    return lambda func: Scenario(
        func=func,
        name=func.__name__,
        kind="creep",
        bytes_per_iteration=bytes_per_iteration,
        tolerance=tolerance,
        setup=setup,
        teardown=teardown,
    )
