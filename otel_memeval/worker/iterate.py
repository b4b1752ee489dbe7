"""Calling the scenario: one iteration, sync or async, and the same for set-up and tear-down.

Between ``begin`` and the end of the function nothing of ours runs.
"""

from __future__ import annotations

import asyncio
import dis
import gc
import inspect
import os
import time
import tracemalloc
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine
from types import TracebackType
from typing import cast

from .memory.process_memory import cpu_seconds, waits

READY_TICKS = 10
"""Passes through the event loop after an iteration: callbacks of callbacks get their turn, timers do not."""


class Failure:
    """An exception of the scenario's, without its traceback's frames: nothing of it stays alive."""

    __slots__ = ("message", "type", "where")

    def __init__(self, error: BaseException) -> None:
        kind = type(error)
        self.type = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        try:
            self.message = str(error)[:2000]
        except BaseException:  # an exception whose __str__ raises, whatever it raises
            self.message = "(its message cannot be shown)"
        self.where = _last_line(error.__traceback__)


def _last_line(traceback: TracebackType | None) -> list[tuple[str, int, str]]:
    """``(file, line, function)`` of each frame. No source is looked up: that would fill ``linecache``."""
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append((code.co_filename, traceback.tb_lineno, code.co_name))
        traceback = traceback.tb_next
    return frames


class Outcome:
    """What one call of the scenario did. ``peak_bytes`` is above what was traced when it began."""

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
        self.failure: Failure | None = None
        self.value: object = None


class Fork(BaseException):
    """Raised in a child that the scenario forked and that came back out of the function: it must not go on here."""


def runs_in_loop(func: Callable[[], object]) -> bool:
    """Whether calling the function gives something to await: then it is called inside the running loop."""
    while hasattr(func, "func") and hasattr(func, "args"):  # functools.partial
        func = func.func
    call = func if inspect.isroutine(func) else getattr(func, "__call__", func)  # noqa: B004 - the method itself
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


async def consume(value: object) -> object:
    """Await what can be awaited and run an iterator to its end, until something else is left."""
    while is_awaitable(value):
        value = await cast("Awaitable[object]", value)
    if hasattr(type(value), "__aiter__"):
        async for _ in cast("AsyncIterable[object]", value):
            pass
        return None
    return consume_sync(value)


def consume_sync(value: object) -> object:
    """Run a generator to its end; anything else is left as it is."""
    if inspect.isgenerator(value):
        for _ in value:
            pass
        return None
    return value


def is_awaitable(value: object) -> bool:
    """As ``inspect.isawaitable``, which asks an abstract class and so leaves an entry in that class's cache."""
    return hasattr(type(value), "__await__")


def needs_loop(value: object) -> bool:
    """Whether ``consume`` has to be awaited for this value."""
    return is_awaitable(value) or hasattr(type(value), "__aiter__")


class _Clock:
    """Time, processor time and waits, from its making to ``stop()``."""

    __slots__ = ("_cpu", "_start", "_waits")

    def __init__(self) -> None:
        self._waits = waits()
        self._cpu = cpu_seconds()
        self._start = time.perf_counter()

    def stop(self, outcome: Outcome) -> None:
        outcome.duration_seconds = time.perf_counter() - self._start
        outcome.cpu_seconds = cpu_seconds() - self._cpu
        now = waits()
        outcome.waits = None if now is None or self._waits is None else now - self._waits


def _empty_free_lists() -> None:
    """Return to the allocator what the interpreter holds back of freed objects.

    The last reading's lists and dicts lie there, with their traces: the scenario's next ones would count as the tool's own.
    A full collection empties the free lists; with everything frozen it has nothing to walk.
    """
    if gc.get_freeze_count():  # the scenario's own freeze is not ours to undo
        gc.collect()
        return
    gc.freeze()
    gc.collect()
    gc.unfreeze()


