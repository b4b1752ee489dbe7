"""Find the syntax tree of a live function, if its source exists and is the source that was compiled. Runs no code of it."""

from __future__ import annotations

import ast
import os
import types
import warnings
from collections.abc import Iterator

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

MAX_SOURCE_BYTES = 1_000_000
"""Size of a file above which it is not read: no person writes so much; it is generated code."""

MAX_READ_BYTES = 8_000_000
"""Size of all files together: to parse them takes about a second."""


class SourceFiles:
    """Source files, each parsed once."""

    def __init__(self) -> None:
        self._files: dict[str, dict[tuple[str, int], list[FunctionNode]]] = {}
        self._read_bytes = 0

    def node_of(self, function: types.FunctionType) -> FunctionNode | None:
        """Return the function's node; None without a source, or if the source has another function there by now."""
        code = function.__code__
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
