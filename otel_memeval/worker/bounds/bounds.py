"""How long a container may become, where it, its owner or the code around it says so: a bounded cache that still fills is
not a leak.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import types
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..memory.container_lengths import LruCache, bound, length
from ..memory.heap import Site
from ..references.items import dead_references
from ..references.paths import Found, dict_of_type, mro_of_type, own_dict, type_name
from .code_limits import CodeAround, Limits, plain
from .conditions import MOST_TIMES, Limit
from .names import is_number

NO_CODE_BOUNDS = "MEMEVAL_NO_CODE_BOUNDS"
"""Environment variable of the worker, for benchmarks only: 1 switches the reading of code off."""

_NAMES = frozenset(
    ("maxsize", "max_size", "maxlen", "max_len", "max_length", "max_entries", "max_items", "max_count", "capacity", "limit")
)
"""What attributes that bound a container are called, by the standard library, cachetools and people."""

_IN_USE = "currsize"
"""What cachetools and its like count against their ``maxsize``: items, or any other measure of them."""

_PLAIN_MODULES = (None, "builtins", "collections")
"""Classes of these have no attributes of a person's."""

CURSORS_OF_CONNECTION = 200
"""How many cursors are made before a connection drops its weak references to dead ones (Modules/_sqlite/connection.c)."""

LIVE_TIMERS_PART = 4
"""A loop's timers are cancelled ones that gather if there are this many times as many of them as of others."""


def bounds_of(
    containers: Mapping[int, object], paths: Mapping[int, Found], grown: Collection[Site] = ()
) -> dict[int, Limit]:
    """Return the bound of each container that has one. All mappings have the ``id()`` of the container as key.

    ``paths``: how the containers are reached from a module, as far as they are. ``grown``: lines whose live memory rose in
    the run. If ``MEMEVAL_NO_CODE_BOUNDS`` is 1, no code is read: only bounds that stand in the data remain (maxlen, maxsize,
    and attributes with a usual name). For benchmarks only; it shows how much reading the code is worth.
    """
    read_code = os.environ.get(NO_CODE_BOUNDS) != "1"
    finder = BoundFinder([paths[key] for key in containers if key in paths], grown, read_code=read_code)
    bounds: dict[int, Limit] = {}
    for key, container in containers.items():
        with contextlib.suppress(Exception):  # code that is odd in a new way says nothing of a bound
            limit = finder.bound_of(container, paths.get(key))
            if limit is not None:
                bounds[key] = limit
    return bounds


class BoundFinder:
    """Finds the bounds of containers that are reached by ``paths``. Parameters as those of ``bounds_of``."""

    def __init__(self, paths: Iterable[Found], grown: Collection[Site] = (), *, read_code: bool = True) -> None:
        chains = ([obj for _, obj in path.links] for path in paths)
        self._code = Limits(chains, grown) if read_code else None

    def bound_of(self, container: object, found: Found | None) -> Limit | None:
        """What keeps the container from growing without end; None if nothing is known to.

        A number counts only while the container keeps to it.
        """
        own = bound(container)
        if own is not None or type(container) is LruCache:
            return None if own is None else Limit(own, "maxsize" if type(container) is LruCache else "maxlen", "", 0)
        if any(container is vars(re).get(name) for name in ("_cache", "_cache2")):
            most = _whole(getattr(re, "_MAXCACHE", None))
            return None if most is None else Limit(most, "re._MAXCACHE", "", 0)
        timers = _of_timers(container)
        if timers is not None or found is None:
            return timers or _named(container, [container], None)
        if type(container) is list and _is_connection(found.owner):
            return _of_connection(container)
        return self._by_code_or_name([obj for _, obj in found.links]) or self._inherited(container, found)

    def _by_code_or_name(self, chain: Sequence[object]) -> Limit | None:
        code = None if self._code is None else self._code.around(chain)
        limit = None if code is None else code.limit()
        return limit or _named(chain[-1], chain[-1:-3:-1], code)

    def _inherited(self, container: object, found: Found) -> Limit | None:
        """The bound of an object further up, if only attributes lead from it to here and it holds a container as long as
        this one within that bound: the parts of a cache grow together.
        """
        items = length(container)
        chain = [obj for _, obj in found.links]
        for place in range(len(chain) - 2, 0, -1):
            if not (found.links[place][0].startswith(" -> ") and found.links[place + 1][0].startswith(" -> ")):
                return None
            for _, value in _attributes(chain[place - 1]):
                if type(value) in (dict, list, set) and not any(value is one for one in chain) and length(value) >= items:
                    limit = self._by_code_or_name([*chain[:place], value])
                    if limit is not None:
                        return limit
        return None


