"""The words of the code: one term for each idea, one class for each name, docstrings in the imperative.

Identifiers are read from the syntax trees, so that a comment may quote a word.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository.files import ROOT, parsed, python_files

FOLDERS = ("otel_memeval", "tests", "benchmarks", "deploy", "docs", "examples", "scenarios")
SCENARIO_CODE = ("benchmarks/corpus/", "benchmarks/packages/scenarios/")
"""Code that imitates other people's programs, in their words."""

IDENTIFIERS = {
    *("told", "looks", "look", "holding", "whole", "goes_on", "have_stopped", "one"),
    *("deeper_look", "wider_look", "longest_stay", "gathers", "guardian", "hurried"),
}
"""Names of nothing: variables, attributes, arguments, functions, classes and modules."""

CLASSES = {
    *("Looks", "Holding", "Collector", "Growing", "Host", "Guardian"),
    *("Told", "Known", "Named", "Rendering", "Asked"),
    *("Answer", "Accounts", "Moment", "Sieve", "Plain"),
    *("Nature", "Rest", "Baseline"),
}
CLASS_NAME_END = "Told"

MODULES = {
    *("looks", "look", "looking", "holding", "collector", "places", "unusable", "outcome", "widening", "explaining"),
    *("told", "known", "named", "unmeasured", "standing", "guard", "gate", "rounds", "stand", "exporting", "gauges"),
    *("forgetting", "changes", "scope", "limits", "walk", "filling", "native", "contents", "objects", "answer", "values"),
    *("declared", "hurry", "guardian", "outside", "wider"),
}
"""Names of no module of the package."""


def names_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every identifier of a syntax tree with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.keyword) and node.arg is not None:
            yield node.value.lineno, node.arg
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, (ast.alias, ast.ExceptHandler)):
            yield node.lineno, (node.asname if isinstance(node, ast.alias) else node.name) or ""


def classes_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every class of a syntax tree with its line."""
    return ((node.lineno, node.name) for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def unwanted(tree: ast.AST) -> list[tuple[int, str]]:
    """Return the identifiers of a syntax tree that nothing may have, with their lines."""
    identifiers = [(line, name) for line, name in names_in(tree) if name.strip("_") in IDENTIFIERS]
    return identifiers + [
        (line, name) for line, name in classes_in(tree) if name.strip("_") in CLASSES or name.endswith(CLASS_NAME_END)
    ]


def checked_files() -> list[Path]:
    """Return the Python files whose words are ours."""
    return [path for path in python_files(*FOLDERS) if not path.relative_to(ROOT).as_posix().startswith(SCENARIO_CODE)]


def test_no_identifier_is_of_the_old_words() -> None:
    """The count of such identifiers is zero in every file."""
    found = {path.relative_to(ROOT).as_posix(): unwanted(parsed(path)) for path in checked_files()}
    lines = [f"{file}:{line} {name}" for file, names in found.items() for line, name in names]
    assert not lines, f"{len(lines)} identifiers:\n" + "\n".join(lines)


def test_no_module_is_of_the_old_names() -> None:
    """Modules and folders of the package are named after their subject."""
    paths = [path.relative_to(ROOT) for path in python_files("otel_memeval")]
    assert [str(path) for path in paths if MODULES & {*path.parts[:-1], path.stem}] == []


def test_class_name_is_unique_in_the_package() -> None:
    """One class name stands once."""
    places = [
        (name, path.relative_to(ROOT).as_posix())
        for path in python_files("otel_memeval")
        for _, name in classes_in(parsed(path))
    ]
    counts = Counter(name for name, _ in places)
    assert {name: [place for other, place in places if other == name] for name in counts if counts[name] > 1} == {}


def test_docstrings_are_in_the_imperative() -> None:
    """The linter's rule D401 is on."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ignored = re.search(r"^ignore = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert ignored is not None
    assert '"D401"' not in ignored.group(1)


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("for one in sites: site.told(one)", 3),
        ("def look(*, whole): return whole", 3),
        ("class FailureTold: holding: int", 2),
        ("f(one=1)", 1),
        ("from x import y as told", 1),
        ("class Host: pass", 1),
        ("'one told look'  # whole", 0),
        ("onesided = lookup(untold)", 0),
    ],
)
def test_old_words_are_found_where_they_are_names(code: str, count: int) -> None:
    """Texts, comments and longer words are left alone."""
    assert len(unwanted(ast.parse(code))) == count
