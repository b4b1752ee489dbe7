"""Read the numbers of all resources after an iteration."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from ..clock import Clock
from ..proc import HAS_PROC
from .descriptors import count_descriptors, open_descriptors
from .processes import ChildReader, ProcessTree, pooled_processes
from .tasks import pending_tasks
from .threads import count_pooled, count_threads

_GRACE_SECONDS = 0.05
"""Time that a reading waits for added processes, threads and tasks to end: they end by themselves a moment later."""

_TOTAL_GRACE_SECONDS = 0.5
"""The same for all readings of a run: those of a leak do not end, and each of its readings waits."""


_FIRST_PAUSE_SECONDS = 0.005
"""Of one reading; each further pause is twice as long."""


_PRIMING_READINGS = 30
"""As ``scenario_caller._PRIMING_TURNS``."""

_RUNNING = ("child_processes", "threads", "tasks")
"""Resources that may end by themselves."""


class ResourceReading:
    """Numbers of open resources; None where the platform cannot tell.

    ``pooled_...``: those of them in pools that start them on demand up to a limit, without the first of each pool.
    """

    __slots__ = (
        "child_processes",
        "file_descriptors",
        "pooled_descriptors",
        "pooled_processes",
        "pooled_threads",
        "sockets",
        "tasks",
        "threads",
        "trees",
    )

    def __init__(self, own: frozenset[tuple[int, str]], processes: ChildReader | None, tasks: int) -> None:
        self.file_descriptors: int | None = None
        self.sockets: int | None = None
        self.child_processes: int | None = None
        self.trees: list[ProcessTree] = []
        if processes is not None:
            self.trees = processes.trees()
            self.child_processes = sum([tree.count for tree in self.trees])
            self.file_descriptors, self.sockets = count_descriptors(own)
        self.threads = count_threads()
        self.tasks = tasks
        self.pooled_threads = count_pooled()
        self.pooled_processes, self.pooled_descriptors = pooled_processes()

    def of_running(self) -> tuple[int, int, int]:
        """Return the numbers of the resources that may end by themselves, in the order of ``_RUNNING``."""
        return self.child_processes or 0, self.threads, self.tasks

    def fields(self, *, unique: bool = False) -> dict[str, object]:
        """Return the numbers as they stand in a message; ``children``: id, resident and private bytes of each child.

        ``unique``: with the unique memory of all children.
        """
        unique_bytes = [tree.unique_bytes() for tree in self.trees] if unique else [None]
        return {
            "file_descriptors": self.file_descriptors,
            "sockets": self.sockets,
            "threads": self.threads,
            "tasks": self.tasks,
            "child_processes": self.child_processes,
            "pooled_threads": self.pooled_threads,
            "pooled_processes": self.pooled_processes,
            "pooled_descriptors": self.pooled_descriptors,
            "children": [(tree.process, tree.resident_bytes, tree.private_bytes) for tree in self.trees],
            "unique_bytes": None if None in unique_bytes else sum(filter(None, unique_bytes)),
        }


class ResourceReader:
    """Reads the resources of this process. Descriptors that are open when it is made, but for stdio, are the tool's."""

    def __init__(self) -> None:
        self.own = frozenset(found for found in open_descriptors() if found[0] > 2) if HAS_PROC else frozenset()
        self._processes = ChildReader() if HAS_PROC else None
        self._running = (0, 0, 0)
        self._grace_seconds = _TOTAL_GRACE_SECONDS

    def missing_channels(self) -> list[str]:
        """Return a sentence for each kind of resource that cannot be read here, with the reason."""
        if HAS_PROC:
            return []
        return [f"{name} (needs Linux' /proc; this is {sys.platform})" for name in ("file descriptors", "child processes")]

    def prime(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read before tracing starts, so that what a reading allocates once does not count as growth."""
        for _ in range(_PRIMING_READINGS):
            self.read(loop).fields()

    def read(self, loop: asyncio.AbstractEventLoop | None) -> ResourceReading:
        """Return the numbers of open resources. ``loop``: the event loop of the scenario."""
        return ResourceReading(self.own, self._processes, len(pending_tasks(loop)))

    async def read_settled(
        self,
        loop: asyncio.AbstractEventLoop | None,
        pause: Callable[[float], Awaitable[None]],
        added: Mapping[str, int] = MappingProxyType({}),
        grace_seconds: float | None = None,
    ) -> ResourceReading:
        """Return the numbers of open resources, once processes, threads and tasks that end by themselves have ended.

        Waits, by ``pause``, while there are more of them than after the last reading less the ``added`` ones, by name; at
        most ``grace_seconds``, by default a moment.
        """
        level = [before - added.get(name, 0) for name, before in zip(_RUNNING, self._running)]
        grace = min(_GRACE_SECONDS, self._grace_seconds) if grace_seconds is None else grace_seconds
        start = Clock.seconds()
        seconds = _FIRST_PAUSE_SECONDS
        counts = self.read(loop)
        while any(now > before for now, before in zip(counts.of_running(), level)) and Clock.seconds() - start < grace:
            await pause(seconds)
            self._grace_seconds -= seconds
            seconds = min(2 * seconds, _GRACE_SECONDS)
            counts = self.read(loop)
        self._running = counts.of_running()
        return counts

    def read_first(self, loop: asyncio.AbstractEventLoop | None) -> ResourceReading:
        """Return the numbers of open resources before the first iteration; nothing is waited for."""
        counts = self.read(loop)
        self._running = counts.of_running()
        return counts