def _is_connection(owner: object) -> bool:
    sqlite = sys.modules.get("_sqlite3")
    kind = None if sqlite is None else vars(sqlite).get("Connection")
    return type(kind) is type and issubclass(type(owner), kind)


def _of_connection(cursors: list[object]) -> Limit | None:
    """A connection's list of weak references: those that live stay, and dead ones are dropped now and then."""
    dead = dead_references(cursors)
    if not dead or dead > CURSORS_OF_CONNECTION:
        return None
    most = len(cursors) - dead + CURSORS_OF_CONNECTION
    return Limit(most, f"sqlite3 forgets dead cursors every {CURSORS_OF_CONNECTION}", "", 0)


def _of_timers(container: object) -> Limit | None:
    """Return the bound of a loop's timers, if most are cancelled.

    asyncio drops those once they are more than 100 and more than half (asyncio/base_events.py: ``_run_once``).
    """
    events, base = sys.modules.get("asyncio.events"), sys.modules.get("asyncio.base_events")
    kind = None if events is None else vars(events).get("TimerHandle")
    least = None if base is None else _whole(vars(base).get("_MIN_SCHEDULED_TIMER_HANDLES"))
    if type(container) is not list or least is None or not container or any(type(item) is not kind for item in container):
        return None
    live = sum(not item.cancelled() for item in container)
    if LIVE_TIMERS_PART * live > len(container) - live:
        return None
    return Limit(live + max(live, least) + 1, f"asyncio drops cancelled timers beyond {least}", "", 0)


def _named(container: object, objects: Sequence[object], code: CodeAround | None) -> Limit | None:
    """An attribute with a usual name, of the container or of what it belongs to."""
    items = length(container)
    for obj in objects:
        attributes = _attributes(obj)
        in_use = next((value for name, value in attributes if plain(name) == _IN_USE and is_number(value)), None)
        for name, value in attributes:
            most = _whole(value)
            if plain(name) not in _NAMES or most is None or not (code is None or code.speaks_of(plain(name))):
                continue
            text = f"{name.lstrip('_') if '__' not in name else plain(name)} of {type_name(obj)}"
            if in_use is None or in_use == items:
                if most >= items:
                    return Limit(most, text, "", 0)
            elif 0 < in_use <= most <= MOST_TIMES * in_use:  # type: ignore[operator]
                return Limit(None, f"{text}, by its {_IN_USE} ({in_use:,} of {most:,})", "", 0)
    return None


def _whole(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None


def _attributes(obj: object) -> list[tuple[str, object]]:
    """Names and values of an instance's attributes and its classes' constants; no code of the object's is run."""
    kinds = [kind for kind in mro_of_type(type(obj)) if dict_of_type(kind).get("__module__") not in _PLAIN_MODULES]
    if not kinds or issubclass(type(obj), (type, types.ModuleType)):
        return []
    found = list(own_dict(obj).items())
    for kind in kinds:
        for name, member in tuple(dict_of_type(kind).items()):
            if type(member) is types.MemberDescriptorType:
                with contextlib.suppress(Exception):  # an empty slot
                    found.append((name, member.__get__(obj, kind)))
            else:
                found.append((name, member))
    return found
