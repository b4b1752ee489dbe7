"""Run iterations after the measured ones: to find growth that single readings hide, or the causes of growth.

The causes are callers, types of objects, and stacks with C frames.
"""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable

from .call_fields import failure_fields
from .clock import Clock
from .iterate import ScenarioFailure
from .memory.heap import Site
from .memory.reading import MemoryReader, PlainMessage, collect_garbage, may_stop_tracing
from .references.grown_types import TypeGrowth
from .references.memray_stacks import MemrayRecording, MemrayStack
from .references.stacks import LiveStack, StackTracer
from .references.watched_call import CallWatch, scenario_files
from .resources.reading import ResourceReader
from .scenario_caller import ScenarioCaller
from .target import without_partial


class FollowUpSteps:
    """Calls the scenario's function again, but not after ``seconds``. Other parameters as those of ``Harness``."""

    def __init__(
        self,
        caller: ScenarioCaller,
        func: Callable[[], object],
        send: Callable[[PlainMessage], None],
        is_own: Callable[[str], bool],
        seconds: float = math.inf,
    ) -> None:
        self._end_seconds = Clock.seconds() + seconds
        self._caller = caller
        self._func = func
        self._send = send
        self._is_own = is_own

    async def attribute_callers(
        self, frames: int, count: int, explain: bool, sites: frozenset[Site], module_name: str
    ) -> None:
        """Send the stacks that allocated retained memory at these sites.

        ``explain``: send the types of the retained objects as well, and the references that keep one of them alive.
        """
        if tracemalloc.is_tracing() and not may_stop_tracing():
            untraced = {"type": "Untraced", "message": "tracing cannot be restarted after sub-interpreters", "frames": []}
            self._send({"kind": "stacks", "stacks": [], "failure": untraced})
            return
        tracer = StackTracer(frames, sites, self._is_own)
        growth = TypeGrowth(sites, self._is_own) if explain else None

        def at_half_time() -> None:
            tracer.mark()
            if growth is not None:
                growth.mark()

        failure = await self._iterate(count, tracer.still_tracing, at_half_time)
        stacks = tracer.stacks() if failure is None else []
        if growth is not None and failure is None:
            types, chain = growth.types_and_chain(module_name)
            self._send({"kind": "grown_types", "types": types, "chain": chain})
        tracemalloc.stop()
        self._send({"kind": "stacks", "stacks": list(map(_stack_fields, stacks)), "failure": failure})

    async def record_stacks(self, count: int, peak: bool, path: str) -> None:
        """Send the stacks that memray records into ``path``: of memory that is left, or was alive at the ``peak``."""
        tracemalloc.stop()
        failure: PlainMessage | None = None
        stacks: list[MemrayStack] = []
        try:
            recording = MemrayRecording(path, peak=peak)
            recording.start()
            try:
                failure = await self._iterate(count, lambda: True, lambda: None)
                if not peak:
                    collect_garbage()
            finally:
                recording.stop()
            if failure is None:
                stacks = recording.stacks(1 if peak else count // 2, self._is_own)
        except Exception as error:  # memray is not installed, or cannot record here
            failure = failure_fields(ScenarioFailure(error))
        rows = [{"frames": stack.frames, "bytes": stack.live_bytes, "blocks": stack.blocks} for stack in stacks]
        self._send({"kind": "memray_stacks", "stacks": rows, "failure": failure})

    async def describe_resources(
        self, reader: ResourceReader, added: dict[str, int], grace_seconds: float, frames: int, iterations: int
    ) -> None:
        """Send descriptions of the ``added`` resources, by name how many, once those have ended that end by themselves.

        ``iterations`` are run before, traced with ``frames`` frames per block.
        """
        from .resources.calls import CallRecorder  # not earlier, as in Harness.describe
        from .resources.descriptions import ResourceDescriber, describe_children

        failure: PlainMessage | None = None
        calls: CallRecorder | None = None
        if iterations:
            tracer = StackTracer(frames, frozenset(), self._is_own)
            calls = CallRecorder(self._is_own)
            failure = await self._iterate(iterations, tracer.still_tracing, lambda: None)
            calls.stop()
        loop = self._caller.loop()
        collect_garbage()
        counts = await reader.read_settled(loop, self._caller.pause, added, grace_seconds)
        describer = ResourceDescriber(reader.own, loop, self._is_own, calls)
        self._send(
            {
                "kind": "resources",
                "counts": counts.fields(unique=True),
                "added": {name: describer.added(name, count, counts) for name, count in added.items()},
                "children": describe_children(counts),
                "failure": failure,
            }
        )

    async def read_batches(self, reader: MemoryReader, readings: int, iterations: int, seconds: float) -> None:
        """Send ``readings`` readings, each after some iterations; end early when the ``seconds`` are over."""
        end = Clock.seconds() + seconds
        failure: PlainMessage | None = None
        for _ in range(readings):
            failure = await self._iterate(iterations, reader.still_tracing, lambda: None)
            if failure is not None or Clock.seconds() > end:
                break
            self._send({"kind": "batched_reading", "reading": reader.read(), "failure": None})
        self._send({"kind": "batched_reading", "reading": None, "failure": failure})

    async def watch_call(self) -> None:
        """Call the function once; send whether it did any work, and the streams that it dropped unread."""
        code = getattr(without_partial(self._func), "__code__", None)
        watch = CallWatch(scenario_files(code.co_filename if code is not None else "", self._is_own))
        with watch.watching():
            result = await self._caller.call(self._func)
            result.value = None
        await self._caller.run_what_is_ready()
        dropped = [
            {"object": each.kind, "name": each.name, "file": each.file, "line": each.line, "function": each.function}
            for each in watch.dropped()
        ]
        self._send(
            {
                "kind": "watched_call",
                "computes": watch.computes,
                "communicates": watch.communicates,
                "dropped": dropped,
                "failure": None if result.failure is None else failure_fields(result.failure),
            }
        )

    async def _iterate(
        self, count: int, still_tracing: Callable[[], bool], at_half_time: Callable[[], None]
    ) -> PlainMessage | None:
        """Run ``count`` iterations that are not measured; return the failure that ended them early, or None."""
        for index in range(1, count + 1):
            if Clock.seconds() > self._end_seconds:
                return {"type": "Timeout", "message": "the follow-up budget was used up (--follow-up-budget)", "frames": []}
            result = await self._caller.call(self._func)
            result.value = None
            failure = result.failure or await self._caller.run_what_is_ready()
            if failure is not None:
                return failure_fields(failure)
            if not still_tracing():
                return {"type": "Untraced", "message": "the scenario stopped or cleared tracemalloc", "frames": []}
            if index == count // 2:
                at_half_time()
            self._send({"kind": "follow_up_iteration", "index": index})
        return None


def _stack_fields(stack: LiveStack) -> PlainMessage:
    return {
        "frames": stack.frames,
        "complete": stack.complete,
        "alive_bytes": stack.alive_bytes,
        "added_bytes": stack.added_bytes,
        "blocks": stack.blocks,
    }
