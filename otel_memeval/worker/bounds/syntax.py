"""From a live function to its syntax tree, where its source is there and is what was compiled. Runs nothing of it."""

from __future__ import annotations

import ast
import os
import types
import warnings
from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

MOST_SOURCE_BYTES = 1_000_000
"""A longer file is not read: generated code."""

MOST_READ_BYTES = 8_000_000
"""Of all files together: parsing takes about a second for these."""


class Sources:
    """The files that were parsed so far."""

    def __init__(self) -> None:
        self._files: dict[str, dict[tuple[str, int], list[Function]]] = {}
        self._read_bytes = 0

    def node_of(self, function: types.FunctionType) -> Function | None:
        """The function's syntax; None without a source, or where the source has another function there by now."""
        code = function.__code__
        name = code.co_filename
        if name not in self._files:
            self._files[name] = self._parse(name)
        nodes = self._files[name].get((code.co_name, code.co_firstlineno), [])
        return nodes[0] if len(nodes) == 1 and _agrees(nodes[0], code) else None

    def _parse(self, name: str) -> dict[tuple[str, int], list[Function]]:
        found: dict[tuple[str, int], list[Function]] = {}
        try:
            size = os.stat(name).st_size
            if size > MOST_SOURCE_BYTES or self._read_bytes + size > MOST_READ_BYTES:
                return found
            self._read_bytes += size
            with open(name, "rb") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # how a scenario shows warnings is its own code
                tree = ast.parse(file.read())
        except Exception:  # no such file, not Python, nested too deeply
            return found
        for node in ast.walk(tree):
            if isinstance(node, Function):
                first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
                found.setdefault((getattr(node, "name", "<lambda>"), first), []).append(node)
        return found


def _agrees(node: Function, code: types.CodeType) -> bool:
    """Whether every name that the compiled code uses stands in the source: a file that was edited since has others."""
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
        made = name.startswith(("@", ".")) or (name.startswith("__") and name.endswith("__"))
        if not (made or name in words or (name.startswith("_") and private and name.endswith(private))):
            return False
    return True


def statements_of(node: Function) -> list[ast.stmt]:
    """A function's body; a lambda's as the return that it is."""
    if not isinstance(node, ast.Lambda):
        return node.body
    returned = ast.Return(value=node.body)
    return [ast.copy_location(returned, node.body)]


def parts_of(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all inside of it, not what stands in a function or class defined there."""
    queue: list[ast.AST] = [node]
    while queue:
        part = queue.pop()
        yield part
        queue.extend(
            child
            for child in ast.iter_child_nodes(part)
            if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef))
        )
