"""The evals of a fleet: which wait, which run, and which are over. Pure: each eval is over once, whatever is lost.

An eval whose task was lost with its node, or was ended because the node ran out of memory, is measured once more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from otel_memeval.fleet.demands import Demands
from otel_memeval.records import Record

MOST_ATTEMPTS = 2


class FleetTask(Record, frozen=True):
    """One eval, or a target whose evals are not known yet."""

    target: str
    demands: Demands
    finds: bool = False
    """Find the evals of the target instead of measuring."""
    attempt: int = 1


class FleetQueue:
    """Tasks in order; a key, given by the caller, stands for each task that runs."""

    def __init__(self, tasks: Sequence[FleetTask]) -> None:
        self._waiting = deque(tasks)
        self._running: dict[object, FleetTask] = {}
        self.total = sum(not task.finds for task in tasks)
        """Evals that are known."""
        self.measured = 0

    @property
    def running(self) -> Sequence[object]:
        """Return the keys of the tasks that run."""
        return list(self._running)

    @property
    def is_over(self) -> bool:
        """Return whether nothing waits or runs."""
        return not self._waiting and not self._running

    def next_waiting(self, most_running: int) -> FleetTask | None:
        """Take the next task that waits; None if there is none, or if so many run already."""
        if not self._waiting or len(self._running) >= most_running:
            return None
        return self._waiting.popleft()

    def begin(self, key: object, task: FleetTask) -> None:
        """Note that a task runs."""
        self._running[key] = task

    def add(self, tasks: Sequence[FleetTask]) -> None:
        """Add evals that were found, before those that wait: targets stay together."""
        self._waiting.extendleft(reversed(tasks))
        self.total += len(tasks)

    def end(self, key: object) -> FleetTask | None:
        """Note the end of a task, and return it; None if it is over already."""
        task = self._running.pop(key, None)
        if task is not None and not task.finds:
            self.measured += 1
        return task

    def lose(self, key: object) -> tuple[FleetTask | None, bool]:
        """Note that a task was lost; return it, and whether it waits again."""
        task = self._running.pop(key, None)
        if task is None or task.attempt >= MOST_ATTEMPTS:
            if task is not None and not task.finds:
                self.measured += 1
            return task, False
        again = FleetTask(target=task.target, demands=task.demands, finds=task.finds, attempt=task.attempt + 1)
        self._waiting.append(again)
        return task, True

    def text(self) -> str:
        """Return the progress: ``37 of 300 evals measured, 12 at work or in the cluster's queue``."""
        return f"{self.measured} of {self.total} evals measured, {len(self._running)} at work or in the cluster's queue"

    def cancel(self) -> list[FleetTask]:
        """Remove everything that waits or runs, and return it."""
        left = [*self._running.values(), *self._waiting]
        self._running.clear()
        self._waiting.clear()
        return left
