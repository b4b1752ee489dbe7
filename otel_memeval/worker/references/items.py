"""Read the newest items of growing containers: their sizes, and the lines that allocated them."""

from __future__ import annotations

import ctypes
import sys
import types
import weakref
from _tracemalloc import _get_object_traceback, _get_traces
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from gc import get_referents
from itertools import compress, islice
from typing import cast

from ..memory.container_lengths import LruCache, inner_dict
from ..memory.heap import LiveBySite, Site
from .referents import dict_of_module, dict_of_type, mro_of_type, name_of_type

MAX_ITEMS = 20
"""Items of each container that are read, the newest: the items that a leak adds are among them."""

MAX_PARTS = 200
"""Objects that are followed from one item; objects beyond are not counted."""

_SHARED = -1
"""Owner of an object that several items lead to."""

_HAVE_GC = 1 << 14
_GC_HEADER_BYTES = 16
_MANAGED_DICT = 1 << 4
_MANAGED_HEADER_BYTES = 32
"""Flags of types (``Py_TPFLAGS_HAVE_GC``, ``Py_TPFLAGS_MANAGED_DICT``), and the bytes before an object that they mean."""

_MISSES_INSTANCES = sys.version_info[:2] == (3, 11)
"""Python 3.11 searches the trace of an instance with a dict of its own 16 bytes behind the begin of its block.

``_tracemalloc__get_object_traceback`` counts the collector's header and not the dict's; 3.10 and 3.12 do not.
"""

_KNOWS_ADDRESSES = hasattr(ctypes.pythonapi, "_PyTraceMalloc_GetTraceback")
if _KNOWS_ADDRESSES:
    _traceback_at = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_uint, ctypes.c_size_t)(
        ("_PyTraceMalloc_GetTraceback", ctypes.pythonapi)
    )
    """Takes a domain, 0 for Python's own, and an address."""

_OFFSET_OF_TABLE = object.__basicsize__ + 16
"""Place of the address of its table in a dict (``PyDictObject``: after the number of items and the version)."""

_SMALLEST_TABLE_BYTES = dict.__sizeof__({0: 0}) - dict.__basicsize__
"""CPython keeps freed tables of the smallest size for the next dict (``free_keys_object`` in Objects/dictobject.c)."""

_NOT_PARTS = (types.ModuleType, types.MappingProxyType, type(None))
"""Types whose objects belong to the program, not to an item that refers to them."""

_PROGRAM_PARTS = (
    *(type, types.FunctionType, types.BuiltinFunctionType, types.CodeType),
    *(types.GetSetDescriptorType, types.MemberDescriptorType),
)
"""Types whose objects belong to the program unless they were made since tracing began, such as a closure or a class."""

ReusedTables = dict[tuple[Site, Site], int]
"""Bytes of re-used tables by the line that tracemalloc still names for them, and the line that made their dict."""


def newest_items(container: object, count: int = MAX_ITEMS) -> list[object]:
    """Return the ``count`` newest items: keys and values of a dict, any items of a set. Runs no code of a subclass."""
    kind = type(container)
    if kind is LruCache:
        inner = inner_dict(container)
        # Keys and results from the oldest to the newest, then the dict that finds them; without a maximum, only the dict.
        referents = get_referents(container)
        place = next((place for place, referent in enumerate(referents) if referent is inner), 0)
        results = [referent for referent in referents[:place] if not issubclass(type(referent), type)]
        return results[-2 * count :] if results else newest_items(inner, count)
    if issubclass(kind, dict):
        pairs = islice(reversed(dict.items(cast("dict[object, object]", container))), count)
        return [part for pair in pairs for part in pair]
    if issubclass(kind, list):
        return list.__getitem__(cast("list[object]", container), slice(-count, None))
    if issubclass(kind, deque):
        return list(islice(deque.__reversed__(cast("deque[object]", container)), count))
    if issubclass(kind, set):
        return list(islice(set.__iter__(cast("set[object]", container)), count))
    return []


def size_of(obj: object) -> int:
    """Return the bytes of an object as ``sys.getsizeof`` does, without running code of the scenario."""
    kind = type(obj)
    for base in mro_of_type(kind):
        member = dict_of_type(base).get("__sizeof__")
        if member is not None:
            measure = object.__sizeof__ if type(member) is types.FunctionType else member
            break
    try:
        own = int(measure(obj))
    except Exception:  # an extension type's own
        own = 0
    return own + (_GC_HEADER_BYTES if kind.__flags__ & _HAVE_GC else 0)


