"""The lengths of all containers: what a leak almost always makes grow.

Containers are dicts, lists, sets, deques and what derives from them, and ``functools.lru_cache``. A dict that holds
nothing but numbers and strings is not known to the garbage collector: those are found as referents of what is.
"""

from __future__ import annotations

import functools
import gc
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from itertools import compress, filterfalse, repeat
from operator import is_, not_
from types import ModuleType
from typing import Any

LruCache = type(functools.lru_cache(maxsize=1)(lambda: None))
"""The type of a function that ``functools.lru_cache`` wraps."""

MOST_CONTAINERS = 50_000
"""Above this many, the shortest containers are not followed, so that a large heap stays cheap to read."""

_cache_info: Callable[[Any], Any] = LruCache.cache_info

_BASES = (dict, list, set, deque)
_EXACT = frozenset(_BASES)
_CHUNK = 4096
_attributes_of_cache = LruCache.__dict__["__dict__"]

_HOLD_NO_DICT = frozenset(
    {
        ModuleType,
        type,
        property,
        classmethod,
        staticmethod,
        types.FunctionType,
        types.BuiltinFunctionType,
        types.MethodDescriptorType,
        types.WrapperDescriptorType,
        types.GetSetDescriptorType,
        types.MemberDescriptorType,
        types.ClassMethodDescriptorType,
        weakref.ReferenceType,
    }
)
"""Not asked for dicts that the garbage collector does not know: theirs (of attributes, defaults, closures) are known, or
are reached through tuples and dicts that are. Modules must not be asked: in Python 3.12 the one of _asyncio shows objects
that it has already freed, and touching those makes the next collection run for ever."""


def length(container: object) -> int:
    """How many items a container holds; for an ``lru_cache``, how many results. Runs no code of a subclass."""
    kind = type(container)
    if kind is LruCache:
        return int(_cache_info(container).currsize)
    for base in _BASES:
        if issubclass(kind, base):
            return int(base.__len__(container))  # type: ignore[arg-type]
    raise TypeError(f"{kind.__name__} is not a container that is followed")


def bound(container: object) -> int | None:
    """The length that a container itself says it will not exceed."""
    if type(container) is LruCache:
        maxsize = _cache_info(container).maxsize
        return None if maxsize is None else int(maxsize)
    if issubclass(type(container), deque):
        return deque.maxlen.__get__(container)  # type: ignore[no-any-return]
    return None


def _subclasses_of_containers() -> frozenset[type]:
    found: set[type] = set()
    queue: list[type] = [subclass for base in _BASES for subclass in base.__subclasses__()]
    while queue:
        kind = queue.pop()
        if kind not in found:
            found.add(kind)
            queue.extend(type.__subclasses__(kind))
    return frozenset(found)


def _untracked_dicts(objects: list[object]) -> list[object]:
    """Dicts that the garbage collector does not know, referred to by ``objects``."""
    found: dict[int, object] = {}
    for start in range(0, len(objects), _CHUNK):
        referents = gc.get_referents(*objects[start : start + _CHUNK])
        dicts = compress(referents, map({dict}.__contains__, map(type, referents)))
        for obj in filterfalse(gc.is_tracked, dicts):
            found[id(obj)] = obj
    return list(found.values())


def inner_dict(cache: object) -> object:
    """The dict in which an ``lru_cache`` finds its results.

    What it refers to comes in the order of ``lru_cache_tp_traverse`` (Modules/_functoolsmodule.c): its results, of which
    any may be a dict as well, then this one, last of all its attributes.
    """
    attributes = _attributes_of_cache.__get__(cache)
    dicts = [referent for referent in gc.get_referents(cache) if type(referent) is dict and referent is not attributes]
    return dicts[-1] if dicts else None


def _containers() -> tuple[list[object], set[int]]:
    """Every container that lives now, and the ids of those that are the insides of ``lru_cache`` objects."""
    objects = gc.get_objects()
    kinds_met = list(map(type, objects))
    kinds = _subclasses_of_containers().union(_BASES)
    containers = list(compress(objects, map(kinds.__contains__, kinds_met)))
    if len(objects) <= 4 * MOST_CONTAINERS:
        walked = list(compress(objects, map(not_, map(_HOLD_NO_DICT.__contains__, kinds_met))))
        containers.extend(_untracked_dicts(walked))
    caches = list(compress(objects, map(is_, kinds_met, repeat(LruCache))))
    containers.extend(caches)
    return containers, {id(inner) for inner in map(inner_dict, caches)}


def find_containers() -> list[object]:
    """Every container that lives now; the dict inside an ``lru_cache`` is not one."""
    containers, inside = _containers()
    return [container for container in containers if id(container) not in inside]


def read_lengths(own: Iterable[object] = ()) -> dict[int, int]:
    """The length of every container by its ``id()``; ``own`` are the tool's, left out.

    With more than ``MOST_CONTAINERS`` the shortest are left out, as few as it takes.
    """
    containers, inside = _containers()
    # What is exactly a list or a dict is measured in C; an object of Python's for each would itself be traced.
    plain = list(map(_EXACT.__contains__, map(type, containers)))
    others = list(compress(containers, map(not_, plain)))
    containers = list(compress(containers, plain))
    lengths = list(map(len, containers))  # type: ignore[arg-type]
    containers.extend(others)
    lengths.extend(map(length, others))
    if len(containers) > MOST_CONTAINERS:
        shortest = sorted(lengths, reverse=True)[MOST_CONTAINERS]
        keep = list(map(shortest.__lt__, lengths))
        containers = list(compress(containers, keep))
        lengths = list(compress(lengths, keep))
    by_id = dict(zip(map(id, containers), lengths))
    for key in inside:
        by_id.pop(key, None)
    for container in own:
        by_id.pop(id(container), None)
    return by_id


def changed_lengths(before: dict[int, int], now: dict[int, int]) -> list[tuple[int, int, int]]:
    """``(id, before, now)`` of the containers that were there before with another length."""
    return [(key, before[key], now[key]) for key, _ in now.items() - before.items() if key in before]
