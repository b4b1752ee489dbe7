"""Who called the lines that grow: what a few further iterations left alive, by the whole stack that allocated it.

Tracing more than one frame a block makes a run several times slower, so it is done for this look only, after everything
that is measured.
"""

from __future__ import annotations

import gc
import tracemalloc
from _tracemalloc import _get_traces
from collections.abc import Callable
from typing import cast

from ..memory.heap import Site, count_equal
from ..memory.reading import MOST_COLLECTIONS

MOST_STACKS = 300
"""Stacks in one message, those that kept most first."""

Frames = tuple[Site, ...]


def collect_garbage() -> None:
    """Collect what can be collected."""
    for _ in range(MOST_COLLECTIONS):
        if not gc.collect():
            break


class LiveStack:
    """One stack, the innermost frame first, without the tool's own: the bytes and blocks that it left alive, and how many
    bytes of these were added since the mark.

    ``complete`` says that no frame of the scenario's is missing at its outer end.
    """

    __slots__ = ("added_bytes", "alive_bytes", "blocks", "complete", "frames")

    def __init__(self, frames: Frames, complete: bool, alive_bytes: int, added_bytes: int, blocks: int) -> None:
        self.frames = frames
        self.complete = complete
        self.alive_bytes = alive_bytes
        self.added_bytes = added_bytes
        self.blocks = blocks


class StackTracer:
    """Traces with ``frames`` frames a block from its making on, and tells what stayed of what the ``sites`` allocated.

    ``sites``: empty for all lines. ``is_own`` says which files are the tool's.
    """

    def __init__(self, frames: int, sites: frozenset[Site], is_own: Callable[[str], bool]) -> None:
        self._sites = sites
        self._is_own = is_own
        self._before: dict[tuple[Frames, bool], tuple[int, int]] = {}
        tracemalloc.stop()
        tracemalloc.start(frames)
        self._sentinel = object()

    def still_tracing(self) -> bool:
        """False when something switched tracemalloc off, or cleared it."""
        return tracemalloc.is_tracing() and tracemalloc.get_object_traceback(self._sentinel) is not None

    def mark(self) -> None:
        """Bytes are added from here on: what each iteration merely replaces is there by now."""
        self._before = self._alive()

    def stacks(self) -> list[LiveStack]:
        """What is alive now, those that added and then those that keep the most bytes first."""
        stacks = []
        for key, (alive_bytes, blocks) in self._alive().items():
            added_bytes = alive_bytes - self._before.get(key, (0, 0))[0]
            stacks.append(LiveStack(*key, alive_bytes, max(0, added_bytes), blocks))
        stacks.sort(key=lambda stack: (-stack.added_bytes, -stack.alive_bytes))
        return stacks[:MOST_STACKS]

    def _alive(self) -> dict[tuple[Frames, bool], tuple[int, int]]:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            collect_garbage()
            counts = count_equal(cast("list[tuple[int, int, Frames, int]]", _get_traces()))
        finally:
            if was_enabled:
                gc.enable()
        alive: dict[tuple[Frames, bool], tuple[int, int]] = {}
        # A trace is (domain, size, ((file, line), ...), frames in all), the innermost frame first.
        for (_, size, frames, depth), count in counts.items():
            if (self._sites and frames[0] not in self._sites) or self._is_own(frames[0][0]):
                continue
            outer = next((place for place, frame in enumerate(frames) if self._is_own(frame[0])), None)
            key = (frames, depth <= len(frames)) if outer is None else (frames[:outer], True)
            live_bytes, blocks = alive.get(key, (0, 0))
            alive[key] = (live_bytes + size * count, blocks + count)
        return alive
