"""The lengths of all containers: what a leak almost always makes grow.

Containers are dicts, lists, sets, deques and what derives from them, and ``functools.lru_cache``. A dict that holds
nothing but numbers and strings is not known to the garbage collector: those are found as referents of what is.
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

MOST_CONTAINERS = 50_000
"""Above this many, the shortest containers are not followed, so that a large heap stays cheap to read."""

_cache_info: Callable[[Any], Any] = LruCache.cache_info

_BASES = (dict, list, set, deque)
_CHUNK = 4096
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
"""Not asked for dicts that the garbage collector does not know: theirs (of attributes, defaults, closures) are known, or
are reached through tuples and dicts that are. A frozenset holds only what has a hash. Modules must not be asked: in Python
3.12 the one of _asyncio shows objects that it has already freed, and touching those makes the next collection run for
ever."""

_WALKED, _PLAIN, _PLAIN_SET, _DERIVED, _CACHE, _PASSED_BY = range(6)
"""What an object of a type is to us: only walked through; exactly a container; a set, which holds no dict; an instance of
a class derived from one; an ``lru_cache``; not even walked through."""


def _table(*parts: int) -> bytes:
    """For ``bytes.translate``: 1 for each of ``parts``, else 0."""
    return bytes(part in parts for part in range(256))


_ARE_PLAIN = _table(_PLAIN, _PLAIN_SET)
_ARE_OTHERS = _table(_DERIVED, _CACHE)
_ARE_CACHES = _table(_CACHE)
_ARE_WALKED = _table(_WALKED, _PLAIN, _DERIVED, _CACHE)


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


def hits(container: object) -> int | None:
    """How often an ``lru_cache`` found what it was asked for; None for other containers."""
    return int(_cache_info(container).hits) if type(container) is LruCache else None


def _subclasses_of_containers() -> frozenset[type]:
    found: set[type] = set()
    queue: list[type] = [subclass for base in _BASES for subclass in base.__subclasses__()]
    while queue:
        kind = queue.pop()
        if kind not in found:
            found.add(kind)
            queue.extend(type.__subclasses__(kind))
    return frozenset(found)


def _exactly_dicts(objects: list[object]) -> Iterator[object]:
    return compress(objects, map(is_, map(type, objects), repeat(dict)))


def _untracked_dicts(objects: list[object]) -> dict[int, object]:
    """Dicts that the garbage collector does not know, referred to by ``objects``, by their ids."""
    found: dict[int, object] = {}
    for start in range(0, len(objects), _CHUNK):
        referents = gc.get_referents(*objects[start : start + _CHUNK])
        dicts = list(filterfalse(gc.is_tracked, _exactly_dicts(referents)))
        found.update(zip(map(id, dicts), dicts))
    return found


def inner_dict(cache: object) -> object:
    """The dict in which an ``lru_cache`` finds its results.

    What it refers to comes in the order of ``lru_cache_tp_traverse`` (Modules/_functoolsmodule.c): its results, of which
    any may be a dict as well, then this one, last of all its attributes.
    """
    attributes = _attributes_of_cache.__get__(cache)
    dicts = [referent for referent in gc.get_referents(cache) if type(referent) is dict and referent is not attributes]
    return dicts[-1] if dicts else None


def _parts_played(objects: list[object]) -> bytes:
    """What each object is to us, a byte each: one look at its type for all that is asked of it."""
    parts: defaultdict[type, int] = defaultdict(int)
    parts.update(zip(_subclasses_of_containers(), repeat(_DERIVED)))
    parts.update(zip(_HOLD_NO_DICT, repeat(_PASSED_BY)))
    parts.update({dict: _PLAIN, list: _PLAIN, deque: _PLAIN, set: _PLAIN_SET, LruCache: _CACHE})
    kinds = list(map(type, objects))
    return bytes(map(parts.__getitem__, kinds))


def _containers() -> tuple[list[object], list[object], dict[int, object], set[int]]:
    """Every container that lives now: what is exactly a list, a dict and so on; what derives from these, and caches; dicts
    that the garbage collector does not know, by their ids. Last, the ids of those that are the insides of caches.
    """
    objects = gc.get_objects()
    parts = _parts_played(objects)
    plain = list(compress(objects, parts.translate(_ARE_PLAIN)))
    others = list(compress(objects, parts.translate(_ARE_OTHERS)))
    caches = list(compress(objects, parts.translate(_ARE_CACHES)))
    walked = compress(objects, parts.translate(_ARE_WALKED)) if len(objects) <= 4 * MOST_CONTAINERS else ()
    return plain, others, _untracked_dicts(list(walked)), {id(inner) for inner in map(inner_dict, caches)}


def find_containers() -> list[object]:
    """Every container that lives now; the dict inside an ``lru_cache`` is not one."""
    plain, others, untracked, inside = _containers()
    return [container for container in (*plain, *others, *untracked.values()) if id(container) not in inside]


def _longer_than(lengths: list[int], most: int) -> int:
    """The length that at most ``most`` of them exceed, the least such: as ``sorted(lengths)[-most - 1]``, of few distinct
    lengths and without sorting.
    """
    counts = count_equal(lengths)
    longer = 0
    for one in sorted(counts, reverse=True):
        longer += counts[one]
        if longer > most:
            return one
    return -1


def _by_id(ids: Iterable[int], lengths: Iterable[int]) -> dict[int, int]:
    return dict(zip(ids, lengths))


def read_lengths(own: Iterable[object] = ()) -> dict[int, int]:
    """The length of every container by its ``id()``; ``own`` are the tool's, left out.

    With more than ``MOST_CONTAINERS`` the shortest are left out, as few as it takes.
    """
    plain, others, untracked, inside = _containers()
    # What is exactly a list or a dict is measured in C; an object of Python's for each would itself be traced.
    lengths = list(map(len, plain))  # type: ignore[arg-type]
    lengths += map(length, others)
    lengths += map(len, untracked.values())  # type: ignore[arg-type]
    if len(lengths) > MOST_CONTAINERS:
        shortest = _longer_than(lengths, MOST_CONTAINERS)
        keep = list(map(shortest.__lt__, lengths))
        kept = compress(chain(plain, others, untracked.values()), keep)
        by_id = _by_id(map(id, kept), compress(lengths, keep))
    else:
        by_id = _by_id(chain(map(id, plain), map(id, others), untracked), lengths)
    for key in inside:
        by_id.pop(key, None)
    for container in own:
        by_id.pop(id(container), None)
    return by_id


def changed_lengths(before: dict[int, int], now: dict[int, int]) -> list[tuple[int, int, int]]:
    """``(id, before, now)`` of the containers that were there before with another length."""
    was = list(map(before.get, now))
    changed = compress(zip(now, was, now.values()), map(ne, was, now.values()))
    return [(key, items, items_now) for key, items, items_now in changed if items is not None]
