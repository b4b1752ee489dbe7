"""Find the types of the objects that grew: counts, sizes, and a chain of references to one of the objects."""

from __future__ import annotations

import gc
import tracemalloc
import types
from collections.abc import Callable, Iterator
from itertools import filterfalse

from ..memory.heap import Site
from .items import allocated_at, may_be_traced, size_of
from .paths import find_paths
from .referents import dict_of_type, type_name

MAX_TYPES = 20
"""Types in a message: more than the report shows."""

MAX_CHAIN_TYPES = 5
"""Types whose objects a chain is searched to."""

MAX_EXAMPLES = 5
"""Objects of each type that a chain may lead to: the newest, which are the likeliest to be kept."""

_CHUNK = 4096
"""Objects whose referents are listed at once: few calls, and no list of all referents."""

_TypeCounts = dict[str, tuple[int, int]]
"""Number of objects and bytes by the name of their type."""


def full_type_name(obj: object) -> str:
    """Return the name of an object's type with its module; without it for builtin types."""
    module = dict_of_type(type(obj)).get("__module__")
    name = type_name(obj)
    return name if type(module) is not str or module == "builtins" else f"{module}.{name}"


class TypeGrowth:
    """Counts live objects by type, since tracing began and since the mark. ``is_own``: whether a file is the tool's.

    ``sites``: the lines whose objects are counted, if they grew at all; empty for all lines.
    """

    def __init__(self, sites: frozenset[Site], is_own: Callable[[str], bool]) -> None:
        self._sites = sites
        self._is_own = is_own
        self._before: tuple[_TypeCounts, _TypeCounts] = ({}, {})

    def mark(self) -> None:
        """Count objects as added from here on: objects that each iteration replaces exist by now."""
        self._before = self._alive()[:2]

    def types_and_chain(self, scenario_module: str) -> tuple[list[tuple[str, int, int]], list[tuple[str, str]]]:
        """Return the types that grew since the mark, and a chain of references to one of the objects.

        The types are rows of name, number of objects and bytes, most bytes first. The chain is the text of each step from a
        module on, with the type that it leads to; empty if no module leads to any of the objects. Stops tracing, which would
        make the walk over all references ten times slower.
        """
        at_sites, anywhere, examples = self._alive()
        added = _added(self._before[0], at_sites) or _added(self._before[1], anywhere)
        ranked = sorted(added, key=lambda name: (-added[name][1], name))[:MAX_TYPES]
        targets = [obj for name in ranked[:MAX_CHAIN_TYPES] for obj in examples.get(name, [])]
        tracemalloc.stop()
        paths = find_paths(targets, scenario_module)
        chain = next((paths[id(obj)].types() for obj in targets if id(obj) in paths), [])
        return [(name, *added[name]) for name in ranked], chain

    def _alive(self) -> tuple[_TypeCounts, _TypeCounts, dict[str, list[object]]]:
        """Return live objects allocated since tracing began: at the sites, anywhere, and the newest few of each type."""
        at_sites: _TypeCounts = {}
        anywhere: _TypeCounts = {}
        examples: dict[str, list[object]] = {}
        for obj in _traced_objects():
            site = allocated_at(obj)
            if site is None or self._is_own(site[0]):
                continue
            name = full_type_name(obj)
            size = size_of(obj)
            at_site = not self._sites or site in self._sites
            for counts in (at_sites, anywhere) if at_site else (anywhere,):
                count, total = counts.get(name, (0, 0))
                counts[name] = (count + 1, total + size)
            if at_site:  # the last ones are the newest
                newest = examples.setdefault(name, [])
                newest.append(obj)
                del newest[:-MAX_EXAMPLES]
        return at_sites, anywhere, examples


def _traced_objects() -> Iterator[object]:
    """Yield each object allocated since tracing began that the garbage collector knows, or that a known object refers to."""
    level = gc.get_objects()
    seen: set[int] = set()
    yield from may_be_traced(level)
    while level:
        found: dict[int, object] = {}
        # The referents of a module may be freed already (Python 3.12).
        level = [obj for obj in level if not issubclass(type(obj), types.ModuleType)]
        for start in range(0, len(level), _CHUNK):
            untracked = filterfalse(gc.is_tracked, gc.get_referents(*level[start : start + _CHUNK]))
            found.update((id(obj), obj) for obj in untracked if id(obj) not in seen)
        level = list(found.values())
        seen.update(found)
        yield from may_be_traced(level)


def _added(before: _TypeCounts, now: _TypeCounts) -> _TypeCounts:
    added = {}
    for name, (count, total) in now.items():
        count_before, total_before = before.get(name, (0, 0))
        if total > total_before:
            added[name] = (count - count_before, total - total_before)
    return added
