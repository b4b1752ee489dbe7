"""List the objects that an object refers to, each with the step of a path; no code of the scenario is run."""

from __future__ import annotations

import contextlib
import gc
import sys
import types
from _thread import _local as threading_local
from collections import deque
from collections.abc import Callable, Iterable, Iterator
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

Link = tuple[str, object]
"""One step of a path: its text, and the object that it leads to."""

HIDES_DICTS = sys.version_info >= (3, 13)
"""Whether the dict of an instance may exist and be no referent of it (``PyObject_VisitManagedDict``)."""

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


def _items(obj: object) -> Iterator[tuple[str | int, object]]:
    """Yield the items of a container; the index of an item stands for its text."""
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
        yield from enumerate(tuple(base.__iter__(obj)))  # type: ignore[arg-type]


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


def references(obj: object) -> Iterator[tuple[str | int, object]]:
    """Yield everything that an object refers to, with the text of the step."""
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


Way = Callable[[object], Iterable[object]]


class Ways(dict[type, "Way | None"]):
    """By type, the function that lists what an object refers to; None for a type that no path goes through.

    The functions return the objects of ``references`` without texts, and for most types by one call in C.
    """

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(_CONTAINERS, cast("Way", tuple)))
        self[dict], self[types.FunctionType] = _of_dict, _of_function
        for kind in (types.CellType, partial):
            self[kind] = gc.get_referents

    def __missing__(self, kind: type) -> Way | None:
        way: Way | None = _of_instance
        if issubclass(kind, _NOT_FOLLOWED):
            way = None
        elif issubclass(kind, type):
            way = _of_class
        elif issubclass(kind, (*_METHODS, threading_local, *_SUSPENDED)):
            way = _by_references
        self[kind] = way
        return way


def _of_function(obj: object) -> Iterable[object]:
    function = cast("types.FunctionType", obj)
    values: list[object] = []
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # a cell that is still empty
            values.append(cell.cell_contents)
    values += function.__defaults__ or ()
    values += (function.__kwdefaults__ or {}).values()
    values += function.__dict__.values()
    return values


def _of_class(obj: object) -> Iterable[object]:
    return list(dict_of_type(obj).values())


def _of_dict(obj: object) -> Iterable[object]:
    return [*obj.values(), *obj]  # type: ignore[attr-defined, misc]


def _by_references(obj: object) -> Iterable[object]:
    return [value for _, value in references(obj)]


def _of_instance(obj: object) -> Iterable[object]:
    """Return the referents of an instance, and the values of its ``__dict__`` if it may have one."""
    kind = type(obj)
    referents = [value for value in gc.get_referents(obj) if value is not kind]
    if HIDES_DICTS or dict in map(type, referents):  # else there is no dict, and asking for the dict would make it
        attributes = own_dict(obj)
        referents.extend(attributes.values())
        if attributes:
            referents.append(attributes)
    return referents