def may_be_traced(objects: list[object], most_instances: int | None = None) -> list[object]:
    """Return the objects whose line ``allocated_at`` may know; no Python object is made for the others.

    ``most_instances``: of instances of which Python 3.11 tells nothing, only so many are returned, the last ones.
    """
    return [*compress(objects, map(_get_object_traceback, objects)), *_untraceable_instances(objects, most_instances)]


def _untraceable_instances(objects: list[object], most: int | None) -> Iterable[object]:
    """Return the last instances of which Python 3.11 tells nothing, all of them for None."""
    if not _MISSES_INSTANCES:
        return ()
    kinds = list(map(type, objects))
    missed = {kind for kind in set(kinds) if kind.__flags__ & _MANAGED_DICT}
    return deque(compress(objects, map(missed.__contains__, kinds)), most)


def allocated_in(sites: Collection[Site], objects: list[object], most_instances: int) -> Iterator[tuple[Site, object]]:
    """Yield the objects that these lines allocated, each with its line. ``most_instances`` as in ``may_be_traced``."""
    for obj, frames in zip(objects, map(_get_object_traceback, objects)):
        if frames is not None and frames[0] in sites:
            yield frames[0], obj
    for obj in _untraceable_instances(objects, most_instances):
        site = allocated_at(obj)
        if site is not None and site in sites:
            yield site, obj


def allocated_at(obj: object) -> Site | None:
    """Return the line that allocated an object; None if that was before tracing began."""
    frames = stack_of(obj)
    return frames[0] if frames else None


def stack_of(obj: object) -> tuple[Site, ...]:
    """Return the traced frames that allocated an object, the innermost first; none if that was before tracing began."""
    frames = cast("tuple[Site, ...] | None", _get_object_traceback(obj))
    if frames is not None:
        return frames
    if not (_MISSES_INSTANCES and _KNOWS_ADDRESSES) or not type(obj).__flags__ & _MANAGED_DICT:
        return ()
    return _traceback_at(0, id(obj) - _MANAGED_HEADER_BYTES) or ()


def _belongs_to_program(obj: object) -> bool:
    """Return whether an object is there whether or not an item refers to it: a module, or a function or class of one."""
    kind = type(obj)
    if issubclass(kind, _NOT_PARTS):
        return True
    if not issubclass(kind, _PROGRAM_PARTS):
        return False
    if allocated_at(obj) is None:
        return True
    module = sys.modules.get(str(dict_of_type(obj).get("__module__"))) if issubclass(kind, type) else None
    return issubclass(type(module), types.ModuleType) and dict_of_module(module).get(name_of_type(obj)) is obj


def _references(obj: object) -> list[object]:
    """Return the objects that an object refers to, without the names of the module in which a function was defined."""
    kind = type(obj)
    if kind is types.CodeType:  # unknown to the garbage collector
        return [obj.co_consts, obj.co_names]  # type: ignore[attr-defined]
    found = get_referents(obj)
    program: tuple[object, ...]
    if kind is types.FunctionType:
        program = (obj.__globals__, obj.__builtins__)  # type: ignore[attr-defined]
    elif kind is types.FrameType:
        program = (obj.f_globals, obj.f_builtins, obj.f_back)  # type: ignore[attr-defined]
    else:
        return found
    return [part for part in found if not any(part is own for own in program)]


