"""Find the bound of a container: in the container, its owner, or the code around it. A bounded cache is no leak."""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from ..clock import Clock
from ..memory.container_lengths import LruCache, length, own_bound
from ..memory.heap import Site
from ..references.items import dead_references
from ..references.paths import ReferencePath
from ..references.referents import type_name
from .code_limits import CodeLimits, SurroundingCode
from .conditions import MAX_RATIO, Bound
from .mentions import attributes, plain_name
from .names import is_number

NO_CODE_BOUNDS = "MEMEVAL_NO_CODE_BOUNDS"
"""Environment variable of the worker, for benchmarks only: 1 switches the reading of code off."""

_USUAL_NAMES = frozenset(
    ("maxsize", "max_size", "maxlen", "max_len", "max_length", "max_entries", "max_items", "max_count", "capacity", "limit")
)
"""Names of attributes that bound a container, in the standard library, cachetools and the packages of the benchmarks."""

_IN_USE = "currsize"
"""Name in cachetools of the number that is compared with ``maxsize``: items, or another measure of them."""

CURSORS_OF_CONNECTION = 200
"""Cursors after which a connection drops weak references to dead ones (Modules/_sqlite/connection.c)."""

MAX_ALIKE = 2
"""Containers of the same kind at the same steps, such as a set in each of many messages, for which code is read in vain."""

LIVE_TIMERS_PART = 4
"""Number of cancelled timers for each live one from which on a loop's timers are cancelled ones that gather."""


def bounds_of(
    containers: Mapping[int, object],
    paths: Mapping[int, ReferencePath],
    grown: Collection[Site] = (),
    growing: Collection[int] = (),
    end_seconds: float = math.inf,
) -> tuple[dict[int, Bound], list[int]]:
    """Return the bound of each container that has one, and the ids of containers whose bound was not searched for.

    All mappings have the ``id()`` of the container as key. The search ends after ``end_seconds`` of the clock, but not
    before one of the ``growing`` containers was found to have no bound: then the others decide no verdict.

    ``paths``: the references from a module to the containers, as far as there are any. ``grown``: lines whose live memory
    rose in the run. If ``MEMEVAL_NO_CODE_BOUNDS`` is 1, no code is read, and only bounds in the data remain: maxlen,
    maxsize, and attributes with a usual name. That is for benchmarks only, to measure the effect of reading code.
    """
    read_code = os.environ.get(NO_CODE_BOUNDS) != "1"
    finder = BoundFinder([paths[key] for key in containers if key in paths], grown, read_code=read_code)
    bounds: dict[int, Bound] = {}
    unsearched: list[int] = []
    is_decided = False
    for key, container in containers.items():
        if is_decided and Clock.seconds() > end_seconds:
            unsearched.append(key)
            continue
        with contextlib.suppress(Exception):  # code of a kind that the reader does not expect sets no bound
            bound = finder.bound_of(container, paths.get(key), is_growing=key in growing)
            if bound is not None:
                bounds[key] = bound
        is_decided = is_decided or (key in growing and key not in bounds)
    return bounds, unsearched


