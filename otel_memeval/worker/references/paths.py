"""Find the shortest reference path from a module to an object, written as a person would look it up.

One breadth-first walk from all modules finds every object (``gc.get_referrers`` would scan the whole heap for each step).
Keys of dicts are not in a path; ``step_names`` has those that are no prompts and no session ids.
"""

from __future__ import annotations

import gc
import sys
import types
from _thread import _local as threading_local
from collections import deque
from collections.abc import Collection, Iterator
from functools import partial
from itertools import repeat
from typing import cast

from ..memory.container_lengths import LruCache

_NOT_FOLLOWED = (
    *(str, bytes, bytearray, int, float, complex, type(None), range, slice, memoryview),
    *(types.FrameType, types.CodeType, types.TracebackType, types.ModuleType, types.MappingProxyType),
)
"""Types that no path goes through: those in the first line refer to nothing, the others are the interpreter's, or roots."""

_SUSPENDED = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)

_METHODS = (types.MethodType, types.BuiltinMethodType, types.MethodWrapperType)

_CONTAINERS = (dict, list, tuple, set, deque)

MAX_VISITED = 3_000_000
"""Objects after which the walk ends: a budget of time; an object that was not reached has no path."""

MAX_OF_SCENARIO = 10_000
"""Objects that are reached from the scenario's module before the walk goes on from all modules."""

MAX_FOR_FURTHER_TARGETS = 50_000
"""Objects behind modules' attributes that are visited for targets that are worth no walk through all of the heap: about a
second while tracing is on."""

Link = tuple[str, object]
"""One step of a path: its text, and the object that it leads to."""


_NO_ATTRIBUTES: dict[str, object] = {}

# Members of ``type`` itself: those of a class, its metaclass or a module may be code of the scenario.
name_of_type = type.__dict__["__name__"].__get__
mro_of_type = type.__dict__["__mro__"].__get__
dict_of_type = type.__dict__["__dict__"].__get__
dict_of_module = types.ModuleType.__dict__["__dict__"].__get__  # type: ignore[index]


def type_name(obj: object) -> str:
    """Return the name of an object's type."""
    return str(name_of_type(type(obj)))


def own_dict(obj: object) -> dict[str, object]:
    """Return the instance's attributes, empty if it has no dict; a property called ``__dict__`` is not run."""
    for kind in mro_of_type(type(obj)):
        member = dict_of_type(kind).get("__dict__")
        if type(member) in (types.GetSetDescriptorType, types.MemberDescriptorType):
            try:
                attributes = member.__get__(obj)
            except Exception:  # an extension type's own
                return _NO_ATTRIBUTES
            return attributes if type(attributes) is dict else _NO_ATTRIBUTES
    return _NO_ATTRIBUTES


def _items(obj: object) -> Iterator[Link]:
    """Yield the items of a container."""
    kind = type(obj)
    if issubclass(kind, dict):
        for key, value in tuple(dict.items(cast("dict[object, object]", obj))):
            yield "[*]", value
            yield "{key}", key
    elif issubclass(kind, set):
        for value in tuple(set.__iter__(cast("set[object]", obj))):
            yield "[*]", value
    else:
        base = next(base for base in (list, tuple, deque) if issubclass(kind, base))
        for index, value in enumerate(tuple(base.__iter__(obj))):  # type: ignore[arg-type]
            yield f"[{index}]", value


def _function_parts(function: types.FunctionType) -> Iterator[Link]:
    name = function.__qualname__
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            yield f" -> {name}.{variable}", cell.cell_contents
        except ValueError:  # a cell that is still empty
            continue
    for value in function.__defaults__ or ():
        yield f" -> {name}(default)", value
    for value in (function.__kwdefaults__ or {}).values():
        yield f" -> {name}(default)", value
    for attribute, value in function.__dict__.items():
        yield f" -> {name}.{attribute}", value


def _attributes(obj: object) -> Iterator[Link]:
    """Yield the instance's attributes by name, from its ``__dict__`` and its slots; then all else that it refers to."""
    name = type_name(obj)
    seen: set[int] = set()
    attributes = own_dict(obj)
    if attributes is not _NO_ATTRIBUTES:
        seen.add(id(attributes))
        yield f" -> {name}.__dict__", attributes
        for attribute, value in tuple(attributes.items()):
            seen.add(id(value))
            yield f" -> {name}.{attribute}", value
    for kind in mro_of_type(type(obj)):
        for attribute, member in tuple(dict_of_type(kind).items()):
            if type(member) is types.MemberDescriptorType:  # isinstance() would ask the class attribute for its __class__
                try:
                    value = member.__get__(obj, type(obj))
                except Exception:  # an empty slot
                    continue
                seen.add(id(value))
                yield f" -> {name}.{attribute}", value
    label = "(...)" if type(obj) is LruCache else f" -> {name}"  # a result of a cached function
    for value in gc.get_referents(obj):
        if type(value) is types.FrameType and issubclass(type(obj), _SUSPENDED):  # up to Python 3.10
            yield from zip(repeat(label), gc.get_referents(value))
        elif id(value) not in seen and value is not type(obj):
            yield label, value


def _thread_local_attributes(obj: object) -> Iterator[Link]:
    """Yield the attributes that all threads have in a ``threading.local``, which keeps a dict for each thread."""
    name = type_name(obj)
    by_thread = [referent for referent in gc.get_referents(obj) if type(referent) is dict]
    for attributes in [value for table in by_thread for value in table.values() if type(value) is dict]:
        yield f" -> {name}.__dict__", attributes
        for attribute, value in tuple(attributes.items()):
            yield f" -> {name}.{attribute}", value


