"""Call functions of the scenario, sync or async: the eval's function, its set-up and its tear-down.

Between the begin of a measurement and the end of the function, no code of the tool runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tracemalloc
from asyncio import get_running_loop, sleep
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine
from inspect import isasyncgenfunction, iscoroutinefunction, isgenerator, isroutine
from types import TracebackType
from typing import TypeVar, cast

from .clock import Clock
from .memory.frozen_heap import FrozenHeap
from .memory.process_memory import waits
from .target import without_partial

_Value = TypeVar("_Value")

READY_TICKS = 10
"""Turns of the event loop after an iteration: enough for callbacks that schedule callbacks; timers do not run."""

MAX_MESSAGE_CHARACTERS = 2000
"""Length at which the text of an exception is cut off: enough for one that quotes a request, small beside a reading."""


_module_of, _name_of = type.__dict__["__module__"].__get__, type.__dict__["__qualname__"].__get__
_traceback_of, _set_traceback = (
    BaseException.__dict__["__traceback__"].__get__,
    BaseException.__dict__["__traceback__"].__set__,
)
"""Attributes as the interpreter knows them: a class of the scenario may raise when it is asked for its own."""


class ScenarioFailure:
    """An exception of the scenario without its traceback, so that it keeps no frame alive.

    ``frames``: file, line and function of each frame, the innermost last. The exception loses the frames of this module: the
    scenario may keep it, and asyncio prints the exception of a task that nobody asked for.
    """

    __slots__ = ("frames", "message", "type")

    def __init__(self, error: BaseException) -> None:
        self.type = _type_text(type(error))
        self.message = _message(error)
        traceback = _traceback_of(error)
        self.frames = _frames(traceback)
        while traceback is not None and traceback.tb_frame.f_globals is globals():
            traceback = traceback.tb_next
        _set_traceback(error, traceback)


def _type_text(kind: type[BaseException]) -> str:
    module, name = _module_of(kind), str(_name_of(kind))
    with contextlib.suppress(BaseException):  # a module's name that is no text
        name = name if module == "builtins" else f"{module}.{name}"
    return name


def _message(error: BaseException) -> str:
    try:
        return str(error)[:MAX_MESSAGE_CHARACTERS]
    except BaseException:  # an exception whose __str__ raises anything
        return "(its message cannot be shown)"


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
        self.started_at_ns = Clock.wall_ns()
        self.duration_seconds = 0.0
        self.cpu_seconds = 0.0
        self.waits: int | None = None
        self.suspended = False
        self.peak_bytes = 0
        self.failure: ScenarioFailure | None = None
        self.value: object = None


def shown_text(result: CallResult) -> tuple[str, ScenarioFailure | None]:
    """Return the text of the value that a call returned, or the failure of the call or of making the text."""
    try:
        return ("" if result.failure else str(result.value)[:MAX_MESSAGE_CHARACTERS]), result.failure
    except BaseException as error:
        return "", ScenarioFailure(error)


class ForkedChild(BaseException):
    """Raised in a child process that the scenario forked and that returned from the function: the child has to end."""


def leave_forked_child(process: int) -> None:
    """Raise ``ForkedChild`` in a process that the scenario forked from ``process``."""
    if os.getpid() != process:
        raise ForkedChild


def is_run_in_loop(func: Callable[[], object]) -> bool:
    """Return whether calling the function returns an awaitable: such a function is called inside the running loop."""
    func = without_partial(func)
    call = func if isroutine(func) else getattr(func, "__call__", func)  # noqa: B004 - the method itself
    return iscoroutinefunction(call) or isasyncgenfunction(call)


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
    if isgenerator(value):
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


class _Measurement:
    """Wall time, processor time, waits and peak of one call, from its creation to ``end()``.

    The functions that call the scenario are short: where no memory is left, CPython 3.11 and later hang in an exception
    handler beyond the 256th instruction of a function, because they cannot make the number of that instruction.
    """

    __slots__ = ("_begin_bytes", "_cpu_seconds", "_process", "_start", "_waits", "result")

    def __init__(self, heap: FrozenHeap) -> None:
        self.result = CallResult()
        self._process = os.getpid()
        heap.empty_free_lists()
        self._waits = waits()
        self._cpu_seconds = Clock.cpu_seconds()
        self._start = Clock.seconds()
        self._begin_bytes = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()

    def end(self) -> CallResult:
        """Return the result. Raises ``ForkedChild`` in a process that the scenario forked."""
        peak_bytes = tracemalloc.get_traced_memory()[1]
        result = self.result
        result.duration_seconds = Clock.seconds() - self._start
        result.cpu_seconds = Clock.cpu_seconds() - self._cpu_seconds
        now = waits()
        result.waits = None if now is None or self._waits is None else now - self._waits
        leave_forked_child(self._process)
        result.peak_bytes = max(0, peak_bytes - self._begin_bytes)
        return result


def call(func: Callable[[], object], loop: asyncio.AbstractEventLoop, heap: FrozenHeap) -> CallResult:
    """Call the function once in this thread; its async parts run in ``loop``."""
    if is_run_in_loop(func):
        return _call_async(func, loop, heap)
    measurement = _Measurement(heap)
    try:
        value = func()
        if needs_loop(value):
            value = _run(loop, _consume_in_loop(value, measurement.result))
        measurement.result.value = consume_sync(value)
    except BaseException as error:
        heap.reserve.release_after(error)
        measurement.result.failure = ScenarioFailure(error)
    return measurement.end()


def _call_async(func: Callable[[], object], loop: asyncio.AbstractEventLoop, heap: FrozenHeap) -> CallResult:
    """Call an async function in the loop; where the scenario ends the loop itself, that is the failure of the call."""
    process, result, start_seconds = os.getpid(), CallResult(), Clock.seconds()
    try:
        return _run(loop, call_in_loop(func, heap))
    except BaseException as error:
        heap.reserve.release_after(error)
        leave_forked_child(process)
        result.failure = ScenarioFailure(error)
        result.duration_seconds = Clock.seconds() - start_seconds
        return result


def _run(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[object, object, _Value]) -> _Value:
    """Run a coroutine in the loop. Raises what a callback of the scenario raises, or stops the loop with, as well."""
    try:
        return loop.run_until_complete(coroutine)
    finally:
        if loop.is_closed():
            coroutine.close()  # else Python warns that nobody awaited it


async def call_in_loop(func: Callable[[], object], heap: FrozenHeap) -> CallResult:
    """Call the function once inside the running loop."""
    others_ran: list[bool] = []
    handle = get_running_loop().call_soon(others_ran.append, True)
    measurement = _Measurement(heap)
    try:
        measurement.result.value = await consume(func())
    except BaseException as error:
        heap.reserve.release_after(error)
        measurement.result.failure = ScenarioFailure(error)
    result = measurement.end()
    handle.cancel()
    result.suspended = bool(others_ran)
    return result


async def _consume_in_loop(value: object, result: CallResult) -> object:
    others_ran: list[bool] = []
    handle = get_running_loop().call_soon(others_ran.append, True)
    try:
        return await consume(value)
    finally:
        handle.cancel()
        result.suspended = bool(others_ran)


def run_ready_callbacks(loop: asyncio.AbstractEventLoop) -> ScenarioFailure | None:
    """Let every callback that is ready run; return the failure if one ends the loop, as ``sys.exit`` does."""
    try:
        if not loop.is_closed():
            _run(loop, run_what_is_ready())
    except BaseException as error:
        return ScenarioFailure(error)
    return None


async def run_what_is_ready() -> None:
    """Let every callback that is ready run."""
    for _ in range(READY_TICKS):
        await sleep(0)


def nothing() -> None:
    """Do nothing."""
