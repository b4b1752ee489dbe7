"""Measure the memory of the team in a separate process: ``python -m tests.scenarios.team_memory flat|leaky`` prints JSON.

In the process of the tests, servers and threads of other tests would change the memory.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import itertools
import json
import sys
import tracemalloc
from collections.abc import Awaitable, Callable

from otel_memeval.worker.iterate import run_what_is_ready
from scenarios import leaky_team, team

FIRST, LAST = 10, 30
"""Iterations after which the retained memory is read."""


def iterate(function: Callable[[], Awaitable[None]], between: Callable[[], None], iterations: int) -> None:
    """Set up, call, and tear down in one event loop; ``between`` is called after every iteration, once nothing is ready."""

    async def main() -> None:
        await team.setup()
        try:
            for _ in range(iterations):
                await function()
                await run_what_is_ready()
                between()
        finally:
            await team.teardown()

    asyncio.run(main())


def settle() -> None:
    """Collect garbage, and clear the interpreter's cache of attribute lookups, which keeps up to 4096 strings."""
    clear_caches: Callable[[], None] = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache
    clear_caches()
    while gc.collect():
        pass


def flat() -> dict[str, int]:
    """Return how many more bytes and objects the team has after iteration ``LAST`` than after ``FIRST``."""
    numbers = itertools.count(1)
    read: dict[int, tuple[int, int]] = {}

    def between() -> None:
        # Settling takes as long as an iteration, so it is done only before a reading.
        if (number := next(numbers)) in (FIRST, LAST):
            settle()
            read[number] = (tracemalloc.get_traced_memory()[0], len(gc.get_objects()))

    iterate(team.run_team, between, LAST)
    return {"bytes": read[LAST][0] - read[FIRST][0], "objects": read[LAST][1] - read[FIRST][1]}


def leaky() -> list[list[tuple[str, int, int]]]:
    """Return the two lines that grew most in each iteration except the first: file, line, bytes."""
    snapshots: list[tracemalloc.Snapshot] = []

    def between() -> None:
        settle()
        snapshots.append(tracemalloc.take_snapshot())

    iterate(leaky_team.run_team, between, 4)
    assert len(leaky_team.SESSIONS) == 4
    grown = []
    for before, after in itertools.pairwise(snapshots[1:]):
        grown_lines = [
            stat for stat in after.compare_to(before, "lineno") if stat.traceback[0].filename != tracemalloc.__file__
        ]
        worst = sorted(grown_lines, key=lambda stat: stat.size_diff, reverse=True)[:2]
        grown.append([(stat.traceback[0].filename, stat.traceback[0].lineno, stat.size_diff) for stat in worst])
    return grown


def buggy_line() -> tuple[str, int]:
    """Return file and line of the leaky team's bug."""
    lines, first = inspect.getsourcelines(leaky_team.run_team)
    return leaky_team.__file__, first + next(index for index, line in enumerate(lines) if "SESSIONS[" in line)


if __name__ == "__main__":
    tracemalloc.start()
    sys.stdout.write(json.dumps(flat() if sys.argv[1] == "flat" else leaky()))