def _references(obj: object) -> Iterator[Link]:
    """Yield everything that an object refers to."""
    kind = type(obj)
    if issubclass(kind, type):
        for attribute, value in tuple(dict_of_type(obj).items()):
            yield f".{attribute}", value
    elif kind is types.FunctionType:
        yield from _function_parts(obj)  # type: ignore[arg-type]
    elif kind in _METHODS:
        yield "", obj.__self__  # type: ignore[attr-defined]
        if kind is types.MethodType:
            yield "", obj.__func__  # type: ignore[attr-defined]
    elif kind is types.CellType or kind is partial:
        for value in gc.get_referents(obj):
            yield "", value
    elif issubclass(kind, threading_local):
        yield from _thread_local_attributes(obj)
    else:
        if issubclass(kind, _CONTAINERS):
            yield from _items(obj)
        if kind not in _CONTAINERS:
            yield from _attributes(obj)


def modules() -> list[tuple[str, dict[str, object]]]:
    """Return names and contents of all modules but the tool's."""
    tool = __name__.partition(".")[0]
    return [
        (name, dict_of_module(module))
        for name, module in list(sys.modules.items())
        if issubclass(type(module), types.ModuleType) and name.partition(".")[0] != tool
    ]


def _roots(first: str) -> list[tuple[str, dict[str, object]]]:
    """Return names and contents of all modules: the scenario's first, then those outside the standard library."""

    def rank(root: tuple[str, dict[str, object]]) -> tuple[bool, bool, int]:
        name = root[0]
        return name != first, name.partition(".")[0] in sys.stdlib_module_names, name.count(".")

    return sorted(modules(), key=rank)


class ReferencePath:
    """The references from a module to an object: ``links``, the object itself in the last one.

    ``owner``: the object that it is an attribute or an item of; None if that is a module.
    """

    __slots__ = ("links", "owner")

    def __init__(self, links: list[Link], owner: object) -> None:
        self.links = links
        self.owner = owner

    @property
    def objects(self) -> list[object]:
        """The objects on the path, the nearest to the module first."""
        return [obj for _, obj in self.links]

    @property
    def text(self) -> str:
        """The path as one text."""
        return "".join(label for label, _ in self.links)

    def types(self) -> list[tuple[str, str]]:
        """Return the text of each link with the name of the type that it leads to."""
        return [(label, type_name(obj)) for label, obj in self.links]


def find_paths(
    targets: Collection[int], scenario_module: str, further_targets: Collection[int] = ()
) -> dict[int, ReferencePath]:
    """Return the shortest path from a module to each object whose ``id()`` is in ``targets``, as far as there is one.

    ``further_targets``: objects whose path is returned as well if it is found on the way, or near a module.

    A path from the scenario's module goes before a shorter one from another module, unless that module has the object as an
    attribute. No path leads through frames, modules of the tool, or the interpreter's bookkeeping such as ``sys.modules``.
    """
    required = set(targets)
    remaining = required.union(further_targets)
    found: dict[int, ReferencePath] = {}
    # Each entry has the place of its parent, so that only the paths of targets are built.
    parents: list[int] = []
    labels: list[str] = []
    objects: list[object] = []
    own = (sys.modules, vars(sys), parents, labels, objects, found, remaining, required)
    visited: set[int] = set(map(id, own))

    def visit(parent: int, label: str, obj: object) -> None:
        key = id(obj)
        if key in visited:
            return
        if key in remaining:
            remaining.discard(key)
            required.discard(key)
            found[key] = ReferencePath([*links_to(parent), (label, obj)], objects[parent] if parent >= 0 else None)
        if issubclass(type(obj), _NOT_FOLLOWED):
            return
        visited.add(key)
        parents.append(parent)
        labels.append(label)
        objects.append(obj)

    def links_to(place: int) -> list[Link]:
        links = []
        while place >= 0:
            links.append((labels[place], objects[place]))
            place = parents[place]
        return links[::-1]

    def is_over(max_objects: int) -> bool:
        return not remaining or len(objects) >= (max_objects if required else min(max_objects, end_of_further_walk))

    def walk(places: deque[int], max_objects: int) -> None:
        while places and not is_over(max_objects):
            place = places.popleft()
            first = len(objects)
            for label, value in _references(objects[place]):
                visit(place, label, value)
                if is_over(MAX_VISITED):
                    break
            places.extend(range(first, len(objects)))

    of_scenario: deque[int] = deque()
    roots = _roots(scenario_module)
    for name, contents in roots:
        if id(contents) in remaining:
            remaining.discard(id(contents))
            required.discard(id(contents))
            found[id(contents)] = ReferencePath([(name, contents)], None)
        visited.add(id(contents))
    for name, contents in roots:
        if name == "sys":
            continue
        for attribute, value in list(contents.items()):
            if attribute not in ("__builtins__", "__loader__", "__spec__", "__cached__"):
                visit(-1, f"{name}.{attribute}", value)
        if name == scenario_module:
            of_scenario.extend(range(len(objects)))
    others = deque(range(len(of_scenario), len(objects)))
    end_of_further_walk = len(objects) + MAX_FOR_FURTHER_TARGETS
    walk(of_scenario, min(len(objects) + MAX_OF_SCENARIO, MAX_VISITED))
    walk(others + of_scenario, MAX_VISITED)
    return found