def call(func: Callable[[], object], loop: asyncio.AbstractEventLoop) -> Outcome:
    """Call the function once in this thread, with ``loop`` for whatever of it is async."""
    if runs_in_loop(func):
        return loop.run_until_complete(call_in_loop(func))
    outcome = Outcome()
    process = os.getpid()
    _empty_free_lists()
    clock = _Clock()
    begin = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    try:
        value = func()
        if needs_loop(value):
            value = loop.run_until_complete(_consume_and_tell(value, outcome))
        outcome.value = consume_sync(value)
    except BaseException as error:
        outcome.failure = Failure(error)
    peak = tracemalloc.get_traced_memory()[1]
    clock.stop(outcome)
    _check_process(process)
    outcome.peak_bytes = max(0, peak - begin)
    return outcome


async def call_in_loop(func: Callable[[], object]) -> Outcome:
    """As ``call``, inside the running loop."""
    outcome = Outcome()
    process = os.getpid()
    others_ran: list[bool] = []
    handle = asyncio.get_running_loop().call_soon(others_ran.append, True)
    _empty_free_lists()
    clock = _Clock()
    begin = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    try:
        outcome.value = await consume(func())
    except BaseException as error:
        outcome.failure = Failure(error)
    peak = tracemalloc.get_traced_memory()[1]
    clock.stop(outcome)
    _check_process(process)
    handle.cancel()
    outcome.suspended = bool(others_ran)
    outcome.peak_bytes = max(0, peak - begin)
    return outcome


async def _consume_and_tell(value: object, outcome: Outcome) -> object:
    others_ran: list[bool] = []
    handle = asyncio.get_running_loop().call_soon(others_ran.append, True)
    try:
        return await consume(value)
    finally:
        handle.cancel()
        outcome.suspended = bool(others_ran)


def _check_process(process: int) -> None:
    if os.getpid() != process:
        raise Fork


async def run_what_is_ready() -> None:
    """Give every callback that is ready its turn."""
    for _ in range(READY_TICKS):
        await asyncio.sleep(0)


def awaits_nothing(func: Callable[[], object]) -> bool:
    """Whether this is an async function whose own code holds no await: what it starts, it drops.

    That is how an eval comes to do no work: ``async def run(): agent.arun(...)``.
    """
    while hasattr(func, "func") and hasattr(func, "args"):
        func = func.func
    if not inspect.iscoroutinefunction(func):
        return False
    waiting = {"GET_AWAITABLE", "GET_AITER", "GET_ANEXT", "BEFORE_ASYNC_WITH", "YIELD_FROM"}
    code = getattr(func, "__code__", None)
    return code is not None and not any(instruction.opname in waiting for instruction in dis.get_instructions(code))


class Caller:
    """How the scenario is called: from outside of an event loop, or from inside."""

    async def call(self, func: Callable[[], object]) -> Outcome:
        """Call the function once; what it raised is in the outcome."""
        raise NotImplementedError

    async def run_what_is_ready(self) -> None:
        """Give every callback that is ready its turn."""
        raise NotImplementedError


class Blocking(Caller):
    """From outside: these coroutines never suspend, so ``drive`` can run them without a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def call(self, func: Callable[[], object]) -> Outcome:  # noqa: D102 - as in Caller
        return call(func, self._loop)

    async def run_what_is_ready(self) -> None:  # noqa: D102
        self._loop.run_until_complete(run_what_is_ready())


class Running(Caller):
    """From inside the running loop."""

    async def call(self, func: Callable[[], object]) -> Outcome:  # noqa: D102 - as in Caller
        return await call_in_loop(func)

    async def run_what_is_ready(self) -> None:  # noqa: D102
        await run_what_is_ready()


def drive(steps: Coroutine[object, object, bool | None]) -> bool:
    """Run a coroutine that never suspends."""
    try:
        steps.send(None)
    except StopIteration as stop:
        return bool(stop.value)
    raise RuntimeError("suspended outside of a running event loop")