class _Parts:
    """The items, and the parts that one item alone leads to, found level by level, at most ``MAX_PARTS`` for an item.

    An item has ``objects_per_item`` objects: two with a key.
    Parts that several items lead to would stay if one item went: they are left out, and no object is reached through them.
    Neither is one reached through another item or an object of ``barriers``.
    """

    def __init__(self, items: Collection[object], objects_per_item: int, barriers: set[int]) -> None:
        self._parts = {id(item): item for item in items}
        self._owner_of = {id(item): place // objects_per_item for place, item in enumerate(items)}
        self._starts = barriers | self._parts.keys()
        self._counts = [0] * len(items)
        level = [(self._owner_of[key], item) for key, item in self._parts.items() if not _belongs_to_program(item)]
        while level:
            level = self._next_level(level)

    def own(self) -> list[object]:
        """Return the items and the parts that only one of them leads to."""
        return [part for key, part in self._parts.items() if self._owner_of[key] != _SHARED]

    def _next_level(self, level: list[tuple[int, object]]) -> list[tuple[int, object]]:
        found: dict[int, tuple[int, object]] = {}
        for owner, obj in level:
            if self._counts[owner] >= MAX_PARTS or self._owner_of[id(obj)] == _SHARED:
                continue
            for part in _references(obj):
                key = id(part)
                if key in self._starts or _belongs_to_program(part):
                    continue
                if key not in self._owner_of:
                    self._owner_of[key] = owner
                    self._counts[owner] += 1
                    self._parts[key] = part
                    found[key] = owner, part
                elif self._owner_of[key] not in (owner, _SHARED):
                    self._share(part)
        return list(found.values())

    def _share(self, part: object) -> None:
        """Note that a part is common to several items, and with it the parts that its owner reached through it."""
        owner = self._owner_of[id(part)]
        queue = [part]
        while queue:
            part = queue.pop()
            self._owner_of[id(part)] = _SHARED
            queue.extend(
                behind
                for behind in _references(part)
                if self._owner_of.get(id(behind)) == owner and id(behind) not in self._starts
            )


def sites_of(container: object, is_own: Callable[[str], bool]) -> tuple[int, LiveBySite, ReusedTables]:
    """Return the number of newest items that were read, their memory by the line that allocated it, and re-used tables.

    Memory counts if it was allocated since tracing began and one item alone leads to it.
    """
    items = newest_items(container)
    objects_per_item = 2 if issubclass(type(container), dict) or type(container) is LruCache else 1
    barriers = {id(container), *map(id, newest_items(container, MAX_ITEMS + 1))}
    sites: LiveBySite = {}
    dicts: list[tuple[Site, dict[object, object]]] = []
    for obj in _Parts(items, objects_per_item, barriers).own():
        site = allocated_at(obj)
        if site is not None and not is_own(site[0]):
            live_bytes, blocks = sites.get(site, (0, 0))
            sites[site] = (live_bytes + size_of(obj), blocks + 1)
            if type(obj) is dict:
                dicts.append((site, obj))
    return len(items) // objects_per_item, sites, _reused_tables(dicts)


def _reused_tables(dicts: Collection[tuple[Site, dict[object, object]]]) -> ReusedTables:
    """Return the tables of these dicts that tracemalloc books on another line than the one that made the dict.

    A table that CPython takes from its free list keeps the traceback of the dict for which it was allocated.
    """
    reused: ReusedTables = {}
    seen: set[int] = set()
    for site, obj in dicts:
        size = obj.__sizeof__() - dict.__basicsize__
        if not _KNOWS_ADDRESSES or not 0 < size <= _SMALLEST_TABLE_BYTES:
            continue
        address = ctypes.c_size_t.from_address(id(obj) + _OFFSET_OF_TABLE).value
        frames = _traceback_at(0, address) if address not in seen else None  # instances of a class share a table
        seen.add(address)
        if frames and frames[0] != site:
            key = (frames[0][0], frames[0][1]), site
            reused[key] = reused.get(key, 0) + size
    return reused


def storage_bytes(container: object) -> int:
    """Return the size of the block in which a container keeps its references, 0 if it has no such block."""
    kind = type(container)
    base = next((base for base in (list, dict, set) if issubclass(kind, base)), None)
    return base.__sizeof__(container) - base.__basicsize__ if base is not None else 0


def lines_of_storage(containers: Iterable[object], grown: Collection[Site]) -> dict[int, Site]:
    """Return the line that last enlarged each container, by its ``id()``.

    It is known if exactly one of the ``grown`` lines has a live block of the size of the container's storage.
    """
    sizes = {id(container): storage_bytes(container) for container in containers}
    wanted = set(sizes.values()) - {0}
    lines: dict[int, set[Site]] = {}
    if wanted:
        for trace in _get_traces():
            if trace[1] in wanted and trace[2][0] in grown:
                lines.setdefault(trace[1], set()).add(trace[2][0])
    return {key: next(iter(lines[size])) for key, size in sizes.items() if len(lines.get(size, ())) == 1}


_WEAK_COLLECTIONS = (weakref.WeakValueDictionary, weakref.WeakKeyDictionary, weakref.WeakSet)
_WEAK_REFERENCES = (weakref.ReferenceType, weakref.KeyedRef, weakref.WeakMethod)


def holds_weakly(container: object, owner: object) -> bool:
    """Return whether others keep alive everything that the container holds.

    Either it is the inside of a weak collection, or all its items are weak references to live objects.
    """
    if issubclass(type(owner), _WEAK_COLLECTIONS):
        return True
    return type(container) is list and bool(container) and dead_references(container) == 0


def is_bookkeeping(container: object) -> bool:
    """Return whether the container holds nothing but weak references: no other memory hangs on it."""
    return type(container) is list and bool(container) and dead_references(container) is not None


def dead_references(items: list[object]) -> int | None:
    """Return the number of a list's weak references to dead objects; None if the list holds anything else."""
    if any(type(item) not in _WEAK_REFERENCES for item in items):
        return None
    return sum(item() is None for item in items if isinstance(item, weakref.ReferenceType))
