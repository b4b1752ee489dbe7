"""Call functions of the scenario, sync or async: the eval's function, its set-up and its tear-down.

Between the begin of a measurement and the end of the function, no code of the tool runs.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import os
import time
import tracemalloc
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine
from types import TracebackType
from typing import cast

from .memory.process_memory import cpu_seconds, waits
from .memory.reading import CALLS_BEFORE_CACHED
from .target import without_partial

READY_TICKS = 10
"""Turns of the event loop after an iteration: enough for callbacks that schedule callbacks; timers do not run."""

MAX_MESSAGE_CHARACTERS = 2000
"""Length at which the text of an exception is cut off: enough for one that quotes a request, small beside a reading."""

_PRIMING_TURNS = 30
"""Repetitions of a step before tracing: CPython 3.11 and later specialise code after far fewer calls (8 in 3.11)."""

PRIMING_CALLS = max(CALLS_BEFORE_CACHED, _PRIMING_TURNS)

_PRIMING_CALLBACKS = 500
"""Callbacks in the loop's queue before tracing: a deque keeps several free blocks of 64 (Modules/_collectionsmodule.c)."""


class ScenarioFailure:
    """An exception of the scenario without its traceback, so that it keeps no frame alive.

    ``frames``: file, line and function of each frame, the innermost last.
    """

    __slots__ = ("frames", "message", "type")

    def __init__(self, error: BaseException) -> None:
        kind = type(error)
        self.type = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        try:
            self.message = str(error)[:MAX_MESSAGE_CHARACTERS]
        except BaseException:  # an exception whose __str__ raises anything
            self.message = "(its message cannot be shown)"
        self.frames = _frames(error.__traceback__)


def _frames(traceback: TracebackType | None) -> list[tuple[str, int, str]]:
    """Return ``(file, line, function)`` of each frame. No source is looked up: that would fill ``linecache``."""
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append((code.co_filename, traceback.tb_lineno, code.co_name))
        traceback = traceback.tb_next
    return frames


class CallResult:
    """Result of one call of the scenario. ``peak_bytes`` is counted from the memory that was traced at the begin."""

    __slots__ = (
        "cpu_seconds",
        "duration_seconds",
        "failure",
        "peak_bytes",
        "started_at_ns",
        "suspended",
        "value",
        "waits",
    )

    def __init__(self) -> None:
        self.started_at_ns = time.time_ns()
        self.duration_seconds = 0.0
        self.cpu_seconds = 0.0
        self.waits: int | None = None
        self.suspended = False
        self.peak_bytes = 0
        self.failure: ScenarioFailure | None = None
        self.value: object = None


class ForkedChild(BaseException):
    """Raised in a child process that the scenario forked and that returned from the function: the child has to end."""


def is_run_in_loop(func: Callable[[], object]) -> bool:
    """Return whether calling the function returns an awaitable: such a function is called inside the running loop."""
    func = without_partial(func)
    call = func if inspect.isroutine(func) else getattr(func, "__call__", func)  # noqa: B004 - the method itself
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


async def consume(value: object) -> object:
    """Await awaitables and run iterators to their end; return the value that is left."""
    while is_awaitable(value):
        value = await cast("Awaitable[object]", value)
    if hasattr(type(value), "__aiter__"):
        async for _ in cast("AsyncIterable[object]", value):
            pass
        return None
    return consume_sync(value)


def consume_sync(value: object) -> object:
    """Run a generator to its end; return any other value unchanged."""
    if inspect.isgenerator(value):
        for _ in value:
            pass
        return None
    return value


def is_awaitable(value: object) -> bool:
    """Return whether a value can be awaited; ``inspect.isawaitable`` leaves an entry in the cache of an abstract class."""
    return hasattr(type(value), "__await__")


def needs_loop(value: object) -> bool:
    """Return whether ``consume`` has to be awaited for this value."""
    return is_awaitable(value) or hasattr(type(value), "__aiter__")


class _CallTimer:
    """Wall time, processor time and waits from its creation to ``stop()``."""

    __slots__ = ("_cpu_seconds", "_start", "_waits")

    def __init__(self) -> None:
        self._waits = waits()
        self._cpu_seconds = cpu_seconds()
        self._start = time.perf_counter()

    def stop(self, result: CallResult) -> None:
        result.duration_seconds = time.perf_counter() - self._start
        result.cpu_seconds = cpu_seconds() - self._cpu_seconds
        now = waits()
        result.waits = None if now is None or self._waits is None else now - self._waits


def _empty_free_lists() -> None:
    """Return freed objects that the interpreter keeps for reuse to the allocator.

    Lists and dicts of the last reading lie there with their traces: reused by the scenario, they would count as the tool's.
    A full collection empties the free lists; while everything is frozen, it has no objects to visit.
    """
    if gc.get_freeze_count():  # the scenario froze its objects: unfreezing them would change its behaviour
        gc.collect()
        return
    gc.freeze()
    gc.collect()
    gc.unfreeze()


