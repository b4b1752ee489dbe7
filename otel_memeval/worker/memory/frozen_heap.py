"""Freeze the objects from before the iterations, so that a reading walks only what the scenario made since.

``gc.freeze`` moves all objects to a generation that no collection and no ``gc.get_objects`` visits. Imported frameworks have
180,000 to 2.5 million objects, and each reading walks the heap three times.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from gc import collect, freeze, get_freeze_count, get_referrers, unfreeze
from itertools import chain, compress
from operator import not_
from sys import getrefcount

from .container_lengths import GONE, MAX_CONTAINERS, Containers, lengths_of, longest
from .reserve import MemoryReserve

MIN_OBJECTS = 10_000
"""Objects from which on the heap is frozen: about those of an interpreter with asyncio."""

MAX_LISTED = 4 * MAX_CONTAINERS
"""Frozen containers whose lengths are read, the longest ones: 200,000 take 10 ms."""

MAX_READINGS_BETWEEN = 16
"""Most readings without a collection of frozen objects while the traced heap grows."""

_CHUNK = 8_000
"""Containers in one list: malloc may map larger lists than 64 KB or not, so that their size in the C heap is not known."""

_ONLY_LISTED = next(map(getrefcount, [[]]))
"""References to an object that nothing but a list refers to, as ``map`` counts them."""

_FROZEN_BY_PYTHON = 1000
"""More objects than an interpreter freezes at its start (375 in CPython 3.12), and fewer than any program has."""

_CAN_FREEZE = "t" not in getattr(sys, "abiflags", "")
"""A free-threaded build has another collector; freezing is not tried there, and each reading walks the whole heap."""


class FrozenHeap:
    """The objects that are frozen, and a list of the containers among them, which no walk finds any longer.

    The list refers to each container. It releases a container that nothing else refers to at the next reading, with the
    garbage of that iteration; garbage in cycles of frozen objects needs ``thaw``: see ``is_outdated``.
    """

    __slots__ = (
        "_frozen_marker",
        "_gap",
        "_is_left_to_scenario",
        "_modules",
        "_others",
        "_plain",
        "_readings",
        "_retained_bytes",
        "_young_marker",
        "is_frozen",
        "reserve",
    )

    def __init__(self) -> None:
        self.is_frozen = False
        """Whether objects are frozen by this tool."""
        self.reserve = MemoryReserve()
        self._plain: list[list[object]] = []
        self._others: list[list[object]] = []
        self._frozen_marker: list[object] = [object()]
        self._young_marker: list[object] = [object()]
        self._modules = 0
        self._is_left_to_scenario = not _CAN_FREEZE
        self._retained_bytes = 0
        self._readings = 0
        self._gap = 1

    def empty_free_lists(self) -> None:
        """Return freed objects that the interpreter keeps for reuse to the allocator.

        Lists and dicts of the last reading lie there with their traces: reused by the scenario, they would count as the
        tool's. A full collection empties the free lists; while everything is frozen, it has no objects to visit.
        """
        if self.is_frozen or _is_any_frozen():  # unfreezing objects of the scenario would change its behaviour
            collect()
            return
        freeze()
        collect()
        unfreeze()

    def is_wanted(self, objects: int) -> bool:
        """Return whether to freeze the objects after a reading that has walked so many.

        What the iterations make later, without imports, is left to be walked: it may become garbage.
        """
        if self.is_frozen or self._is_left_to_scenario or objects < MIN_OBJECTS:
            return False
        return len(sys.modules) != self._modules and not _is_any_frozen()

    def freeze(self, containers: Containers, own: Iterable[object]) -> list[int]:
        """Freeze all objects; return the lengths of the containers, which ``lengths`` returns from now on."""
        excluded = {*containers.inside, *map(id, own)}
        self._plain = _chunks(longest(_without(containers.plain, excluded), MAX_LISTED))
        self._others = _chunks(_without(containers.others, excluded))
        self._modules = len(sys.modules)
        freeze()
        self._young_marker = [object()]
        self.is_frozen = True
        return self.lengths()

    def thaw(self) -> None:
        """Give all objects back to the garbage collector, and let go of the containers."""
        if self.is_frozen and not self._is_left_to_scenario:
            unfreeze()
        self._plain, self._others, self._modules, self.is_frozen = [], [], 0, False

    def is_taken_over(self) -> bool:
        """Return whether the scenario has called ``gc.freeze`` or ``gc.unfreeze``: the tool freezes nothing from then on.

        ``gc.get_freeze_count`` would visit all objects. ``gc.get_referrers`` finds none that is frozen.
        """
        if self.is_frozen:
            found = set(map(id, get_referrers(self._frozen_marker[0], self._young_marker[0])))
            if id(self._frozen_marker) in found or id(self._young_marker) not in found:
                self._is_left_to_scenario = True
        return self._is_left_to_scenario

    def containers(self) -> list[object]:
        """Return the frozen containers, in the order of ``lengths``; ``GONE`` for each that is gone."""
        return list(chain(*self._plain, *self._others))

    def lengths(self) -> list[int]:
        """Return the length of each frozen container, 0 for those that are gone."""
        return lengths_of(chain(*self._plain), chain(*self._others))

    def release(self) -> None:
        """Let go of the containers that the scenario has dropped."""
        while sum(map(_drop_unreferenced, chain(self._plain, self._others))):
            pass

    def is_outdated(self, retained_bytes: int) -> bool:
        """Return whether to collect and to freeze all objects anew after this reading.

        That is the case where modules were imported, and where frozen objects may be garbage: the heap has grown, and the
        last such collection is long ago.
        """
        may_have_garbage = retained_bytes > self._retained_bytes or not self._gap
        self._retained_bytes = retained_bytes
        self._readings += 1
        return self.is_frozen and (len(sys.modules) != self._modules or (may_have_garbage and self._readings >= self._gap))

    def note_collection(self, found: bool) -> None:
        """Take the result of a collection of all objects: where garbage was found, the next one is due after one reading."""
        self._readings = 0
        self._gap = 0 if found else min(2 * self._gap or 1, MAX_READINGS_BETWEEN)


def _is_any_frozen() -> bool:
    """Return whether objects are frozen, by the scenario or by this tool."""
    return get_freeze_count() > _FROZEN_BY_PYTHON


def _chunks(containers: list[object]) -> list[list[object]]:
    return [containers[start : start + _CHUNK] for start in range(0, len(containers), _CHUNK)]


def _without(containers: list[object], excluded: set[int]) -> list[object]:
    return list(compress(containers, map(not_, map(excluded.__contains__, map(id, containers)))))


def _drop_unreferenced(containers: list[object]) -> int:
    """Replace the containers that nothing else refers to; return how many."""
    counts = list(map(getrefcount, containers))
    index, dropped = -1, counts.count(_ONLY_LISTED)
    for _ in range(dropped):
        index = counts.index(_ONLY_LISTED, index + 1)
        containers[index] = GONE
    return dropped
