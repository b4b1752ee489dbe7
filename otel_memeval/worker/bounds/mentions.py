"""Find the functions that can reach a container by its names: only their source is read, whatever else surrounds it."""

from __future__ import annotations

import contextlib
import dis
import types
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import cast

from ..memory.container_lengths import CONTAINER_TYPES
from ..references.referents import dict_of_type, mro_of_type, own_dict
from .names import attribute, function_in

MAX_DEPTH = 3
"""Calls inside each other that are followed: a method, its helper, and the container's own method."""

_MAX_KEYS = 1000
"""Keys of a dict that are searched for a container: settings have fewer, and more would cost time."""

_STORING = {dis.opmap[name] for name in ("STORE_ATTR", "STORE_GLOBAL", "STORE_NAME")}
"""Instructions with the number of a name as argument."""

_PLAIN_MODULES = (None, "builtins", "collections")
"""Modules of classes without attributes that a person added."""


class Mentions:
    """The names in the code of functions, each read once."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[types.CodeType, frozenset[str]]] = {}
        self._plain_names: dict[int, frozenset[str]] = {}
        self._stored: dict[int, frozenset[str]] = {}
        self._members: dict[type, list[tuple[str, types.FunctionType, bool]]] = {}
        self._named: dict[types.FunctionType, tuple[frozenset[int], list[types.FunctionType]]] = {}

    def names(self, code: types.CodeType) -> frozenset[str]:
        """Return the names that the code uses, inner functions included, and the texts in it, which may be keys."""
        known = self._names.get(id(code))
        if known is None:
            names = {*code.co_names, *code.co_varnames, *code.co_freevars}
            for constant in code.co_consts:
                if type(constant) is types.CodeType:
                    names |= self.names(constant)
                elif type(constant) is str:
                    names.add(constant)
            known = self._names[id(code)] = (code, frozenset(names))
        return known[1]

    def methods(self, obj: object) -> Iterator[tuple[str, types.FunctionType, list[object]]]:
        """Yield the functions of an object's class and its bases, each with its name there and its first argument."""
        kind = cast("type", obj if issubclass(type(obj), type) else type(obj))
        if kind not in self._members:
            members = [pair for base in mro_of_type(kind) for pair in tuple(dict_of_type(base).items())]
            functions = [(name, function_in(member), type(member) is staticmethod) for name, member in members]
            found = [(name, function, is_static) for name, function, is_static in functions if function is not None]
            self._members[kind] = found
        for name, function, is_static in self._members[kind]:
            yield name, function, [] if is_static else [obj]

    def stores(self, code: types.CodeType, name: str) -> bool:
        """Return whether the code may assign a value to a name or an attribute of this name; ``plain_name`` applies."""
        if name not in self.plain_names(code):
            return False
        if id(code) not in self._stored:
            self._stored[id(code)] = frozenset(map(plain_name, _stored_names(code)))
        return name in self._stored[id(code)]

    def plain_names(self, code: types.CodeType) -> frozenset[str]:
        """Return ``names`` as ``plain_name`` writes them."""
        if id(code) not in self._plain_names:
            self._plain_names[id(code)] = frozenset(map(plain_name, self.names(code)))
        return self._plain_names[id(code)]

    def named(self, function: types.FunctionType) -> tuple[frozenset[int], list[types.FunctionType]]:
        """Return the ids of the objects that a function names, and the functions with parameters among them."""
        if function not in self._named:
            objects = list(_named_objects(function))
            modules = [obj for obj in objects if issubclass(type(obj), types.ModuleType)]
            members = [attribute(module, name) for module in modules for name in function.__code__.co_names]
            functions = [obj for obj in objects if type(obj) is types.FunctionType]
            called = filter(None, map(function_in, (*functions, *members)))
            self._named[function] = frozenset(map(id, objects)), [inner for inner in called if inner.__code__.co_varnames]
        return self._named[function]


