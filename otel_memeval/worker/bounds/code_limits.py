"""Find the bound of a container that only the code sets: it compares with a limit, and removes or rejects more items.

The source is read and not the bytecode: the condition of a removal decides, the source expresses it in the same way for all
versions of Python, and bytecode would have to be decompiled for each.
"""

from __future__ import annotations

import ast
import gc
import types
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeGuard

from ..memory.container_lengths import CONTAINER_TYPES
from ..memory.heap import Site
from .calls import CallResolver
from .conditions import Bound
from .mentions import Mentions, Reach, plain_name
from .mutations import Addition
from .names import NameLookup
from .statements import StatementReader
from .syntax import SourceFiles

MAX_FUNCTIONS = 300
"""Functions that are read for one container, those of the nearest objects first: a budget of time."""


_CONSTRUCTORS = ("__init__", "__new__", "__post_init__", "__setstate__")
"""Methods that fill a container when its owner is made: that is no growth."""


class CodeLimits:
    """Bounds by the code around containers. ``grown``: the lines whose live memory rose in the run."""

    def __init__(self, object_chains: Iterable[Sequence[object]], grown: Collection[Site] = ()) -> None:
        self.sources = SourceFiles()
        self.grown = frozenset(grown)
        wanted = {id(obj) for chain in object_chains for obj in chain}
        self.mentions = Mentions()
        functions = [obj for obj in gc.get_objects() if type(obj) is types.FunctionType]
        self._functions_by_object = _functions_by_object(functions, wanted)

    def surrounding_code(self, object_chain: Sequence[object]) -> SurroundingCode:
        """Return the code around the last object of the chain; the others lead to it from a module."""
        functions = dict(islice(self._functions(object_chain), MAX_FUNCTIONS))
        return SurroundingCode(self, functions, object_chain)

    def _functions(self, object_chain: Sequence[object]) -> Iterator[tuple[types.FunctionType, dict[str, object]]]:
        """Yield functions that may mutate the container, each with its first argument if that is known."""
        seen: set[int] = set()
        for obj in reversed(object_chain):
            for _, function, first in self.mentions.methods(obj):
                if id(function) not in seen and function.__name__ not in _CONSTRUCTORS:
                    seen.add(id(function))
                    parameters = function.__code__.co_varnames[: function.__code__.co_argcount]
                    yield function, dict(zip(parameters, first))
        for obj in reversed(object_chain):
            for function in self._functions_by_object.get(id(obj), ()):
                if id(function) not in seen:
                    seen.add(id(function))
                    yield function, {}


class SurroundingCode:
    """The functions around one container, with their first arguments, and their mutations of it."""

    def __init__(
        self,
        limits: CodeLimits,
        functions: dict[types.FunctionType, dict[str, object]],
        object_chain: Sequence[object],
    ) -> None:
        self._grown = limits.grown
        self._object_chain = object_chain
        self._arguments = functions
        self._sources = limits.sources
        self._mentions = limits.mentions
        self._changing: dict[str, bool] = {}
        self._readers: dict[types.FunctionType, StatementReader] = {}
        self._reach = Reach(limits.mentions, functions, object_chain)
        self._calls = CallResolver(limits.sources, object_chain, self._reach)

    def _read(self, function: types.FunctionType) -> StatementReader:
        """Return the mutations of the container by a function, which is read once."""
        if function not in self._readers:
            reader = StatementReader(self._object_chain[-1], self._calls, self._is_changing)
            reader.read_function(function, self._arguments[function])
            self._readers[function] = reader
        return self._readers[function]

    def _is_changing(self, name: str) -> bool:
        """Return whether one of the functions adds to a number of this name."""
        if name not in self._changing:
            plain = plain_name(name)
            storing = (function for function in self._arguments if self._mentions.stores(function.__code__, plain))
            sources = map(self._sources.source_of, storing)
            self._changing[name] = any(source is not None and name in source.changing_names for source in sources)
        return self._changing[name]

    def bound(self) -> Bound | None:
        """Return the bound, if every addition respects one. A helper may rely on its callers, if all of them do."""
        ran: list[Bound] = []
        others: list[tuple[types.FunctionType, Addition]] = []
        for function in self._reach.functions:
            for addition in self._read(function).mutations.additions:
                if not self._has_grown(addition):
                    others.append((function, addition))
                    continue
                bound = self._bound_of(function, addition)
                if bound is None:  # whatever the functions do that are not read yet
                    return None
                ran.append(bound)
        bounds: list[Bound] = ran
        for function, addition in () if ran else others:
            bound = self._bound_of(function, addition)
            if bound is None:
                return None
            bounds.append(bound)
        return max(bounds, key=lambda bound: bound.max_items or 0) if bounds else None

    def _bound_of(self, function: types.FunctionType, addition: Addition) -> Bound | None:
        return self._read(function).mutations.bound_of(addition) or self._bound_by_callers(function, addition)

    def _bound_by_callers(self, function: types.FunctionType, addition: Addition) -> Bound | None:
        readers = map(self._read, self._reach.callers(function))
        bounds = [
            reader.mutations.bound_of(other)
            for reader in readers
            if function.__code__ in reader.called
            for other in reader.mutations.additions
            if (other.file, other.line) == (addition.file, addition.line)
        ]
        return None if None in bounds or not bounds else bounds[0]

    def compares_attribute(self, name: str) -> bool:
        """Return whether the code compares an attribute of this name with something other than a length.

        ``bound`` covers comparisons with a length; this covers others, as with ``self.qsize()``. True if no code can be
        read.
        """
        for function, arguments in self._arguments.items():
            if name not in self._mentions.plain_names(function.__code__):
                continue
            source = self._sources.source_of(function)
            if source is None:
                continue
            names = NameLookup(function, source, arguments, self._object_chain)
            for part in source.parts:
                if isinstance(part, ast.Compare) and name in map(_name_of, ast.walk(part)):
                    measured = [names.value(call.args[0]) for call in ast.walk(part) if _is_len(call)]
                    if not any(issubclass(type(value), CONTAINER_TYPES) for value in measured):
                        return True
        return all(self._sources.source_of(function) is None for function in self._arguments)

    def _has_grown(self, addition: Addition) -> bool:
        return any((addition.file, line) in self._grown for line in range(addition.line, addition.last_line + 1))


def _name_of(part: ast.AST) -> str:
    return plain_name(str(getattr(part, "attr", None) or getattr(part, "id", "")))


def _is_len(part: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(part, ast.Call) and len(part.args) == 1 and _name_of(part.func) == "len"


def _functions_by_object(functions: Sequence[types.FunctionType], wanted: set[int]) -> dict[int, list[types.FunctionType]]:
    """Return the functions that name an object as a global or share it in a closure cell, by its ``id()``."""
    globals_by_module: dict[int, dict[str, int]] = {}
    found: dict[int, list[types.FunctionType]] = {}
    for function in functions:
        contents = function.__globals__
        if id(contents) not in globals_by_module:
            named = {name: id(value) for name, value in tuple(contents.items()) if id(value) in wanted}
            globals_by_module[id(contents)] = named
        named = globals_by_module[id(contents)]
        keys = {named.get(name, 0) for name in function.__code__.co_names} if named else set()
        for cell in function.__closure__ or ():
            try:
                keys.add(id(cell.cell_contents))
            except ValueError:  # a cell that is still empty
                continue
        for key in keys & wanted:
            found.setdefault(key, []).append(function)
    return found
