"""Find the syntax tree of a live function, if its source exists and is the source that was compiled. Runs no code of it."""

from __future__ import annotations

import ast
import os
import types
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

MAX_SOURCE_BYTES = 1_000_000
"""Size of a file above which it is not read: no person writes so much; it is generated code."""

MAX_READ_BYTES = 8_000_000
"""Size of all files together: to parse them takes about a second."""


class FunctionSource:
    """The syntax tree of a function, with its parts. One function surrounds many containers: all is computed once."""

    def __init__(self, node: FunctionNode) -> None:
        self.node = node
        self.assigned: dict[str, list[ast.expr | None]] = {}
        """Expressions that are assigned to each name; None for one that is not known, such as an item of a loop."""
        self.outer: set[str] = set()
        """Names that belong to a module or to an outer function."""
        self.parts = tuple(parts_of(node))
        for part in self.parts:
            self._note_assignment(part)

    def _note_assignment(self, part: ast.AST) -> None:
        if isinstance(part, (ast.Global, ast.Nonlocal)):
            self.outer.update(part.names)
        elif isinstance(part, ast.Assign) and len(part.targets) == 1 and isinstance(part.targets[0], ast.Name):
            self.assigned.setdefault(part.targets[0].id, []).append(part.value)
        elif isinstance(part, (ast.NamedExpr, ast.AnnAssign)) and isinstance(part.target, ast.Name):
            self.assigned.setdefault(part.target.id, []).append(part.value)
        elif isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name):
            self.assigned.setdefault(part.target.id, []).append(None)
        elif isinstance(part, (ast.For, ast.AsyncFor, ast.comprehension)):
            self._note_targets(part.target)
        elif isinstance(part, ast.Assign):
            for target in part.targets:
                self._note_targets(target)
        elif isinstance(part, ast.withitem) and part.optional_vars is not None:
            self._note_targets(part.optional_vars)

    def _note_targets(self, target: ast.expr) -> None:
        for part in ast.walk(target):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                self.assigned.setdefault(part.id, []).append(None)

    @cached_property
    def changing_names(self) -> frozenset[str]:
        """Names that the function adds to: ``self.used += n``."""
        names: set[str] = set()
        for part in self.parts:
            targets: Sequence[ast.expr] = ()
            if isinstance(part, ast.AugAssign):
                targets = (part.target,)
            elif isinstance(part, ast.Assign) and isinstance(part.value, ast.BinOp):
                targets = part.targets
            for target in targets:
                name = getattr(target, "attr", None) or getattr(target, "id", None)
                names.update(() if name is None else (name,))
        return frozenset(names)


class SourceFiles:
    """Source files and functions, each read once."""

    def __init__(self) -> None:
        self._files: dict[str, dict[tuple[str, int], list[FunctionNode]]] = {}
        self._functions: dict[int, tuple[types.CodeType, FunctionSource | None]] = {}
        self._read_bytes = 0

    def source_of(self, function: types.FunctionType) -> FunctionSource | None:
        """Return the function's source; None without one, or if the file has another function there by now."""
        code = function.__code__
        known = self._functions.get(id(code))
        if known is None:
            node = self._node_of(code)
            known = self._functions[id(code)] = (code, None if node is None else FunctionSource(node))
        return known[1]

    def _node_of(self, code: types.CodeType) -> FunctionNode | None:
        name = code.co_filename
        if name not in self._files:
            self._files[name] = self._parse(name)
        nodes = self._files[name].get((code.co_name, code.co_firstlineno), [])
        return nodes[0] if len(nodes) == 1 and _is_source_of(nodes[0], code) else None

    def _parse(self, name: str) -> dict[tuple[str, int], list[FunctionNode]]:
        """Return the functions of a file by name and first line, which is that of the first decorator."""
        functions: dict[tuple[str, int], list[FunctionNode]] = {}
        try:
            size = os.stat(name).st_size
            if size > MAX_SOURCE_BYTES or self._read_bytes + size > MAX_READ_BYTES:
                return functions
            self._read_bytes += size
            with open(name, "rb") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # to show a warning would run code of the scenario
                tree = ast.parse(file.read())
        except Exception:  # no such file, not Python, nested too deeply
            return functions
        for node in ast.walk(tree):
            if isinstance(node, FunctionNode):
                first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
                functions.setdefault((getattr(node, "name", "<lambda>"), first), []).append(node)
        return functions


def _is_source_of(node: FunctionNode, code: types.CodeType) -> bool:
    """Return whether every name that the code uses stands in the source: an edited file has other names."""
    words: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            words.add(part.id)
        elif isinstance(part, ast.Attribute):
            words.add(part.attr)
        elif isinstance(part, ast.arg):
            words.add(part.arg)
        elif isinstance(part, ast.alias):
            words.update((part.name, *part.name.split("."), part.asname or ""))
        elif isinstance(part, (ast.ImportFrom, ast.ExceptHandler, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            words.add((part.module if isinstance(part, ast.ImportFrom) else part.name) or "")
        elif isinstance(part, (ast.MatchAs, ast.MatchStar, ast.MatchMapping)):
            words.add((part.rest if isinstance(part, ast.MatchMapping) else part.name) or "")
    private = tuple(word for word in words if word.startswith("__"))
    for name in (*code.co_names, *code.co_varnames, *code.co_freevars):
        made_by_compiler = name.startswith(("@", ".")) or (name.startswith("__") and name.endswith("__"))
        mangled = name.startswith("_") and private and name.endswith(private)
        if not (made_by_compiler or name in words or mangled):
            return False
    return True


def statements_of(node: FunctionNode) -> list[ast.stmt]:
    """Return the statements of a function's body; a lambda's body is one return statement."""
    if not isinstance(node, ast.Lambda):
        return node.body
    returned = ast.Return(value=node.body)
    return [ast.copy_location(returned, node.body)]


def parts_of(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the node and its descendants, without the bodies of functions and classes that are defined inside."""
    queue: list[ast.AST] = [node]
    while queue:
        part = queue.pop()
        yield part
        queue.extend(
            child
            for child in ast.iter_child_nodes(part)
            if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef))
        )