class Reach:
    """Tells the functions that can reach the last object of ``object_chain``, a container, by its names.

    They mention the container, or a container that it is an item of; or they call a function that does.
    """

    def __init__(
        self, mentions: Mentions, functions: Collection[types.FunctionType], object_chain: Sequence[object]
    ) -> None:
        self._mentions = mentions
        self._all_functions = functions
        first = len(object_chain) - 1
        while first and issubclass(type(object_chain[first - 1]), CONTAINER_TYPES):
            first -= 1
        wanted = object_chain[first:]
        self._ids = set(map(id, wanted))
        self._methods = {id(function) for obj in wanted for _, function, _ in mentions.methods(obj)}
        pairs = [pair for obj in object_chain for pair in _names_in(obj)]
        pairs += [pair for obj in object_chain for value in own_dict(obj).values() for pair in own_dict(value).items()]
        self._called_as = {function: {function.__name__} for function in functions}
        for obj in object_chain:
            for name, function, _ in mentions.methods(obj):
                if function in self._called_as:
                    self._called_as[function].add(name)
        names = {name for name, value in pairs if id(value) in self._ids}
        self.functions = self._mentioning(names)
        """The functions that mention the container, in their order."""
        level = self.functions
        for _ in range(MAX_DEPTH):
            names = names.union(*(self._called_as[function] for function in level))
            level = [other for other in functions if not names.isdisjoint(mentions.names(other.__code__))]
        self._names = names
        self._answers: dict[tuple[int, int], bool] = {}

    def callers(self, function: types.FunctionType) -> list[types.FunctionType]:
        """Return the functions that call one of the functions by its name, itself or through a function of a module."""
        return self._mentioning(self._called_as[function])

    def is_relevant(self, function: types.FunctionType, values: Iterable[object]) -> bool:
        """Return whether a function that is called with these values can reach the container."""
        return any(id(value) in self._ids for value in values) or self._mention(function, self._names, self._answers)

    def _mentioning(self, names: set[str]) -> list[types.FunctionType]:
        answers: dict[tuple[int, int], bool] = {}
        return [function for function in self._all_functions if self._mention(function, names, answers)]

    def _mention(
        self, function: types.FunctionType, names: set[str], answers: dict[tuple[int, int], bool], depth: int = 0
    ) -> bool:
        """Return whether a function mentions the container or a name, or names a function of a module that does."""
        key = (id(function), depth)
        if key not in answers:
            named, called = self._mentions.named(function)
            answers[key] = (
                id(function) in self._methods
                or not names.isdisjoint(self._mentions.names(function.__code__))
                or not self._ids.isdisjoint(named)
                or (depth < MAX_DEPTH and any(self._mention(inner, names, answers, depth + 1) for inner in called))
            )
        return answers[key]


def _stored_names(code: types.CodeType) -> Iterator[str]:
    """Yield the names of local variables, and the globals and attributes that the code assigns to."""
    yield from (*code.co_varnames, *code.co_freevars, *code.co_cellvars)
    instructions, extended = code.co_code, 0
    for operation, argument in zip(instructions[::2], instructions[1::2]):
        argument |= extended << 8
        extended = argument if operation == dis.EXTENDED_ARG else 0
        if operation in _STORING:
            yield code.co_names[argument]


def _named_objects(function: types.FunctionType) -> Iterator[object]:
    """Yield the globals, the closure cells and the defaults of a function."""
    contents = function.__globals__
    yield from (contents.get(name) for name in function.__code__.co_names)
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # a cell that is still empty
            yield cell.cell_contents
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()


def _names_in(obj: object) -> list[tuple[str, object]]:
    """Return names and values of the attributes of an instance or class, or the keys of a small dict that are texts."""
    if issubclass(type(obj), type):
        return list(dict_of_type(obj).items())
    if type(obj) is dict and len(obj) <= _MAX_KEYS:
        return [(key, value) for key, value in tuple(obj.items()) if type(key) is str]
    return attributes(obj)


def attributes(obj: object) -> list[tuple[str, object]]:
    """Return names and values of an instance's attributes and its classes' constants; no code of the object is run."""
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


def plain_name(name: str) -> str:
    """Return an attribute's name in lower case, without leading underscores and without a class (``_Cache__maxsize``)."""
    return name.rpartition("__")[2].lstrip("_").lower()
