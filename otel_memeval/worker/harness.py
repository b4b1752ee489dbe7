"""What the worker does when it is told to: load, set up, iterate, finish. Each step tells what it saw through ``send``.

Used by the worker process, which sends messages down a pipe, and by the calling process for ``run()`` and ``arun()``.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import platform
import sys
import tracemalloc
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from types import ModuleType
from typing import TYPE_CHECKING

from . import iterate, target
from .follow_up import Looking, failure_message
from .iterate import Blocking, Caller, Failure, Outcome, Running, drive
from .memory.process_memory import ProcessReader
from .memory.reading import Message, Reader
from .packages import packages_in_use

if TYPE_CHECKING:
    from .otel.tracing import SendLines, Tracing

WIRE_VERSION = 2
"""Version of the messages; ``otel_memeval.wire`` knows the same number and what it means."""

_CALLBACKS = 500

_CALLS_BEFORE_CACHED = 1100 if sys.version_info < (3, 11) else 0
"""Python 3.10 makes a cache for each function that is called for the 1024th time (``OPCACHE_MIN_RUNS`` in ceval.c)."""

Send = Callable[[Message], None]


class Harness:
    """One eval, loaded once and then iterated. ``send`` is called with every message; nothing is kept of it."""

    def __init__(self, send: Send, is_own: Callable[[str], bool]) -> None:
        self._send = send
        self._is_own = is_own
        self._process = ProcessReader()
        self._reader = Reader(is_own, self._process)
        self._module_name = ""
        self._eval: target.Eval | None = None
        self._ready = False
        self._tracing: Tracing | None = None
        self._send_lines: SendLines | None = None

    def hello(self) -> None:
        """Say which interpreter this is."""
        self._send(
            {
                "kind": "hello",
                "wire": WIRE_VERSION,
                "python": platform.python_version(),
                "platform": platform.platform(),
                "missing_channels": self._process.missing_channels(),
            }
        )

    def trace(self, run_id: str, trace_id: str, wanted: str, send_lines: SendLines) -> None:
        """Take the scenario's own spans from here on, before ``load``. ``wanted``: as in ``wire.trace_command``.

        ``send_lines`` is called after a reading, with the messages of all spans that have ended since the last.
        """
        from .otel.tracing import Tracing

        self._tracing = Tracing(run_id, trace_id, wanted)
        self._send_lines = send_lines

    def load(self, source: str, name: str) -> bool:
        """Import the module and find the eval. False, with a message sent, when that cannot be done."""
        try:
            module: ModuleType = target.load_module(source)
            names = [name] if name else target.names_of(module)
            if self._tracing is not None:
                self._tracing.install()
            self.use(target.eval_named(module, names[0]), module.__name__, names)
        except target.TargetProblem as problem:
            self._send({"kind": "target_rejected", "problem": str(problem), "failure": None})
            return False
        except BaseException as error:
            what = f"{source} raised on import"
            self._send({"kind": "target_rejected", "problem": what, "failure": failure_message(Failure(error))})
            return False
        return True

    def use(self, loaded: target.Eval, module_name: str, names: list[str]) -> None:
        """Take an eval that is already at hand."""
        self._eval = loaded
        self._module_name = module_name
        self._send(
            {
                "kind": "loaded",
                "module": module_name,
                "names": names,
                "name": loaded.name,
                "file": getattr(sys.modules.get(module_name), "__file__", None) or "",
                "library_folder": os.path.dirname(os.__file__),
                "awaits_nothing": iterate.awaits_nothing(loaded.func),
                "fields": loaded.fields,
            }
        )

    def prepare(self, loop: asyncio.AbstractEventLoop) -> None:
        """Everything that iterating allocates once, before tracing starts, so that it never counts as growth."""
        for _ in range(_CALLS_BEFORE_CACHED):
            loop.run_until_complete(asyncio.sleep(0))
            _CACHED.cache_info()  # as the reading of every such cache does
        for _ in range(30):
            loop.run_until_complete(iterate.run_what_is_ready())
        if self._tracing is not None:
            self._tracing.prime(_CALLS_BEFORE_CACHED or 30)
        loop.run_until_complete(self.aprepare())
        iterate.call(_nothing, loop)

    async def aprepare(self) -> None:
        """The same inside the running loop: blocks of its queue, which takes another one now and then, come to lie ready."""
        loop = asyncio.get_running_loop()
        for _ in range(_CALLBACKS):
            loop.call_soon(_nothing)
        await asyncio.sleep(0.0001)
        await iterate.run_what_is_ready()
        await iterate.call_in_loop(_nothing)

    def start_tracing(self) -> None:
        """Trace from here on: after the imports, before set-up."""
        self._reader.prime()
        self._reader.start()

    def set_up(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Set-up, the line that describes the scenario, the reading that growth is counted from."""
        return drive(self._set_up(Blocking(loop)))

    async def aset_up(self) -> bool:
        """As ``set_up``, inside the running loop."""
        return await self._set_up(Running())

    def iterate(self, loop: asyncio.AbstractEventLoop, phase: str, first: int, count: int, keep_going: bool) -> bool:
        """``count`` iterations, numbered from ``first``; stops at the first failure unless told to keep going."""
        return drive(self._iterate(Blocking(loop), phase, first, count, keep_going))

    async def aiterate(self, phase: str, first: int, count: int, keep_going: bool) -> bool:
        """As ``iterate``, inside the running loop."""
        return await self._iterate(Running(), phase, first, count, keep_going)

    def describe(self, holders: list[int], grown: Sequence[tuple[int, int]] = ()) -> None:
        """Say where these containers are, as far as they still live, and what bounds them.

        ``grown``: the lines whose live memory rose (number of the file, line).
        """
        from .describe import describe_containers  # holes that imports leave in the heap make readings noisy: not earlier

        live_blocks = self._reader.live_blocks(self._reader.sites_numbered(list(grown)))
        self._send(describe_containers(set(holders), live_blocks, self._module_name, self._is_own))

    def widen(self, loop: asyncio.AbstractEventLoop, readings: int, calls: int, seconds: float) -> None:
        """``readings`` further readings, ``calls`` iterations that are not measured before each, for ``seconds`` at most."""
        self._unmeasured(self._looking(loop).widen(self._reader, readings, calls, seconds))

    def look(
        self, loop: asyncio.AbstractEventLoop, frames: int, count: int, explain: bool, sites: list[tuple[int, int]]
    ) -> None:
        """``count`` further iterations that are not measured, to see who calls these lines (number of the file, line).

        ``explain``: also which objects are kept, and by what. What was traced until now is given up: there is no reading
        after this.
        """
        numbered = self._reader.sites_numbered(sites)
        self._unmeasured(self._looking(loop).look(frames, count, explain, numbered, self._module_name))

    def record(self, loop: asyncio.AbstractEventLoop, count: int, peak: bool, path: str) -> None:
        """``count`` further iterations under memray, which writes to ``path``: whose stacks, C frames included, left memory
        behind, or had it alive at the ``peak``.
        """
        self._unmeasured(self._looking(loop).record(count, peak, path))

    def _unmeasured(self, steps: Coroutine[object, object, bool | None]) -> None:
        """Iterations that are not measured belong to the run; their spans are forgotten."""
        with self._in_span(_RUN):
            drive(steps)
        if self._tracing is not None:
            self._tracing.forget()

    def _looking(self, loop: asyncio.AbstractEventLoop) -> Looking:
        return Looking(Blocking(loop), self._loaded().func, self._send, self._is_own)

    def finish(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tear down, and say which packages were in use."""
        drive(self._finish(Blocking(loop)))

    async def afinish(self) -> None:
        """As ``finish``, inside the running loop."""
        await self._finish(Running())

    def _loaded(self) -> target.Eval:
        if self._eval is None:
            raise RuntimeError("no eval is loaded: load() or use() comes first")
        return self._eval

    async def _set_up(self, caller: Caller) -> bool:
        loaded = self._loaded()
        noop_peak_bytes = await _noop_peak_bytes(caller, loaded.func)
        if loaded.setup is not None:
            with self._in_span(_RUN):
                failure = (await caller.call(loaded.setup)).failure
            if failure is not None:
                self._send_spans()
                self._send({"kind": "set_up_failed", "stage": "setup", "failure": failure_message(failure)})
                return False
        description = ""
        if loaded.describe is not None:
            with self._in_span(_RUN):
                outcome = await caller.call(loaded.describe)
            if outcome.failure is not None:
                self._send({"kind": "set_up_failed", "stage": "describe", "failure": failure_message(outcome.failure)})
                return False
            description = str(outcome.value)
        self._ready = True
        await caller.run_what_is_ready()
        reading = self._reader.read_first()
        self._send_spans()
        self._send({"kind": "ready", "description": description, "noop_peak_bytes": noop_peak_bytes, "reading": reading})
        return True

    def _in_span(self, name: str) -> AbstractContextManager[None]:
        """Inside, the span of this name is the current one for the scenario."""
        return _UNTRACED if self._tracing is None else self._tracing.around(name)

    def _send_spans(self) -> None:
        """The scenario's spans, after the reading and before what is told of it: they belong to what is told next."""
        if self._tracing is not None and self._send_lines is not None:
            dropped = self._tracing.send(self._send_lines)
            if dropped:
                self._send({"kind": "spans_dropped", "count": dropped})

    async def _iterate(self, caller: Caller, phase: str, first: int, count: int, keep_going: bool) -> bool:
        complete = await self._iterations(caller, phase, first, count, keep_going)
        self._send({"kind": "paused"})
        return complete

    async def _iterations(self, caller: Caller, phase: str, first: int, count: int, keep_going: bool) -> bool:
        func = self._loaded().func
        for index in range(first, first + count):
            with self._in_span(f"{phase}/{index}"):
                outcome = await caller.call(func)
            outcome.value = None
            await caller.run_what_is_ready()
            if not self._reader.still_tracing():
                self._send_spans()
                self._send({"kind": "tracing_stopped", "index": index, "phase": phase, **_told(outcome)})
                return False
            reading = self._reader.read(outcome.peak_bytes)
            self._send_spans()
            self._send({"kind": "iteration", "index": index, "phase": phase, "reading": reading, **_told(outcome)})
            if outcome.failure is not None and not keep_going:
                return False
            del outcome, reading
        return True

    async def _finish(self, caller: Caller) -> None:
        teardown = self._loaded().teardown
        failure = None
        if teardown is not None and self._ready:
            with self._in_span(_RUN):
                failure = (await caller.call(teardown)).failure
        if tracemalloc.is_tracing():
            tracemalloc.stop()
        self._send_spans()
        self._send(
            {
                "kind": "finished",
                "failure": None if failure is None else failure_message(failure),
                "packages": packages_in_use(),
            }
        )


def _nothing() -> None:
    return None


async def _async_nothing() -> None:
    return None


async def _noop_peak_bytes(caller: Caller, func: Callable[[], object]) -> int:
    """The peak of an iteration that does nothing, called as ``func`` is: what calling itself takes."""
    nothing = _async_nothing if iterate.runs_in_loop(func) else _nothing
    await caller.call(nothing)  # the first call allocates what later ones have
    return (await caller.call(nothing)).peak_bytes


_UNTRACED = contextlib.nullcontext()
_RUN = "run"
"""The span that set-up and tear-down are in (``otel_memeval.tracing.ids``)."""

_CACHED = functools.lru_cache(maxsize=1)(_nothing)


def _told(outcome: Outcome) -> Message:
    """What of an outcome stands in the iteration's message."""
    return {
        "started_at": datetime.fromtimestamp(outcome.started_at_ns / 1e9, timezone.utc).isoformat(),
        "duration_seconds": outcome.duration_seconds,
        "cpu_seconds": outcome.cpu_seconds,
        "waits": outcome.waits,
        "suspended": outcome.suspended,
        "failure": None if outcome.failure is None else failure_message(outcome.failure),
    }
