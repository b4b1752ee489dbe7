"""Iterations after the measured ones, which look for growth too small to see, or for what explains growth:
callers, objects, C frames.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

from .iterate import Caller, Failure
from .memory.heap import Site
from .memory.reading import Message, Reader
from .references.grown_types import Grown
from .references.memray_stacks import NativeStack, Recording
from .references.stacks import Look, Stack, collect


def failure_message(failure: Failure) -> Message:
    """A failure as it travels."""
    return {"type": failure.type, "message": failure.message, "frames": failure.where}


class Looking:
    """Calls the scenario's function again; ``send`` is called with every message, ``is_own`` says which files are the
    tool's.
    """

    def __init__(
        self,
        caller: Caller,
        func: Callable[[], object],
        send: Callable[[Message], None],
        is_own: Callable[[str], bool],
    ) -> None:
        self._caller = caller
        self._func = func
        self._send = send
        self._is_own = is_own

    async def look(self, frames: int, count: int, explain: bool, sites: frozenset[Site], module_name: str) -> bool:
        """Tell who allocates at these sites what stays; with ``explain`` also which objects, and what keeps them.

        False if an iteration failed.
        """
        look = Look(frames, sites, self._is_own)
        grown = Grown(sites, self._is_own) if explain else None

        def halfway() -> None:
            look.mark()
            if grown is not None:
                grown.mark()

        failure = await self._call_again(count, look.still_tracing, halfway)
        stacks = look.stacks() if failure is None else []
        if grown is not None and failure is None:
            types, chain = grown.types_and_chain(module_name)
            self._send({"kind": "grown_types", "types": types, "chain": chain})
        tracemalloc.stop()
        self._send({"kind": "stacks", "stacks": [_stack_message(stack) for stack in stacks], "failure": failure})
        return failure is None

    async def record(self, count: int, peak: bool, path: str) -> bool:
        """Tell the stacks that memray records into ``path``: of what is left, or was alive at the ``peak``. False if it
        could not.
        """
        tracemalloc.stop()
        failure: Message | None = None
        stacks: list[NativeStack] = []
        try:
            recording = Recording(path, peak=peak)
            recording.start()
            try:
                failure = await self._call_again(count, lambda: True, lambda: None)
                if not peak:
                    collect()
            finally:
                recording.stop()
            if failure is None:
                stacks = recording.stacks(1 if peak else count // 2, self._is_own)
        except Exception as error:  # memray is not there, or cannot record here
            failure = failure_message(Failure(error))
        told = [{"frames": stack.frames, "bytes": stack.bytes, "blocks": stack.blocks} for stack in stacks]
        self._send({"kind": "memray_stacks", "stacks": told, "failure": failure})
        return failure is None

    async def widen(self, reader: Reader, readings: int, calls: int, seconds: float) -> bool:
        """``readings`` readings, ``calls`` iterations before each; ended early when the ``seconds`` are up. False if an
        iteration failed.
        """
        end = time.monotonic() + seconds
        failure: Message | None = None
        for _ in range(readings):
            failure = await self._call_again(calls, reader.still_tracing, lambda: None)
            if failure is not None or time.monotonic() > end:
                break
            self._send({"kind": "batched_reading", "reading": reader.read(0), "failure": None})
        self._send({"kind": "batched_reading", "reading": None, "failure": failure})
        return failure is None

    async def _call_again(self, count: int, unhindered: Callable[[], bool], halfway: Callable[[], None]) -> Message | None:
        """``count`` iterations that are not measured; the failure that ended them early, if one did."""
        for index in range(1, count + 1):
            outcome = await self._caller.call(self._func)
            outcome.value = None
            await self._caller.run_what_is_ready()
            if outcome.failure is not None:
                return failure_message(outcome.failure)
            if not unhindered():
                return {"type": "Untraced", "message": "the scenario stopped or cleared tracemalloc", "frames": []}
            if index == count // 2:
                halfway()
            self._send({"kind": "follow_up_iteration", "index": index})
        return None


def _stack_message(stack: Stack) -> Message:
    return {
        "frames": stack.frames,
        "complete": stack.whole,
        "alive_bytes": stack.alive_bytes,
        "added_bytes": stack.added_bytes,
        "blocks": stack.blocks,
    }
