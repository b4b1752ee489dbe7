"""Make the event loop of the scenario as ``asyncio.Runner`` would, after the scenario is loaded, and name its class."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import Callable

from .target import TargetProblem

_END_SECONDS = 1.0
"""Time in which cancelled tasks may clean up: a tidy task needs a moment, and a report waits for the others."""

LoopFactory = Callable[[], object]
"""Makes an event loop, as for ``asyncio.Runner``."""


class ScenarioLoop:
    """The event loop of the scenario: of its ``factory``, else the one that it set, else a new one of its policy.

    ``before``: the loop until now, which is not taken again. Raises ``TargetProblem`` if the factory returns no open loop,
    and any exception of the factory or the policy.
    """

    def __init__(self, factory: LoopFactory | None = None, before: asyncio.AbstractEventLoop | None = None) -> None:
        self._factory = factory
        self._surroundings = _policy(), selectors.DefaultSelector
        found = self._found(before)
        self._is_own = found is None
        self.loop = found or (asyncio.new_event_loop() if factory is None else _made_by(factory))

    def _found(self, before: asyncio.AbstractEventLoop | None) -> asyncio.AbstractEventLoop | None:
        """Return the loop that the scenario set instead of ``before``; None with a factory."""
        found = None if self._factory else loop_that_is_set()
        return None if found is before else found

    def is_outdated(self) -> bool:
        """Return whether the program would run in another loop by now: it set a loop or a policy, or patched selectors."""
        return self._surroundings != (_policy(), selectors.DefaultSelector) or self._found(self.loop) is not None

    def end_tasks(self) -> None:
        """Cancel the tasks that still run, as ``asyncio.run`` does at its end, and give them a moment to clean up."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            if tasks:
                self.loop.run_until_complete(asyncio.wait(tasks, timeout=_END_SECONDS))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())

    def close(self) -> None:
        """Close the loop, unless the scenario made it."""
        if self._is_own:
            asyncio.set_event_loop(None)
            self.loop.close()


def _made_by(factory: LoopFactory) -> asyncio.AbstractEventLoop:
    loop = factory()
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise TargetProblem(f"loop_factory returned an object of type {type(loop).__name__}, expected an event loop")
    if loop.is_closed():
        raise TargetProblem("loop_factory returned a closed event loop, expected a new one")
    return loop


def _policy() -> object:
    """Return the event loop policy; None in versions without policies. The public function warns from Python 3.14 on."""
    events = vars(asyncio.events)
    get_policy = events.get("_get_event_loop_policy") or events.get("get_event_loop_policy")
    return get_policy() if get_policy else None


def loop_that_is_set() -> asyncio.AbstractEventLoop | None:
    """Return the open loop that the policy holds for this thread; ``asyncio.get_event_loop`` would make one."""
    loop = getattr(getattr(_policy(), "_local", None), "_loop", None)
    return loop if isinstance(loop, asyncio.AbstractEventLoop) and not loop.is_closed() else None


def foreign_name(loop: asyncio.AbstractEventLoop) -> str:
    """Return the class of a loop, and of its selector, that are not asyncio's own; empty if both are."""
    kind, selector = type(loop), type(getattr(loop, "_selector", None))
    name = "asyncio" if kind.__module__.startswith("asyncio.") else f"{kind.__module__}.{kind.__qualname__}"
    if selector.__module__.partition(".")[0] not in ("selectors", "asyncio", "builtins"):  # builtins: there is none
        return f"{name} with {selector.__module__}.{selector.__qualname__}"
    return "" if name == "asyncio" else name
