"""Read memory and other resources after iterations, or after every k-th of them."""

from __future__ import annotations

import tracemalloc
from gc import collect

from .clock import Clock
from .iterate import CallResult
from .memory.reading import MemoryReader, PlainMessage
from .reading_interval import ReadingInterval
from .resources.reading import ResourceReader
from .scenario_caller import ScenarioCaller


class Readings:
    """Takes the readings of one run."""

    def __init__(self, caller: ScenarioCaller, memory: MemoryReader, resources: ResourceReader) -> None:
        self._caller = caller
        self._memory = memory
        self._resources = resources
        self._interval = ReadingInterval()

    def prime(self) -> None:
        """Allocate before tracing starts what a reading allocates once and keeps."""
        self._memory.prime()
        self._resources.prime(self._caller.loop())

    def first(self) -> PlainMessage:
        """Return the initial reading, which growth is counted from."""
        reading = self._memory.read_first()
        reading["resources"] = self._resources.read_first(self._caller.loop()).fields(unique=True)
        return reading

    def plan(self, phase: str, last: int) -> None:
        """Take the number of the last iteration of a phase before its first one runs; all warm-up iterations are read."""
        if phase == "measured":
            self._interval.plan(last)

    async def after_iteration(self, index: int, result: CallResult) -> PlainMessage:
        """Return the fields of an iteration's message that come from a reading, if one is due.

        The caller has already let the loop run what was ready.
        """
        if not self._interval.is_due(index):
            collect(1)  # garbage of this iteration must not be part of the level that the next peak is counted from
            return {
                "reading": None,
                "traced_current_bytes": tracemalloc.get_traced_memory()[0],
                "readings_every": self._interval.every,
            }
        begin = Clock.cpu_seconds()
        reading = self._memory.read()
        resources = await self._resources.read_settled(self._caller.loop(), self._caller.pause)
        reading["resources"] = resources.fields()
        self._interval.add_costs(Clock.cpu_seconds() - begin, result.duration_seconds)
        return {"reading": reading, "readings_every": self._interval.every}
