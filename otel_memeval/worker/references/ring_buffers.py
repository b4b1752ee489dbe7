"""Lists that take in what grows and do not become longer: a ring whose slots were None, a window that is made anew."""

from __future__ import annotations

import gc
import types
from _tracemalloc import _get_object_traceback
from collections.abc import Iterable, Mapping
from itertools import repeat
from operator import is_

from ..memory.heap import Site

MOST_ITEMS = 100_000
"""A longer list is not looked at."""

MOST_INSIDE = 200_000
"""Objects inside of a list that are looked at."""

BLOCKS_OF_ITEM = 8
"""An item may come with so many more blocks of its line: a dict's table, an object's attributes, what they hold."""

_ENDS = 8
_ELSEWHERE = (type, types.ModuleType, types.FunctionType, types.FrameType)


class RingBuffer:
    """A list of constant length, and the growing lines that allocated its contents."""

    __slots__ = ("container", "lines")

    def __init__(self, container: list[object], lines: frozenset[Site]) -> None:
        self.container = container
        self.lines = lines


def find_ring_buffers(containers: Iterable[object], grown: Mapping[Site, int]) -> list[RingBuffer]:
    """Return the lists that hold most of what the growing lines keep; ``grown``: live blocks of each growing line."""
    live = {site: blocks for site, blocks in grown.items() if blocks}
    found = []
    for obj in containers:
        if type(obj) is not list or not 2 <= len(obj) <= MOST_ITEMS:
            continue
        if not any(_line(item) in live for item in obj[:_ENDS] + obj[-_ENDS:]):
            continue
        counts: dict[Site, int] = {}
        for item in obj:
            line = _line(item)
            if line in live:
                counts[line] = counts.get(line, 0) + 1
        if any(count >= 2 and count * BLOCKS_OF_ITEM >= live[line] for line, count in counts.items()):
            found.append(RingBuffer(obj, _lines_inside(obj, live)))
    return found


def empty_slots(slots: list[object]) -> int:
    """How many hold None; asks no object whether it equals that."""
    return sum(map(is_, slots, repeat(None)))


def _line(obj: object) -> Site:
    frames = _get_object_traceback(obj)
    return frames[0] if frames else ("", 0)


def _lines_inside(container: list[object], grown: Mapping[Site, int]) -> frozenset[Site]:
    """The growing lines of all that hangs on the list's items, as far as no module or class leads on."""
    seen = {id(container)}
    queue: list[object] = [one for one in container if one is not None]
    lines = {_line(container)} & set(grown)
    while queue and len(seen) < MOST_INSIDE:
        obj = queue.pop()
        if id(obj) in seen or issubclass(type(obj), _ELSEWHERE):
            continue
        seen.add(id(obj))
        line = _line(obj)
        if line in grown:
            lines.add(line)
        queue.extend(gc.get_referents(obj))
    return frozenset(lines)