class BoundFinder:
    """Finds the bounds of containers at the end of ``paths``. Parameters as those of ``bounds_of``."""

    def __init__(self, paths: Iterable[ReferencePath], grown: Collection[Site] = (), *, read_code: bool = True) -> None:
        self._paths, self._grown, self._read_code = paths, grown, read_code
        self._known: dict[tuple[int, ...], Bound | None] = {}
        self._in_vain: dict[tuple[object, ...], int] = {}

    @cached_property
    def _code(self) -> CodeLimits:
        """The code of the process, which takes a second to read in a large one: read once it is needed."""
        return CodeLimits((path.objects for path in self._paths), self._grown)

    def bound_of(self, container: object, path: ReferencePath | None, *, is_growing: bool = True) -> Bound | None:
        """Return the bound of the container; None if none is known, or if the container exceeds the number.

        Of containers that are not known to be growing and differ in an index or a key only, the first few are read.
        """
        own = own_bound(container)
        if own is not None or type(container) is LruCache:
            return None if own is None else Bound(own, "maxsize" if type(container) is LruCache else "maxlen")
        if any(container is vars(re).get(name) for name in ("_cache", "_cache2")):
            maximum = _positive_int(getattr(re, "_MAXCACHE", None))
            return None if maximum is None else Bound(maximum, "re._MAXCACHE")
        timers = _bound_of_timers(container)
        if timers is not None or path is None:
            return timers or _bound_by_attribute(container, [container], None)
        if type(container) is list and _is_sqlite_connection(path.owner):
            return _bound_of_cursors(container)
        kind = tuple((label.partition("[")[0], type(obj)) for label, obj in path.links)
        if not is_growing and self._in_vain.get(kind, 0) >= MAX_ALIKE:
            return None
        bound = self._bound_by_code_or_attribute(path.objects) or self._bound_of_cache(container, path)
        if bound is None:
            self._in_vain[kind] = self._in_vain.get(kind, 0) + 1
        return bound

    def _bound_by_code_or_attribute(self, object_chain: Sequence[object]) -> Bound | None:
        key = tuple(map(id, object_chain))
        if key not in self._known:  # the other parts of a cache are asked for each of its parts
            self._known[key] = self._find_bound(object_chain)
        return self._known[key]

    def _find_bound(self, object_chain: Sequence[object]) -> Bound | None:
        code = self._code.surrounding_code(object_chain) if self._read_code else None
        bound = None if code is None else code.bound()
        return bound or _bound_by_attribute(object_chain[-1], object_chain[-1:-3:-1], code)

    def _bound_of_cache(self, container: object, path: ReferencePath) -> Bound | None:
        """Return the bound of a cache that the container is a part of: the parts of a cache grow together.

        Only attributes lead from the cache to the container, and a bounded container of the cache is at least as long.
        """
        items = length(container)
        chain = path.objects
        for place in range(len(chain) - 2, 0, -1):
            if not (path.links[place][0].startswith(" -> ") and path.links[place + 1][0].startswith(" -> ")):
                return None
            for _, value in attributes(chain[place - 1]):
                if type(value) in (dict, list, set) and not any(value is obj for obj in chain) and length(value) >= items:
                    bound = self._bound_by_code_or_attribute([*chain[:place], value])
                    if bound is not None:
                        return bound
        return None


def _is_sqlite_connection(owner: object) -> bool:
    sqlite = sys.modules.get("_sqlite3")
    kind = None if sqlite is None else vars(sqlite).get("Connection")
    return type(kind) is type and issubclass(type(owner), kind)


def _bound_of_cursors(cursors: list[object]) -> Bound | None:
    """Return the bound of a connection's list of weak references: live cursors stay, dead ones are dropped now and then."""
    dead = dead_references(cursors)
    if not dead or dead > CURSORS_OF_CONNECTION:
        return None
    max_items = len(cursors) - dead + CURSORS_OF_CONNECTION
    return Bound(max_items, f"sqlite3 forgets dead cursors every {CURSORS_OF_CONNECTION}")


def _bound_of_timers(container: object) -> Bound | None:
    """Return the bound of an event loop's timers, if most are cancelled.

    asyncio drops cancelled timers if there are more than 100 and more than half (asyncio/base_events.py: ``_run_once``).
    """
    events, base = sys.modules.get("asyncio.events"), sys.modules.get("asyncio.base_events")
    kind = None if events is None else vars(events).get("TimerHandle")
    least = None if base is None else _positive_int(vars(base).get("_MIN_SCHEDULED_TIMER_HANDLES"))
    if type(container) is not list or least is None or not container or any(type(item) is not kind for item in container):
        return None
    live = sum(not item.cancelled() for item in container)
    if LIVE_TIMERS_PART * live > len(container) - live:
        return None
    return Bound(live + max(live, least) + 1, f"asyncio drops cancelled timers beyond {least}")


def _bound_by_attribute(container: object, objects: Sequence[object], code: SurroundingCode | None) -> Bound | None:
    """Return the bound by an attribute with a usual name, of the container or the objects that it belongs to."""
    items = length(container)
    for obj in objects:
        pairs = attributes(obj)
        in_use = next((value for name, value in pairs if plain_name(name) == _IN_USE and is_number(value)), None)
        for name, value in pairs:
            maximum, plain = _positive_int(value), plain_name(name)
            if plain not in _USUAL_NAMES or maximum is None or not (code is None or code.compares_attribute(plain)):
                continue
            text = f"{name.lstrip('_') if '__' not in name else plain} of {type_name(obj)}"
            if in_use is None or in_use == items:
                if maximum >= items:
                    return Bound(maximum, text)
            elif 0 < in_use <= maximum <= MAX_RATIO * in_use:  # type: ignore[operator]
                return Bound(None, f"{text}, by its {_IN_USE} ({in_use:,} of {maximum:,})")
    return None


def _positive_int(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None
