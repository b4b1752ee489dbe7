"""Which objects grew: types, counts and sizes of what a look left alive, and a chain of references to one of them."""

from __future__ import annotations

import gc
import tracemalloc
import types
from collections.abc import Callable, Iterator
from itertools import filterfalse

from ..memory.heap import Site
from .items import allocated_at, may_be_traced, size_of
from .paths import dict_of_type, reach, type_name

MOST_TYPES = 20
MOST_SOUGHT = 5
"""Types of which a chain is looked for."""

MOST_EXAMPLES = 5
"""Objects of each that it may lead to."""

_CHUNK = 4096

Counts = dict[str, tuple[int, int]]
"""Objects and bytes by the name of their type."""


def full_type_name(obj: object) -> str:
    """The type's name with its module; builtin ones without."""
    module = dict_of_type(type(obj)).get("__module__")
    name = type_name(obj)
    return name if type(module) is not str or module == "builtins" else f"{module}.{name}"


class TypeGrowth:
    """What a look left alive, by type: since tracing began, and since the mark. ``is_own`` says which files are the tool's.

    ``sites``: only what these lines allocated, where that is anything; empty for all lines.
    """

    def __init__(self, sites: frozenset[Site], is_own: Callable[[str], bool]) -> None:
        self._sites = sites
        self._is_own = is_own
        self._before: tuple[Counts, Counts] = ({}, {})

    def mark(self) -> None:
        """Growth is what is added from here on: what each iteration merely replaces is there by now."""
        self._before = self._alive()[:2]

    def types_and_chain(self, scenario_module: str) -> tuple[list[tuple[str, int, int]], list[tuple[str, str]]]:
        """``(type, objects, bytes)`` added since the mark, most bytes first; and the steps from a module to one of these
        objects, each with the type of what it leads to: empty where no module leads to any. Ends the tracing: to walk from
        the modules would take ten times as long with it.
        """
        at_sites, anywhere, examples = self._alive()
        added = _added(self._before[0], at_sites) or _added(self._before[1], anywhere)
        ranked = sorted(added, key=lambda name: (-added[name][1], name))[:MOST_TYPES]
        targets = [obj for name in ranked[:MOST_SOUGHT] for obj in examples.get(name, [])]
        tracemalloc.stop()
        found = reach({id(obj) for obj in targets}, scenario_module)
        chain = next((found[id(obj)].steps() for obj in targets if id(obj) in found), [])
        return [(name, *added[name]) for name in ranked], chain

    def _alive(self) -> tuple[Counts, Counts, dict[str, list[object]]]:
        """What was allocated since tracing began and lives: at the sites, anywhere, and the newest few of each type."""
        at_sites: Counts = {}
        anywhere: Counts = {}
        examples: dict[str, list[object]] = {}
        for obj in _traced_objects():
            site = allocated_at(obj)
            if site is None or self._is_own(site[0]):
                continue
            name = full_type_name(obj)
            size = size_of(obj)
            here = not self._sites or site in self._sites
            for counts in (at_sites, anywhere) if here else (anywhere,):
                count, total = counts.get(name, (0, 0))
                counts[name] = (count + 1, total + size)
            if here:  # the last ones are the newest
                kept = examples.setdefault(name, [])
                kept.append(obj)
                del kept[:-MOST_EXAMPLES]
        return at_sites, anywhere, examples


def _traced_objects() -> Iterator[object]:
    """Every object that was allocated since tracing began, as far as the garbage collector knows it or something that it
    knows refers to it: each once.
    """
    level = gc.get_objects()
    seen: set[int] = set()
    yield from may_be_traced(level)
    while level:
        found: dict[int, object] = {}
        # What a module refers to may be freed already (Python 3.12).
        level = [obj for obj in level if not issubclass(type(obj), types.ModuleType)]
        for start in range(0, len(level), _CHUNK):
            untracked = filterfalse(gc.is_tracked, gc.get_referents(*level[start : start + _CHUNK]))
            found.update((id(obj), obj) for obj in untracked if id(obj) not in seen)
        level = list(found.values())
        seen.update(found)
        yield from may_be_traced(level)


def _added(before: Counts, now: Counts) -> Counts:
    added = {}
    for name, (count, total) in now.items():
        count_before, total_before = before.get(name, (0, 0))
        if total > total_before:
            added[name] = (count - count_before, total - total_before)
    return added
