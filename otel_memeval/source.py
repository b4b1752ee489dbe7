"""Find the function around a line, and the signature of a line that edits above it do not change. Pure."""

from __future__ import annotations

import ast
import hashlib
import warnings


def parse(source: str) -> ast.Module | None:
    """Return the syntax tree of a source text; None if it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the scenario's own string literals
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def function_at(tree: ast.Module, line: int) -> str:
    """Return the qualified name of the innermost function or class around ``line``; ``<module>`` outside of any."""
    names: list[str] = []
    body: list[ast.AST] = [tree]
    while body:
        children = list(ast.iter_child_nodes(body.pop()))
        for child in children:
            if isinstance(child, ast.match_case):  # has no lines of its own
                children.extend(child.body)
            last = getattr(child, "end_lineno", None)
            if last is None or not _first_line(child) <= line <= last:
                continue
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                names.append(child.name)
            body = [child]
            break
    return ".".join(names) or "<module>"


def _first_line(node: ast.AST) -> int:
    """Return the first line of a definition, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([getattr(node, "lineno", 1), *(decorator.lineno for decorator in decorators)])


def signature(file: str, function: str, text: str) -> str:
    """Return twelve hexadecimal digits for this line of code: the same when it moves, or the process restarts."""
    identity = "\0".join((file.replace("\\", "/"), function, " ".join(text.split())))
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:12]
