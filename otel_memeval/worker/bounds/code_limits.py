"""A bound that stands in the code alone: what compares with a limit, and takes out or refuses what is too many.

Read from the source and not from the bytecode: what matters is under which condition something is removed, and the source
says that alike for all versions, where bytecode would have to be decompiled for each.
"""

from __future__ import annotations

import ast
import gc
import types
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeGuard

from ..memory.heap import Site
from ..references.paths import dict_of_type, mro_of_type
from .calls import Calls
from .conditions import Limit
from .mutations import Add
from .names import Scope, function_in
from .statements import Walk
from .syntax import Sources, parts_of

MOST_FUNCTIONS = 300
"""Functions that are read for one container, those nearest to it first."""

_CONTAINERS = (dict, list, set, deque)

_MAKERS = ("__init__", "__new__", "__post_init__", "__setstate__")
"""What fills a container when its owner is made is not what makes it grow."""


class Limits:
    """The code around containers. ``grown`` are the lines whose live memory rose in the run."""

    def __init__(self, chains: Iterable[Sequence[object]], grown: Collection[Site] = ()) -> None:
        self.sources = Sources()
        self.grown = frozenset(grown)
        wanted = {id(obj) for chain in chains for obj in chain}
        functions = [obj for obj in gc.get_objects() if type(obj) is types.FunctionType]
        self._by_object = _mentions(functions, wanted)

    def around(self, chain: Sequence[object]) -> CodeAround:
        """What is known about the last object of the chain; the others lead to it from a module."""
        return CodeAround(self, dict(list(self._functions(chain))[:MOST_FUNCTIONS]), chain)

    def _functions(self, chain: Sequence[object]) -> Iterator[tuple[types.FunctionType, dict[str, object]]]:
        """Functions that may have to do with the container, each with its first argument where that is known."""
        seen: set[int] = set()
        for obj in reversed(chain):
            for function, first in _methods(obj):
                if id(function) not in seen and function.__name__ not in _MAKERS:
                    seen.add(id(function))
                    names = function.__code__.co_varnames[: function.__code__.co_argcount]
                    yield function, dict(zip(names, first))
        for obj in reversed(chain):
            for function in self._by_object.get(id(obj), ()):
                if id(function) not in seen:
                    seen.add(id(function))
                    yield function, {}


class CodeAround:
    """The functions around one container, and what they do to it."""

    def __init__(
        self, limits: Limits, functions: dict[types.FunctionType, dict[str, object]], chain: Sequence[object]
    ) -> None:
        self._limits = limits
        self._chain = chain
        self._walks: list[tuple[types.FunctionType, Walk]] = []
        self._nodes = {function: limits.sources.node_of(function) for function in functions}
        calls = Calls(limits.sources, chain)
        changing = self._changing()
        for function, arguments in functions.items():
            walk = Walk(chain[-1], calls, changing)
            walk.function(function, arguments)
            self._walks.append((function, walk))
        self._arguments = functions

    def limit(self) -> Limit | None:
        """The limit, if whatever adds keeps to one. A helper that does not is its callers' affair, where they all do."""
        adds = [(function, walk, add) for function, walk in self._walks for add in walk.changes.adds]
        ran = [one for one in adds if self._has_grown(one[2])]
        limits: list[Limit] = []
        for function, walk, add in ran or adds:
            limit = walk.changes.limit_of(add)
            if limit is None:
                callers = [other for _, other in self._walks if function.__code__ in other.called]
                found = [
                    caller.changes.limit_of(one) for caller in callers for one in caller.changes.adds if _same(one, add)
                ]
                if not found or None in found:
                    return None
                limit = found[0]
            if limit is not None:
                limits.append(limit)
        return max(limits, key=lambda limit: limit.most or 0) if limits else None

    def speaks_of(self, name: str) -> bool:
        """Whether a number of this name may bound the container, by the code that compares it. Where that is with a length,
        ``limit`` has said all there is to say; what counts is a comparison in another way, as with ``self.qsize()``. True
        where no code can be read.
        """
        read = False
        for function, _ in self._walks:
            node = self._nodes[function]
            if node is None:
                continue
            read = True
            scope = Scope(function, node, self._arguments[function], self._chain)
            for part in parts_of(node):
                if isinstance(part, ast.Compare) and name in map(_name_of, ast.walk(part)):
                    measured = [scope.value(one.args[0]) for one in ast.walk(part) if _is_len(one)]
                    if not any(issubclass(type(one), _CONTAINERS) for one in measured):
                        return True
        return not read

    def _changing(self) -> frozenset[str]:
        """Names of what these functions add to: ``self.used += n``."""
        names: set[str] = set()
        for node in self._nodes.values():
            for part in parts_of(node) if node is not None else ():
                targets: Sequence[ast.expr] = ()
                if isinstance(part, ast.AugAssign):
                    targets = (part.target,)
                elif isinstance(part, ast.Assign) and isinstance(part.value, ast.BinOp):
                    targets = part.targets
                for target in targets:
                    name = getattr(target, "attr", None) or getattr(target, "id", None)
                    names.update(() if name is None else (name,))
        return frozenset(names)

    def _has_grown(self, add: Add) -> bool:
        return any((add.file, line) in self._limits.grown for line in range(add.line, add.last_line + 1))


def plain(name: str) -> str:
    """An attribute's name without underscores before it, and without the class of a private one (``_Cache__maxsize``)."""
    return name.rpartition("__")[2].lstrip("_").lower()


def _name_of(part: ast.AST) -> str:
    return plain(str(getattr(part, "attr", None) or getattr(part, "id", "")))


def _is_len(part: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(part, ast.Call) and len(part.args) == 1 and _name_of(part.func) == "len"


def _same(one: Add, other: Add) -> bool:
    return (one.file, one.line) == (other.file, other.line)


def _methods(obj: object) -> Iterator[tuple[types.FunctionType, list[object]]]:
    """The functions of an object's class and its bases, each with what it is given first."""
    is_class = issubclass(type(obj), type)
    for kind in mro_of_type(obj if is_class else type(obj)):
        for member in tuple(dict_of_type(kind).values()):
            function = function_in(member)
            if function is not None:
                yield function, [] if type(member) is staticmethod else [obj]


def _mentions(functions: Sequence[types.FunctionType], wanted: set[int]) -> dict[int, list[types.FunctionType]]:
    """The functions that name an object as a global, or share it in a cell, by its ``id()``."""
    names: dict[int, dict[str, int]] = {}
    found: dict[int, list[types.FunctionType]] = {}
    for function in functions:
        contents = function.__globals__
        if id(contents) not in names:
            names[id(contents)] = {name: id(value) for name, value in tuple(contents.items()) if id(value) in wanted}
        keys: set[int] = set()
        if names[id(contents)]:
            keys.update(names[id(contents)].get(name, 0) for name in function.__code__.co_names)
        for cell in function.__closure__ or ():
            try:
                keys.add(id(cell.cell_contents))
            except ValueError:  # a cell that is still empty
                continue
        for key in keys & wanted:
            found.setdefault(key, []).append(function)
    return found
