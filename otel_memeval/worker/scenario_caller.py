"""Call the scenario from outside of an event loop or from inside of one, and prepare the loop for measuring."""

from __future__ import annotations

import asyncio
import functools
from asyncio import get_running_loop, sleep
from collections.abc import Callable, Coroutine

from .clock import Clock
from .event_loop import LoopFactory, ScenarioLoop, loop_that_is_set
from .iterate import (
    CallResult,
    ScenarioFailure,
    call,
    call_in_loop,
    is_run_in_loop,
    nothing,
    run_ready_callbacks,
    run_what_is_ready,
)
from .memory.frozen_heap import FrozenHeap
from .memory.reading import CALLS_BEFORE_CACHED

_PRIMING_TURNS = 30
"""Repetitions of a step before tracing: CPython 3.11 and later specialise code after far fewer calls (8 in 3.11)."""

PRIMING_CALLS = max(CALLS_BEFORE_CACHED, _PRIMING_TURNS)

_PRIMING_CALLBACKS = 500
"""Callbacks in the loop's queue before tracing: a deque keeps several free blocks of 64 (Modules/_collectionsmodule.c)."""


_PRIMING_SECONDS = 1e-12
"""Delay of a timer before tracing, so that the loop's list of timers has its memory."""

_PAUSE_STEP_SECONDS = 0.001
"""Longest time that callbacks of the event loop are late in a pause."""


class ScenarioCaller:
    """Base of the two ways to call the scenario: from outside of an event loop, and from inside."""

    def __init__(self) -> None:
        self.heap = FrozenHeap()
        """The heap between the calls."""

    def open(self, factory: LoopFactory | None, is_needed: bool) -> None:
        """Make the event loop, once the scenario is loaded; raises as ``ScenarioLoop``.

        ``is_needed``: False for a sync function. Its program may be unable to make a loop, as one without sockets.
        """

    async def prime(self) -> None:
        """Allocate before tracing starts what calls allocate only once, so that it does not count as growth."""
        raise NotImplementedError

    async def call(self, func: Callable[[], object]) -> CallResult:
        """Call the function once; an exception that it raises is part of the result."""
        raise NotImplementedError

    async def call_set_up(self, func: Callable[[], object]) -> CallResult:
        """Call the set-up as ``call`` does; if it replaced the event loop or its policy, later calls run in the new one."""
        return await self.call(func)

    async def run_what_is_ready(self) -> ScenarioFailure | None:
        """Let every callback that is ready run; return the failure if one ends the event loop."""
        raise NotImplementedError

    async def pause(self, seconds: float) -> None:
        """Wait, while the event loop runs."""
        raise NotImplementedError

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop of the scenario."""
        raise NotImplementedError


class BlockingCaller(ScenarioCaller):
    """Calls from outside of an event loop. Its coroutines never suspend: ``drive`` runs them without a loop."""

    def __init__(self) -> None:
        super().__init__()
        self._factory: LoopFactory | None = None
        self._is_needed = False
        self._scenario_loop = ScenarioLoop(None, loop_that_is_set())

    def open(self, factory: LoopFactory | None, is_needed: bool) -> None:  # noqa: D102 - as in ScenarioCaller
        self._factory, self._is_needed = factory, is_needed
        before = self._scenario_loop
        if is_needed or factory is not None or before.is_outdated():
            self._scenario_loop = ScenarioLoop(factory, before.loop)
            before.close()
        asyncio.set_event_loop(self.loop())

    async def prime(self) -> None:  # noqa: D102
        for _ in range(CALLS_BEFORE_CACHED):
            self.loop().run_until_complete(sleep(0))
            _cached_nothing.cache_info()  # as a reading does for every such cache
        for _ in range(_PRIMING_TURNS):
            self.loop().run_until_complete(run_what_is_ready())
        self.loop().run_until_complete(_prime_running_loop(self.heap))
        call(nothing, self.loop(), self.heap)

    async def call(self, func: Callable[[], object]) -> CallResult:  # noqa: D102
        return call(func, self.loop(), self.heap)

    async def call_set_up(self, func: Callable[[], object]) -> CallResult:  # noqa: D102
        result = call(func, self.loop(), self.heap)
        if self._scenario_loop.is_outdated() and not is_run_in_loop(func):
            try:
                self.open(self._factory, self._is_needed)
                await self.prime()
            except Exception as error:
                result.failure = result.failure or ScenarioFailure(error)
        return result

    async def run_what_is_ready(self) -> ScenarioFailure | None:  # noqa: D102
        failure = run_ready_callbacks(self.loop())
        _empty_table_of_current_tasks()
        return failure

    async def pause(self, seconds: float) -> None:  # noqa: D102
        self.loop().run_until_complete(_pause(seconds))

    def loop(self) -> asyncio.AbstractEventLoop:  # noqa: D102
        return self._scenario_loop.loop

    def end_tasks(self) -> None:
        """Cancel the tasks that still run in the loop."""
        self._scenario_loop.end_tasks()

    def close(self) -> None:
        """Close the loop."""
        self._scenario_loop.close()


class LoopCaller(ScenarioCaller):
    """Calls from inside the running loop."""

    async def prime(self) -> None:  # noqa: D102 - as in ScenarioCaller
        await _prime_running_loop(self.heap)

    async def call(self, func: Callable[[], object]) -> CallResult:  # noqa: D102
        return await call_in_loop(func, self.heap)

    async def run_what_is_ready(self) -> ScenarioFailure | None:  # noqa: D102
        await run_what_is_ready()
        return None

    async def pause(self, seconds: float) -> None:  # noqa: D102
        await _pause(seconds)

    def loop(self) -> asyncio.AbstractEventLoop:  # noqa: D102
        return get_running_loop()


async def _pause(seconds: float) -> None:
    """Wait in short steps, with callbacks between them; a timer would not end where the scenario has frozen the clock."""
    end = Clock.seconds() + seconds
    while Clock.seconds() < end:
        Clock.sleep(_PAUSE_STEP_SECONDS)
        await run_what_is_ready()


def _empty_table_of_current_tasks() -> None:
    """Free the memory of asyncio's table of current tasks while no loop runs.

    A dict that gains and loses an item allocates its memory anew with each fifth item, at whatever line enters a task then.
    The table is a dict up to Python 3.13.
    """
    table = getattr(asyncio.tasks, "_current_tasks", None)
    if isinstance(table, dict) and not table:
        table.clear()


async def _prime_running_loop(heap: FrozenHeap) -> None:
    """Fill the loop's queue once, so that the blocks it takes now and then are there already."""
    loop = get_running_loop()
    for _ in range(_PRIMING_CALLBACKS):
        loop.call_soon(nothing)
    timer = loop.call_later(_PRIMING_SECONDS, nothing)
    await run_what_is_ready()
    timer.cancel()  # it has not run if the scenario has frozen the clock
    await call_in_loop(nothing, heap)


async def noop_peak_bytes(caller: ScenarioCaller, func: Callable[[], object]) -> int:
    """Return the peak of an iteration that does nothing, called as ``func`` is: the peak of the call itself."""
    noop = _async_nothing if is_run_in_loop(func) else nothing
    await caller.call(noop)  # the first call allocates objects that later calls reuse
    return (await caller.call(noop)).peak_bytes


async def _async_nothing() -> None:
    return None


_cached_nothing = functools.lru_cache(maxsize=1)(nothing)


def drive(steps: Coroutine[object, object, object]) -> None:
    """Run a coroutine that never suspends."""
    try:
        steps.send(None)
    except StopIteration:
        return
    raise RuntimeError("suspended outside of a running event loop")
