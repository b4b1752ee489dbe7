"""Find the syntax tree of a live function, if its source exists and is the source that was compiled. Runs no code of it."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import types
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

MAX_SOURCE_BYTES = 1_000_000
"""Size of a file above which it is not read: no person writes so much; it is generated code."""

MAX_READ_BYTES = 8_000_000
"""Size of all code that is parsed together: that takes about a second."""

_MAX_ENDS = 4
"""Lines that are tried as the end of a function: a text of several lines may reach further to the left than its code."""


_NAMING = frozenset(
    (
        *(ast.Global, ast.Nonlocal, ast.Assign, ast.NamedExpr, ast.AnnAssign, ast.AugAssign),
        *(ast.For, ast.AsyncFor, ast.comprehension, ast.withitem),
    )
)
"""Types of parts that give a name its value or its scope."""


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
            if type(part) in _NAMING:
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
    def inner_calls(self) -> dict[int, tuple[ast.AST, ...]]:
        """The children of each part in which there is a call or an item, by the ``id()`` of the part; no other parts."""
        found: dict[int, tuple[ast.AST, ...]] = {}
        for part in reversed(self.parts):  # children before their parent
            children = tuple(child for child in _children(part) if id(child) in found)
            if children or isinstance(part, (ast.Call, ast.Subscript)):
                found[id(part)] = children
        return found

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
    """Source files and functions, each read once. Of a file only the functions are parsed that are asked for."""

    def __init__(self) -> None:
        self._lines: dict[str, list[bytes]] = {}
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
        if name not in self._lines:
            self._lines[name] = _read_lines(name)
        node = self._parse_function(code, self._lines[name])
        if node is None:
            if name not in self._files:
                self._files[name] = _functions_in(self._parse(b"".join(self._lines[name])))
            nodes = self._files[name].get((code.co_name, code.co_firstlineno), [])
            node = nodes[0] if len(nodes) == 1 else None
        return node if node is not None and _is_source_of(node, self._lines[name], code) else None

    def _parse_function(self, code: types.CodeType, lines: list[bytes]) -> FunctionNode | None:
        """Return a function from its own lines; None for a lambda, and for lines that are not a function by themselves."""
        first = code.co_firstlineno
        if code.co_name == "<lambda>" or first > len(lines) or b"coding" in b"".join(lines[:2]):
            return None
        indented = _indentation(lines[first - 1]) > 0
        head = b"\n" * (first - 2) + b"if 1:\n" if indented else b"\n" * (first - 1)
        for end in islice(_ends(lines, first, _last_line(code)), _MAX_ENDS):
            tree = self._parse(head + b"".join(lines[first - 1 : end]))
            if tree is not None:
                inside = tree.body[0].body if indented else tree.body  # type: ignore[attr-defined]
                return next((node for node in _functions(inside) if _name_and_line(node) == (code.co_name, first)), None)
        return None

    def _parse(self, source: bytes) -> ast.Module | None:
        self._read_bytes += len(source.lstrip())
        if self._read_bytes > MAX_READ_BYTES:
            return None
        with contextlib.suppress(Exception), warnings.catch_warnings():  # not Python, nested too deeply
            warnings.simplefilter("ignore")  # to show a warning would run code of the scenario
            return ast.parse(source)
        return None


def _read_lines(name: str) -> list[bytes]:
    """Return the lines of a file; none if there is no such file, or if it is too long."""
    try:
        if os.stat(name).st_size > MAX_SOURCE_BYTES:
            return []
        with open(name, "rb") as file:
            return file.readlines()
    except OSError:
        return []


def _last_line(code: types.CodeType) -> int:
    """Return the last line that has an instruction of the function or of one inside of it."""
    lines = [line for _, _, line in code.co_lines() if line is not None]
    inner = [_last_line(part) for part in code.co_consts if type(part) is types.CodeType]
    return max([code.co_firstlineno, *lines, *inner])


def _indentation(line: bytes) -> int:
    return len(line) - len(line.lstrip())


def _ends(lines: list[bytes], first: int, last: int) -> Iterator[int]:
    """Yield the numbers of lines after which a function may end: the next one is not further to the right."""
    most = _indentation(lines[first - 1])
    for place in range(last, len(lines)):
        text = lines[place].strip()
        if text and not text.startswith(b"#") and _indentation(lines[place]) <= most:
            yield place
    yield len(lines)


def _functions_in(tree: ast.Module | None) -> dict[tuple[str, int], list[FunctionNode]]:
    """Return functions by name and first line."""
    functions: dict[tuple[str, int], list[FunctionNode]] = {}
    for node in _functions(ast.walk(tree) if tree is not None else ()):
        functions.setdefault(_name_and_line(node), []).append(node)
    return functions


def _functions(nodes: Iterable[ast.AST]) -> Iterator[FunctionNode]:
    return (node for node in nodes if isinstance(node, FunctionNode))


def _name_and_line(node: FunctionNode) -> tuple[str, int]:
    """Return name and first line of a function, the line of the first decorator."""
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    return getattr(node, "name", "<lambda>"), first


def _is_source_of(node: FunctionNode, lines: list[bytes], code: types.CodeType) -> bool:
    """Return whether every name that the code uses stands in the source: an edited file has other names."""
    source = b"".join(lines[code.co_firstlineno - 1 : node.end_lineno]).decode("utf-8", "replace")
    words = set(re.findall(r"\w+", source))
    private = tuple(word for word in words if word.startswith("__"))
    for name in (*code.co_names, *code.co_varnames, *code.co_freevars):
        made_by_compiler = name.startswith(("@", ".")) or (name.startswith("__") and name.endswith("__"))
        mangled = name.startswith("_") and private and name.endswith(private)
        if not (made_by_compiler or mangled or words.issuperset(name.split("."))):
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
        queue.extend(child for child in _children(part) if type(child) not in _INNER)


_INNER = frozenset((ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef))


def _children(part: ast.AST) -> Iterator[ast.AST]:
    """Yield the children of a part in their order, as ``ast.iter_child_nodes`` does."""
    for value in vars(part).values():
        if type(value) is list:
            yield from (item for item in value if isinstance(item, ast.AST))
        elif isinstance(value, ast.AST):
            yield value
