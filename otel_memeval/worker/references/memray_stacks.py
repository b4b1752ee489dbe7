"""Record stacks with C frames through memray, if the scenario's interpreter has it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import takewhile
from typing import Any

MAX_STACKS = 20
MAX_FRAMES = 40
"""Stacks in a message, and frames of each: more than the report shows."""

MIN_SHARE = 0.01
"""Share of the largest stack's bytes below which a stack is left out."""

_MemrayFrame = tuple[str, str, int]
"""Function, file, line."""


class MemrayStack:
    """Memory that one stack left, or had alive at the peak; the innermost frame first."""

    __slots__ = ("blocks", "frames", "live_bytes")

    def __init__(self, frames: list[_MemrayFrame], live_bytes: int, blocks: int) -> None:
        self.frames = frames
        self.live_bytes = live_bytes
        self.blocks = blocks


class MemrayRecording:
    """Records every allocation into the file ``path`` between ``start`` and ``stop``. Raises ``ImportError`` without memray.

    ``peak``: report the memory alive at the peak, small objects of Python included; otherwise the memory left at the end.
    """

    def __init__(self, path: str, *, peak: bool) -> None:
        self._memray: Any = importlib.import_module("memray")
        self._path = path
        self._peak = peak
        self._tracker: Any = None

    def start(self) -> None:
        """Start to record."""
        self._tracker = self._memray.Tracker(self._path, native_traces=True, trace_python_allocators=self._peak)
        self._tracker.__enter__()

    def stop(self) -> None:
        """Stop to record."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.__exit__(None, None, None)

    def stacks(self, min_blocks: int, is_own: Callable[[str], bool]) -> list[MemrayStack]:
        """Return the largest stacks, most bytes first, without the tool's frames at their outer end.

        Stacks with fewer than ``min_blocks`` blocks are left out: their memory was replaced and not kept, or is an arena of
        Python's own allocator.
        """
        with self._memray.FileReader(self._path) as reader:
            if self._peak:
                records = list(reader.get_high_watermark_allocation_records(merge_threads=True))
            else:
                records = list(reader.get_leaked_allocation_records(merge_threads=True))
            records = [record for record in records if record.n_allocations >= min_blocks]
            records.sort(key=lambda record: -record.size)
            stacks = []
            for record in records:
                frames = record.hybrid_stack_trace(max_stacks=MAX_FRAMES)
                inner = list(takewhile(lambda frame: not is_own(frame[1]), frames))
                if inner and record.size > MIN_SHARE * records[0].size:
                    stacks.append(MemrayStack(inner, record.size, record.n_allocations))
                if len(stacks) == MAX_STACKS:
                    break
            return stacks
