"""Read the lengths of all containers: almost every leak makes a container longer.

Containers are dicts, lists, sets, deques, instances of classes derived from them, and ``functools.lru_cache``. The garbage
collector does not know a dict that holds nothing but numbers and strings: such dicts are found as referents of other
objects.
"""

from __future__ import annotations

import functools
import gc
import types
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, compress, filterfalse, repeat
from operator import is_, ne
from types import ModuleType
from typing import Any

from .heap import count_equal

LruCache = type(functools.lru_cache(maxsize=1)(lambda: None))
"""The type of a function that ``functools.lru_cache`` wraps."""

MAX_CONTAINERS = 50_000
"""Containers that are followed, the longest ones, so that a large heap stays cheap to read (``benchmarks/reading.py``)."""

_cache_info: Callable[[Any], Any] = LruCache.cache_info

GONE: deque[object] = deque(maxlen=0)
"""Takes the place of a container that the scenario has dropped, so that others keep their places; it stays empty."""

CONTAINER_TYPES = (dict, list, set, deque)
_CHUNK = 4096
"""Objects whose referents are listed at once: few calls, and no list of all referents."""

_attributes_of_cache = LruCache.__dict__["__dict__"]

_HOLD_NO_DICT = frozenset(
    {
        ModuleType,
        type,
        frozenset,
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
"""Types whose referents include no dict that the garbage collector does not know.

Their dicts (of attributes, defaults, closures) are known, or are referents of tuples and dicts that are known. A frozenset
holds only hashable objects. The referents of a module must not be listed: in Python 3.12 the module _asyncio shows objects
that it has already freed, and touching them makes the next collection run for ever.
"""

_FOLLOWED, _PLAIN, _PLAIN_SET, _DERIVED, _CACHE, _NOT_FOLLOWED = range(6)
"""Roles of a type: no container, but its referents are listed; exactly a container; a set, which holds no dict; derived from
a container; an ``lru_cache``; no container, and its referents are not listed."""


def _table(*roles: int) -> bytes:
    """Return a table for ``bytes.translate``: 1 for each of ``roles``, else 0."""
    return bytes(role in roles for role in range(256))


_ARE_PLAIN = _table(_PLAIN, _PLAIN_SET)
_ARE_OTHERS = _table(_DERIVED, _CACHE)
_ARE_CACHES = _table(_CACHE)
_ARE_FOLLOWED = _table(_FOLLOWED, _PLAIN, _DERIVED, _CACHE)


def length(container: object) -> int:
    """Return the number of items of a container, of results of an ``lru_cache``. Runs no code of a subclass.

    Raises ``TypeError`` for an object that is no container.
    """
    kind = type(container)
    if kind is LruCache:
        return int(_cache_info(container).currsize)
    for base in CONTAINER_TYPES:
        if issubclass(kind, base):
            return int(base.__len__(container))  # type: ignore[arg-type]
    raise TypeError(f"{kind.__name__} is not a container that is followed")


def own_bound(container: object) -> int | None:
    """Return the largest length that a deque or an ``lru_cache`` allows; None without one."""
    if type(container) is LruCache:
        maxsize = _cache_info(container).maxsize
        return None if maxsize is None else int(maxsize)
    if issubclass(type(container), deque):
        return deque.maxlen.__get__(container)  # type: ignore[no-any-return]
    return None


def hits(container: object) -> int | None:
    """Return how often an ``lru_cache`` had the result; None for other containers."""
    return int(_cache_info(container).hits) if type(container) is LruCache else None


def _subclasses_of_containers() -> frozenset[type]:
    found: set[type] = set()
    queue: list[type] = [subclass for base in CONTAINER_TYPES for subclass in base.__subclasses__()]
    while queue:
        kind = queue.pop()
        if kind not in found:
            found.add(kind)
            queue.extend(type.__subclasses__(kind))
    return frozenset(found)


def _exactly_dicts(objects: list[object]) -> Iterator[object]:
    return compress(objects, map(is_, map(type, objects), repeat(dict)))


def _untracked_dicts(objects: list[object]) -> dict[int, object]:
    """Return the referents of ``objects`` that are dicts and that the garbage collector does not know, by their ids."""
    found: dict[int, object] = {}
    for start in range(0, len(objects), _CHUNK):
        referents = gc.get_referents(*objects[start : start + _CHUNK])
        dicts = list(filterfalse(gc.is_tracked, _exactly_dicts(referents)))
        found.update(zip(map(id, dicts), dicts))
    return found


def inner_dict(cache: object) -> object:
    """Return the dict in which an ``lru_cache`` finds its results.

    Its referents come in the order of ``lru_cache_tp_traverse`` (Modules/_functoolsmodule.c): its results, which may be
    dicts as well, then this dict, last its attributes.
    """
    attributes = _attributes_of_cache.__get__(cache)
    dicts = [referent for referent in gc.get_referents(cache) if type(referent) is dict and referent is not attributes]
    return dicts[-1] if dicts else None


def _roles(objects: list[object]) -> bytes:
    """Return the role of each object's type, one byte each."""
    roles: defaultdict[type, int] = defaultdict(int)
    roles.update(zip(_subclasses_of_containers(), repeat(_DERIVED)))
    roles.update(zip(_HOLD_NO_DICT, repeat(_NOT_FOLLOWED)))
    roles.update({dict: _PLAIN, list: _PLAIN, deque: _PLAIN, set: _PLAIN_SET, LruCache: _CACHE})
    kinds = list(map(type, objects))
    return bytes(map(roles.__getitem__, kinds))


class Containers:
    """The containers that live now, without those that are frozen.

    ``plain``: exactly dicts, lists, sets and deques; ``others``: instances of derived classes, and caches. ``inside``: ids
    of the dicts inside of caches, which are no containers of their own. ``walked``: number of objects that were examined.
    """

    __slots__ = ("inside", "others", "plain", "walked")

    def __init__(self) -> None:
        """Find the containers: dicts that the garbage collector does not know too, unless the heap is so large that the
        search would make a reading slow.
        """
        objects = gc.get_objects()
        roles = _roles(objects)
        self.walked = len(objects)
        self.plain = list(compress(objects, roles.translate(_ARE_PLAIN)))
        self.others = list(compress(objects, roles.translate(_ARE_OTHERS)))
        self.inside = set(map(id, map(inner_dict, compress(objects, roles.translate(_ARE_CACHES)))))
        if len(objects) <= 4 * MAX_CONTAINERS:
            self.plain += _untracked_dicts(list(compress(objects, roles.translate(_ARE_FOLLOWED)))).values()


def find_containers() -> list[object]:
    """Return every container that lives now; the dict inside an ``lru_cache`` is not one of them."""
    found = Containers()
    return [container for container in (*found.plain, *found.others) if id(container) not in found.inside]


def lengths_of(plain: Iterable[object], others: Iterable[object]) -> list[int]:
    """Return the lengths of containers, the plain ones first.

    Plain containers are measured in C: a Python object for each of them would be traced.
    """
    lengths = list(map(len, plain))  # type: ignore[arg-type]
    lengths += map(length, others)
    return lengths


def _longer_than(lengths: list[int], count: int) -> int:
    """Return the least length that at most ``count`` of the lengths exceed; -1 if there are no more than ``count``.

    That is ``sorted(lengths)[-count - 1]``; most lengths are equal, so only the distinct ones are sorted.
    """
    counts = count_equal(lengths)
    longer = 0
    for distinct in sorted(counts, reverse=True):
        longer += counts[distinct]
        if longer > count:
            return distinct
    return -1


def longest(plain: list[object], count: int) -> list[object]:
    """Return the longest plain containers, at most ``count``; of a length with which not all fit, none."""
    if len(plain) <= count:
        return plain
    lengths = list(map(len, plain))  # type: ignore[arg-type]
    return list(compress(plain, map(_longer_than(lengths, count).__lt__, lengths)))


def _by_id(ids: Iterable[int], lengths: Iterable[int]) -> dict[int, int]:
    return dict(zip(ids, lengths))


def read_lengths(containers: Containers, own: Iterable[object] = ()) -> dict[int, int]:
    """Return the length of every container by its ``id()``, without the tool's ``own`` containers.

    Above ``MAX_CONTAINERS``, the shortest are left out, as few as possible.
    """
    lengths = lengths_of(containers.plain, containers.others)
    every = chain(containers.plain, containers.others)
    if len(lengths) > MAX_CONTAINERS:
        shortest = _longer_than(lengths, MAX_CONTAINERS)
        keep = list(map(shortest.__lt__, lengths))
        by_id = _by_id(map(id, compress(every, keep)), compress(lengths, keep))
    else:
        by_id = _by_id(map(id, every), lengths)
    for key in containers.inside:
        by_id.pop(key, None)
    for container in own:
        by_id.pop(id(container), None)
    return by_id


def changed_lengths(before: dict[int, int], now: dict[int, int]) -> list[tuple[int, int, int]]:
    """Return ``(id, before, now)`` of the containers whose length changed."""
    was = list(map(before.get, now))
    changed = compress(zip(now, was, now.values()), map(ne, was, now.values()))
    return [(key, items, items_now) for key, items, items_now in changed if items is not None]


def changed_in_place(containers: list[object], before: list[int], now: list[int]) -> list[tuple[int, int, int]]:
    """Return ``(id, before, now)`` of the containers whose length changed; one that is gone has none."""
    if before == now:
        return []
    changed = compress(zip(containers, before, now), map(ne, before, now))
    return [(id(container), items, items_now) for container, items, items_now in changed if container is not GONE]
