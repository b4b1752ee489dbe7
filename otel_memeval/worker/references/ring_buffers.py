"""Find lists that hold growing memory at a constant length: ring buffers with free slots, and windows that are made anew."""

from __future__ import annotations

import gc
import types
from _tracemalloc import _get_object_traceback
from collections.abc import Iterable, Mapping
from itertools import repeat
from operator import is_

from ..memory.heap import Site

MAX_ITEMS = 100_000
"""Length of a list above which it is not read: a budget of time."""

MAX_INSIDE = 200_000
"""Objects inside of a list that are visited: a budget of time."""

BLOCKS_PER_ITEM = 8
"""Blocks of its line that one item may come with: the table of a dict, attributes of an object, and the objects in them."""

_ENDS = 8
"""Items at either end of a list that are read before all of it is: new items are at an end, or beside the last free slot."""

_NOT_FOLLOWED = (type, types.ModuleType, types.FunctionType, types.FrameType)


class LiveRingBuffer:
    """A list of constant length, and the growing lines that allocated its contents."""

    __slots__ = ("container", "lines")

    def __init__(self, container: list[object], lines: frozenset[Site]) -> None:
        self.container = container
        self.lines = lines


def find_ring_buffers(containers: Iterable[object], grown: Mapping[Site, int]) -> list[LiveRingBuffer]:
    """Return the lists that hold most of the live memory of a growing line; ``grown``: live blocks of each growing line."""
    live = {site: blocks for site, blocks in grown.items() if blocks}
    fewest = max(2, -(-min(live.values(), default=0) // BLOCKS_PER_ITEM))
    found = []
    for obj in containers if live else ():
        if type(obj) is not list or not fewest <= len(obj) <= MAX_ITEMS:
            continue
        ends = filter(None, map(_get_object_traceback, obj[:_ENDS] + obj[-_ENDS:]))
        if not any(frames[0] in live for frames in ends):
            continue
        counts: dict[Site, int] = {}
        for item in obj:
            line = _line(item)
            if line in live:
                counts[line] = counts.get(line, 0) + 1
        if any(count >= 2 and count * BLOCKS_PER_ITEM >= live[line] for line, count in counts.items()):
            found.append(LiveRingBuffer(obj, _lines_inside(obj, live)))
    return found


def empty_slots(slots: list[object]) -> int:
    """Return the number of items that are None; no object is compared by its own code."""
    return sum(map(is_, slots, repeat(None)))


def _line(obj: object) -> Site:
    frames = _get_object_traceback(obj)
    return frames[0] if frames else ("", 0)


def _lines_inside(container: list[object], live: Mapping[Site, int]) -> frozenset[Site]:
    """Return the growing lines of all objects that the list leads to, other than through modules and classes."""
    seen = {id(container)}
    queue: list[object] = [item for item in container if item is not None]
    lines = {_line(container)} & set(live)
    while queue and len(seen) < MAX_INSIDE:
        obj = queue.pop()
        if id(obj) in seen or issubclass(type(obj), _NOT_FOLLOWED):
            continue
        seen.add(id(obj))
        line = _line(obj)
        if line in live:
            lines.add(line)
        queue.extend(gc.get_referents(obj))
    return frozenset(lines)
