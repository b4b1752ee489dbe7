"""Run one eval step by step: load, set up, iterate, follow up, finish. Every step sends messages about its results.

The worker process sends the messages through a pipe; ``run.in_process`` keeps them for ``run()`` and ``arun()``.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
import sys
import tracemalloc
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from types import ModuleType
from typing import TYPE_CHECKING

from . import target
from .call_fields import call_fields, failure_fields
from .clock import Clock
from .eval_database import storing
from .event_loop import foreign_name
from .follow_up import FollowUpSteps
from .iterate import ForkedChild, ScenarioFailure, is_run_in_loop, leave_forked_child, shown_text
from .memory.process_memory import ProcessReader
from .memory.reading import MemoryReader, PlainMessage, has_sub_interpreters, may_stop_tracing
from .packages import packages_in_use
from .readings import Readings
from .resources.reading import ResourceReader
from .resources.reserve import DescriptorReserve
from .scenario_caller import PRIMING_CALLS, ScenarioCaller, noop_peak_bytes

if TYPE_CHECKING:
    from .otel.tracing import SendLines, Tracing

WIRE_VERSION = 2
"""Version of the messages, as in ``otel_memeval.wire``, which cannot be imported here; a test compares the two."""

_RUN = "run"
"""Name of the span around set-up, tear-down and follow-ups, as in ``otel_memeval.tracing.ids``."""

_NO_SPAN = contextlib.nullcontext()


class Harness:
    """Runs one eval, and reads its memory. Keeps nothing of the messages that it sends.

    ``caller`` calls the scenario. ``send`` is called with each message, ``send_lines`` after a reading with the encoded
    messages of all spans that have ended since the previous reading. ``is_own`` returns whether a file is the tool's.
    """

    def __init__(
        self,
        caller: ScenarioCaller,
        send: Callable[[PlainMessage], None],
        send_lines: SendLines,
        is_own: Callable[[str], bool],
    ) -> None:
        self._caller = caller
        self._send = send
        self._send_lines = send_lines
        self._is_own = is_own
        self._process = ProcessReader()
        self._reader = MemoryReader(is_own, self._process, caller.heap)
        self._resources = ResourceReader()
        self._readings = Readings(caller, self._reader, self._resources)
        self._reserve = DescriptorReserve()
        self._module_name = ""
        self._eval: target.LoadedEval | None = None
        self._is_set_up = False
        self._tracing: Tracing | None = None
        self.is_finished = False
        """Whether the run is over: after ``finish``, or because the target could not be loaded or set up."""

    def hello(self) -> None:
        """Send the version of the messages, the interpreter (with a ``t`` for a free-threaded build) and the platform."""
        self._send(
            {
                "kind": "hello",
                "wire": WIRE_VERSION,
                "python": platform.python_version() + ("t" if "t" in getattr(sys, "abiflags", "") else ""),
                "platform": platform.platform(),
                "missing_channels": [*self._process.missing_channels(), *self._resources.missing_channels()],
            }
        )

    def trace(self, run_id: str, trace_id: str, sampled: bool, span_contents: bool, event_contents: bool) -> None:
        """Collect the spans of the scenario from now on; comes before ``load``. Parameters as in ``wire.TraceScenario``."""
        from .otel.tracing import Tracing  # only with --trace-scenario

        self._tracing = Tracing(
            run_id, trace_id, sampled=sampled, span_contents=span_contents, event_contents=event_contents
        )

    def load(self, source: str, name: str) -> None:
        """Import the module and take the eval that ``name`` names, or its first eval if ``name`` is empty."""
        process = os.getpid()
        try:
            module: ModuleType = target.load_module(source)
            leave_forked_child(process)
            names = [name] if name else target.names_of(module)
            if self._tracing is not None:
                self._tracing.install()
            self.use(target.eval_named(module, names[0]), module.__name__, names)
        except target.TargetProblem as problem:
            self._reject_target(str(problem), None)
        except ForkedChild:
            raise
        except BaseException as error:
            self._reject_target(f"{source} raised on import", failure_fields(ScenarioFailure(error)))

    def _reject_target(self, problem: str, failure: PlainMessage | None) -> None:
        self._send({"kind": "target_rejected", "problem": problem, "failure": failure})
        self.is_finished = True

    def use(self, loaded: target.LoadedEval, module_name: str, names: list[str]) -> None:
        """Take an eval that exists already, and make its event loop."""
        try:
            self._caller.open(loaded.loop_factory, is_run_in_loop(loaded.func))
        except target.TargetProblem as problem:
            self._reject_target(str(problem), None)
            return
        except BaseException as error:
            self._reject_target(f"no event loop for {loaded.name}", failure_fields(ScenarioFailure(error)))
            return
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
                "awaits_nothing": target.awaits_nothing(loaded.func),
                "has_database": loaded.database is not None,
                "fields": loaded.fields,
            }
        )

    def _loaded(self) -> target.LoadedEval:
        if self._eval is None:
            raise RuntimeError("no eval is loaded: load() or use() comes first")
        return self._eval

    async def set_up(self) -> bool:
        """Start tracing, run the set-up, and take the initial reading. If the set-up fails, finish and return False."""
        if self._tracing is not None:
            self._tracing.prime(PRIMING_CALLS)
        if await self._primed():
            self._readings.prime()
            self._reader.start()
            if await self._set_up():
                return True
        await self.finish()
        return False

    async def _primed(self) -> bool:
        """Have the caller allocate what it needs; return False, and send the failure, if the event loop does not work."""
        try:
            await self._caller.prime()
        except Exception as error:
            self._send({"kind": "set_up_failed", "stage": "event loop", "failure": failure_fields(ScenarioFailure(error))})
            return False
        return True

    async def _set_up(self) -> bool:
        loaded = self._loaded()
        noop_peak = await noop_peak_bytes(self._caller, loaded.func)
        if loaded.setup is not None:
            with self._in_span(_RUN):
                failure = (await self._caller.call_set_up(loaded.setup)).failure
            failure = failure or await self._caller.run_what_is_ready()
            if failure is not None:
                self._send_spans()
                self._send({"kind": "set_up_failed", "stage": "setup", "failure": failure_fields(failure)})
                return False
        description = ""
        if loaded.describe is not None:
            with self._in_span(_RUN):
                result = await self._caller.call(loaded.describe)
            description, failure = shown_text(result)
            if failure is not None:
                self._send({"kind": "set_up_failed", "stage": "describe", "failure": failure_fields(failure)})
                return False
        self._is_set_up = True
        await self._caller.run_what_is_ready()
        reading = self._readings.first()
        self._send_spans()
        loop = foreign_name(self._caller.loop())
        ready = {"description": description, "noop_peak_bytes": noop_peak, "event_loop": loop, "reading": reading}
        self._send({"kind": "ready", **ready})
        return True

    async def iterate(self, phase: str, first: int, count: int, keep_going: bool) -> bool:
        """Run ``count`` iterations, numbered from ``first``. Return False if one failed and ``keep_going`` is not set."""
        complete = await self._iterations(phase, first, count, keep_going)
        self._send({"kind": "paused"})
        return complete

    async def _iterations(self, phase: str, first: int, count: int, keep_going: bool) -> bool:
        func = self._loaded().func
        self._readings.plan(phase, first + count - 1)
        for index in range(first, first + count):
            modules = len(sys.modules)
            with self._in_span(f"{phase}/{index}"), self._reserve:
                result = await self._caller.call(func)
            result.value = None
            failure = await self._caller.run_what_is_ready()
            result.failure = result.failure or failure
            imported = max(0, len(sys.modules) - modules)
            if not self._reader.still_tracing():
                self._send_spans()
                self._send({"kind": "tracing_stopped", **call_fields(phase, index, result, imported)})
                return False
            reading = await self._readings.after_iteration(index, result)
            self._send_spans()
            self._send({"kind": "iteration", **reading, **call_fields(phase, index, result, imported)})
            if result.failure is not None and not keep_going:
                return False
            del result, reading, failure
        return True

    def _in_span(self, name: str) -> AbstractContextManager[None]:
        """Return a context in which the span of this name is the current span of the scenario."""
        return _NO_SPAN if self._tracing is None else self._tracing.around(name)

    def _send_spans(self) -> None:
        """Send the spans of the scenario: after the reading, and before the message about the step that they belong to."""
        if self._tracing is not None:
            dropped = self._tracing.send(self._send_lines)
            if dropped:
                self._send({"kind": "spans_dropped", "count": dropped})

    def thaw(self) -> None:
        """Give the objects that were frozen for the readings back to the garbage collector."""
        self._reader.thaw()

    def describe(
        self,
        holders: list[int],
        undecided: list[int],
        grown: list[tuple[int, int]],
        leaking: list[tuple[int, int]],
        seconds: float,
    ) -> None:
        """Send descriptions of the containers with these ids that still live, and of ring buffers.

        ``undecided``: ids of containers that may not grow.
        ``grown``: the sites whose live memory rose, ``leaking``: those that keep growing, as number of the file and line.
        ``seconds`` as in ``wire.DescribeContainers``.
        """
        from .describe import describe_containers  # holes that imports leave in the heap make readings noisy: not earlier

        end_seconds = Clock.seconds() + seconds
        young = self._reader.young_objects()
        self.thaw()
        live_blocks = self._reader.live_blocks(self._reader.numbered_sites(grown))
        sites = sorted(self._reader.numbered_sites(leaking))
        wanted = [*holders, *undecided]
        unsure = set(undecided)
        self._send(
            describe_containers(wanted, live_blocks, self._module_name, self._is_own, unsure, sites, young, end_seconds)
        )

    async def describe_resources(
        self, added: list[tuple[str, int]], grace_seconds: float, frames: int, iterations: int, seconds: float
    ) -> None:
        """Send descriptions of the resources that were added last. Parameters as in ``wire.DescribeResources``."""
        steps = self._follow_up_steps(seconds)
        await self._follow_up(steps.describe_resources(self._resources, dict(added), grace_seconds, frames, iterations))

    async def read_batches(self, readings: int, iterations: int, seconds: float) -> None:
        """Take further readings, each after some iterations. Parameters as in ``wire.ReadBatches``."""
        await self._follow_up(self._follow_up_steps().read_batches(self._reader, readings, iterations, seconds))

    async def watch_call(self) -> None:
        """Report whether a call of the function does any work, and the streams that it drops unread."""
        await self._follow_up(self._follow_up_steps().watch_call())

    async def attribute_callers(
        self, frames: int, count: int, explain: bool, sites: list[tuple[int, int]], seconds: float
    ) -> None:
        """Report the callers of these sites. Parameters as in ``wire.AttributeCallers``.

        This gives up the traces that exist so far: no reading can follow.
        """
        numbered = self._reader.numbered_sites(sites)
        steps = self._follow_up_steps(seconds)
        await self._follow_up(steps.attribute_callers(frames, count, explain, numbered, self._module_name))

    async def record_stacks(self, count: int, peak: bool, path: str, seconds: float) -> None:
        """Report the stacks that memray records. Parameters as in ``wire.RecordStacks``."""
        await self._follow_up(self._follow_up_steps(seconds).record_stacks(count, peak, path))

    def _follow_up_steps(self, seconds: float = math.inf) -> FollowUpSteps:
        return FollowUpSteps(self._caller, self._loaded().func, self._send, self._is_own, seconds)

    async def _follow_up(self, step: Coroutine[object, object, object]) -> None:
        """Run a step in the span of the run, and drop the spans that the scenario made in it."""
        self.thaw()
        with self._in_span(_RUN):
            await step
        if self._tracing is not None:
            self._tracing.forget()

    async def store_run(self, record: str) -> None:
        """Store the run in the database of the eval. Parameter as in ``wire.StoreRun``."""
        loaded = self._loaded()
        with self._in_span(_RUN):
            failure = (await self._caller.call(storing(loaded.database, loaded.func, record))).failure
        self._send({"kind": "run_stored", "failure": None if failure is None else failure_fields(failure)})

    async def finish(self) -> None:
        """Run the tear-down, if the set-up succeeded, and send the packages in use."""
        self.thaw()
        teardown = self._loaded().teardown
        failure = None
        if teardown is not None and self._is_set_up:
            with self._in_span(_RUN):
                failure = (await self._caller.call(teardown)).failure
        if may_stop_tracing():
            tracemalloc.stop()
        self._send_spans()
        self._send(
            {
                "kind": "finished",
                "failure": None if failure is None else failure_fields(failure),
                "packages": packages_in_use(),
                "missing_channels": ["containers of sub-interpreters (only their memory counts)"] * has_sub_interpreters(),
            }
        )
        self.is_finished = True
