"""Find the callers of growing lines: the memory that a few further iterations leave, by the stack that allocated it.

To trace more than one frame per block makes a run several times slower. So it is done after all measured iterations.
"""

from __future__ import annotations

import gc
import tracemalloc
from _tracemalloc import _get_traces
from collections.abc import Callable
from typing import cast

from ..memory.heap import Site, count_equal
from ..memory.reading import collect_garbage

MAX_STACKS = 300
"""Stacks in one message, those with the most memory first: some 100 KB of JSON, and far more than a report shows."""

Frames = tuple[Site, ...]
"""File and line of each frame, the innermost first."""

_StackKey = tuple[Frames, bool]


class LiveStack:
    """Live memory that one stack allocated. ``added_bytes``: the part that was added since the mark.

    ``frames`` are without those of the tool; ``complete``: no frame of the scenario is missing at the outer end.
    """

    __slots__ = ("added_bytes", "alive_bytes", "blocks", "complete", "frames")

    def __init__(self, frames: Frames, complete: bool, alive_bytes: int, added_bytes: int, blocks: int) -> None:
        self.frames = frames
        self.complete = complete
        self.alive_bytes = alive_bytes
        self.added_bytes = added_bytes
        self.blocks = blocks


class StackTracer:
    """Traces with ``frames`` frames per block from its creation on. ``sites``: the lines to report; empty for all.

    ``is_own`` returns whether a file is the tool's.
    """

    def __init__(self, frames: int, sites: frozenset[Site], is_own: Callable[[str], bool]) -> None:
        self._sites = sites
        self._is_own = is_own
        self._before: dict[_StackKey, tuple[int, int]] = {}
        tracemalloc.stop()
        tracemalloc.start(frames)
        self._sentinel = object()

    def still_tracing(self) -> bool:
        """Return False if the scenario stopped or cleared tracemalloc."""
        return tracemalloc.is_tracing() and tracemalloc.get_object_traceback(self._sentinel) is not None

    def mark(self) -> None:
        """Count memory as added from here on: memory that each iteration replaces exists by now."""
        self._before = self._alive()

    def stacks(self) -> list[LiveStack]:
        """Return the stacks with live memory: those that added the most bytes first, then those that keep the most."""
        stacks = []
        for key, (alive_bytes, blocks) in self._alive().items():
            added_bytes = alive_bytes - self._before.get(key, (0, 0))[0]
            stacks.append(LiveStack(*key, alive_bytes, max(0, added_bytes), blocks))
        stacks.sort(key=lambda stack: (-stack.added_bytes, -stack.alive_bytes))
        return stacks[:MAX_STACKS]

    def _alive(self) -> dict[_StackKey, tuple[int, int]]:
        """Return live bytes and blocks by stack."""
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            collect_garbage()
            counts = count_equal(cast("list[tuple[int, int, Frames, int]]", _get_traces()))
        finally:
            if was_enabled:
                gc.enable()
        alive: dict[_StackKey, tuple[int, int]] = {}
        # A trace is (domain, size, ((file, line), ...), number of all frames), the innermost frame first.
        for (_, size, frames, depth), count in counts.items():
            if (self._sites and frames[0] not in self._sites) or self._is_own(frames[0][0]):
                continue
            outer = next((place for place, frame in enumerate(frames) if self._is_own(frame[0])), None)
            key = (frames, depth <= len(frames)) if outer is None else (frames[:outer], True)
            live_bytes, blocks = alive.get(key, (0, 0))
            alive[key] = (live_bytes + size * count, blocks + count)
        return alive
