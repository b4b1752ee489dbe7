"""Read the asyncio tasks of this process that are not done, of all event loops that can be found."""

from __future__ import annotations

import asyncio
import sys
import weakref
from asyncio import tasks as asyncio_tasks
from collections.abc import Iterable

from .threads import qualified_name

_SETS = tuple(
    found
    for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks")
    if isinstance(found := getattr(asyncio_tasks, name, None), (set, weakref.WeakSet))
)
"""Sets in which asyncio keeps every task; from Python 3.14 on they have those only that C code of asyncio did not make."""

_PER_LOOP = sys.version_info >= (3, 14)
"""Whether the tasks are known by their event loop only."""


def pending_tasks(loop: asyncio.AbstractEventLoop | None) -> list[asyncio.Task[object]]:
    """Return the tasks that are not done. ``loop``: the event loop of the scenario, if there is one."""
    found: set[asyncio.Task[object]] = set()
    try:
        for tasks in _SETS:
            found.update(tasks)
        for running in _loops(loop) if _PER_LOOP else ():
            found.update(asyncio.all_tasks(running))
    except RuntimeError:  # another thread changed a set: these tasks are read the next time
        pass
    return [task for task in found if not task.done()]


def _loops(loop: asyncio.AbstractEventLoop | None) -> set[asyncio.AbstractEventLoop]:
    """Return the event loop of the scenario, and those that run in other threads."""
    found = set() if loop is None else {loop}
    for frame in sys._current_frames().values():
        outer = frame
        while outer is not None:
            running = outer.f_locals.get("self") if outer.f_code.co_name == "run_forever" else None
            if isinstance(running, asyncio.AbstractEventLoop):
                found.add(running)
            outer = outer.f_back  # type: ignore[assignment]
    return found


def describe_task(task: asyncio.Task[object]) -> str:
    """Return module and name of the coroutine function of a task: ``worker.poll``."""
    coroutine = task.get_coro()
    frame = getattr(coroutine, "cr_frame", None)
    module = "" if frame is None else frame.f_globals.get("__name__", "")
    return f"{module}.{qualified_name(coroutine)}".lstrip(".")


def in_creation_order(tasks: Iterable[asyncio.Task[object]]) -> list[asyncio.Task[object]]:
    """Return the tasks with default names in the order in which they were made, after those with names of their own."""

    def number(task: asyncio.Task[object]) -> int:
        digits = task.get_name().rpartition("-")[2]
        return int(digits) if digits.isdecimal() else -1

    return sorted(tasks, key=number)