def call(func: Callable[[], object], loop: asyncio.AbstractEventLoop) -> CallResult:
    """Call the function once in this thread; its async parts run in ``loop``."""
    if is_run_in_loop(func):
        return loop.run_until_complete(call_in_loop(func))
    result = CallResult()
    process = os.getpid()
    _empty_free_lists()
    timer = _CallTimer()
    begin = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    try:
        value = func()
        if needs_loop(value):
            value = loop.run_until_complete(_consume_in_loop(value, result))
        result.value = consume_sync(value)
    except BaseException as error:
        result.failure = ScenarioFailure(error)
    peak = tracemalloc.get_traced_memory()[1]
    timer.stop(result)
    _check_process(process)
    result.peak_bytes = max(0, peak - begin)
    return result


async def call_in_loop(func: Callable[[], object]) -> CallResult:
    """Call the function once inside the running loop."""
    result = CallResult()
    process = os.getpid()
    others_ran: list[bool] = []
    handle = asyncio.get_running_loop().call_soon(others_ran.append, True)
    _empty_free_lists()
    timer = _CallTimer()
    begin = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    try:
        result.value = await consume(func())
    except BaseException as error:
        result.failure = ScenarioFailure(error)
    peak = tracemalloc.get_traced_memory()[1]
    timer.stop(result)
    _check_process(process)
    handle.cancel()
    result.suspended = bool(others_ran)
    result.peak_bytes = max(0, peak - begin)
    return result


async def _consume_in_loop(value: object, result: CallResult) -> object:
    others_ran: list[bool] = []
    handle = asyncio.get_running_loop().call_soon(others_ran.append, True)
    try:
        return await consume(value)
    finally:
        handle.cancel()
        result.suspended = bool(others_ran)


def _check_process(process: int) -> None:
    if os.getpid() != process:
        raise ForkedChild


async def run_what_is_ready() -> None:
    """Let every callback that is ready run."""
    for _ in range(READY_TICKS):
        await asyncio.sleep(0)


class ScenarioCaller:
    """Base of the two ways to call the scenario: from outside of an event loop, and from inside."""

    async def prime(self) -> None:
        """Allocate before tracing starts what calls allocate only once, so that it does not count as growth."""
        raise NotImplementedError

    async def call(self, func: Callable[[], object]) -> CallResult:
        """Call the function once; an exception that it raises is part of the result."""
        raise NotImplementedError

    async def run_what_is_ready(self) -> None:
        """Let every callback that is ready run."""
        raise NotImplementedError

    async def pause(self, seconds: float) -> None:
        """Wait, while the event loop runs."""
        raise NotImplementedError

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop of the scenario."""
        raise NotImplementedError


class BlockingCaller(ScenarioCaller):
    """Calls from outside of an event loop. Its coroutines never suspend: ``drive`` runs them without a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def prime(self) -> None:  # noqa: D102 - as in ScenarioCaller
        for _ in range(CALLS_BEFORE_CACHED):
            self._loop.run_until_complete(asyncio.sleep(0))
            _cached_nothing.cache_info()  # as a reading does for every such cache
        for _ in range(_PRIMING_TURNS):
            self._loop.run_until_complete(run_what_is_ready())
        self._loop.run_until_complete(_prime_running_loop())
        call(nothing, self._loop)

    async def call(self, func: Callable[[], object]) -> CallResult:  # noqa: D102
        return call(func, self._loop)

    async def run_what_is_ready(self) -> None:  # noqa: D102
        self._loop.run_until_complete(run_what_is_ready())
        _empty_table_of_current_tasks()

    async def pause(self, seconds: float) -> None:  # noqa: D102
        self._loop.run_until_complete(asyncio.sleep(seconds))

    def loop(self) -> asyncio.AbstractEventLoop:  # noqa: D102
        return self._loop


class LoopCaller(ScenarioCaller):
    """Calls from inside the running loop."""

    async def prime(self) -> None:  # noqa: D102 - as in ScenarioCaller
        await _prime_running_loop()

    async def call(self, func: Callable[[], object]) -> CallResult:  # noqa: D102
        return await call_in_loop(func)

    async def run_what_is_ready(self) -> None:  # noqa: D102
        await run_what_is_ready()

    async def pause(self, seconds: float) -> None:  # noqa: D102
        await asyncio.sleep(seconds)

    def loop(self) -> asyncio.AbstractEventLoop:  # noqa: D102
        return asyncio.get_running_loop()


async def _prime_running_loop() -> None:
    """Fill the loop's queue once, so that the blocks it takes now and then are there already."""
    loop = asyncio.get_running_loop()
    for _ in range(_PRIMING_CALLBACKS):
        loop.call_soon(nothing)
    await asyncio.sleep(0.0001)
    await run_what_is_ready()
    await call_in_loop(nothing)


def _empty_table_of_current_tasks() -> None:
    """Free the memory of asyncio's table of current tasks while no loop runs.

    A dict that gains and loses an item allocates its memory anew with each fifth item, at whatever line enters a task then.
    The table is a dict up to Python 3.13.
    """
    table = getattr(asyncio.tasks, "_current_tasks", None)
    if isinstance(table, dict) and not table:
        table.clear()


def nothing() -> None:
    """Do nothing."""


_cached_nothing = functools.lru_cache(maxsize=1)(nothing)


def drive(steps: Coroutine[object, object, object]) -> None:
    """Run a coroutine that never suspends."""
    try:
        steps.send(None)
    except StopIteration:
        return
    raise RuntimeError("suspended outside of a running event loop")
