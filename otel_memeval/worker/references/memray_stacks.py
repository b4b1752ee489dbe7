"""Stacks with C frames, through memray where the scenario's interpreter has it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import takewhile
from typing import Any

MOST_STACKS = 20
MOST_FRAMES = 40

WORTH_TELLING = 0.01
"""A stack with less than this part of the largest is not told."""

Frame = tuple[str, str, int]
"""Function, file, line."""


class MemrayStack:
    """What one stack left alive, or had alive at the peak; the innermost frame first."""

    __slots__ = ("blocks", "frames", "live_bytes")

    def __init__(self, frames: list[Frame], live_bytes: int, blocks: int) -> None:
        self.frames = frames
        self.live_bytes = live_bytes
        self.blocks = blocks


class MemrayRecording:
    """Records every allocation into ``path`` between ``start`` and ``stop``. Raises ``ImportError`` without memray.

    ``peak``: what is alive at the peak is wanted, Python's small objects included; else what is left at the end.
    """

    def __init__(self, path: str, *, peak: bool) -> None:
        self._memray: Any = importlib.import_module("memray")
        self._path = path
        self._peak = peak
        self._tracker: Any = None

    def start(self) -> None:
        """From here on."""
        self._tracker = self._memray.Tracker(self._path, native_traces=True, trace_python_allocators=self._peak)
        self._tracker.__enter__()

    def stop(self) -> None:
        """Until here."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.__exit__(None, None, None)

    def stacks(self, fewest_blocks: int, is_own: Callable[[str], bool]) -> list[MemrayStack]:
        """The largest, most bytes first, without the tool's own frames at their outer end. What has fewer blocks than
        ``fewest_blocks`` was replaced, not kept, or is an arena of Python's own allocator.
        """
        with self._memray.FileReader(self._path) as reader:
            if self._peak:
                records = list(reader.get_high_watermark_allocation_records(merge_threads=True))
            else:
                records = list(reader.get_leaked_allocation_records(merge_threads=True))
            records = [record for record in records if record.n_allocations >= fewest_blocks]
            records.sort(key=lambda record: -record.size)
            stacks = []
            for record in records:
                frames = record.hybrid_stack_trace(max_stacks=MOST_FRAMES)
                inner = list(takewhile(lambda frame: not is_own(frame[1]), frames))
                if inner and record.size > WORTH_TELLING * records[0].size:
                    stacks.append(MemrayStack(inner, record.size, record.n_allocations))
                if len(stacks) == MOST_STACKS:
                    break
            return stacks
