"""Keys and local variables in the steps of a path."""

from __future__ import annotations

import importlib
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otel_memeval.worker.references.paths import find_paths
from otel_memeval.worker.references.roots import PathRoots
from otel_memeval.worker.references.step_names import is_name

SOURCE = """
TABLE = {"sessions": [1], "a prompt with spaces": [2]}
def keep(kind, prompt):
    if kind == "tool":
        TABLE.setdefault(prompt, [])
    return dict(keyword=[3])
class Store:
    def __init__(self):
        self.by_kind = {}
def collect(seen):
    yield
    yield seen
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """Yield a scenario that was imported from a file."""
    (tmp_path / "scenario_of_keys.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("scenario_of_keys")
    del sys.modules["scenario_of_keys"]


def path_of(target: object, scenario: str = "scenario_of_keys") -> str:
    """Return the path to a container as the report shows it."""
    return PathRoots(scenario, {}).text(find_paths([target], scenario)[id(target)])


@pytest.mark.parametrize(
    ("key", "step"),
    [
        ("sessions", '["sessions"]'),
        ("tool", '["tool"]'),
        ("keyword", '["keyword"]'),
        ("setdefault", '["setdefault"]'),
        ("a prompt with spaces", "[*]"),
        ("session-4711", "[*]"),
        (("tool", 1), "[*]"),
    ],
)
@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_key_is_shown_if_it_stands_in_the_source(
    module: types.ModuleType, key: object, step: str, kind: Callable[..., dict[object, object]]
) -> None:
    """A literal or name of any function of the scenario is shown; a text, and a key that came at run time, is hidden."""
    kept = [1]
    module.X = kind({key: kept})  # type: ignore[attr-defined]
    assert path_of(kept) == f"scenario_of_keys.X{step}"


def test_keys_of_the_package_that_owns_a_container_are_shown(module: types.ModuleType) -> None:
    """The module at which a path begins, and those of the classes on it, count beside the scenario's."""
    kept = [1]
    store = module.Store()
    store.by_kind["tool"] = kept
    other = types.ModuleType("module_without_a_file")
    other.STORE = store  # type: ignore[attr-defined]
    sys.modules[other.__name__] = other
    try:
        assert path_of(kept, "another") == 'module_without_a_file.STORE -> Store.by_kind["tool"]'
        other.STORE = {"tool": kept}  # type: ignore[attr-defined]
        store.by_kind.clear()
        assert path_of(kept, "another") == "module_without_a_file.STORE[*]"
    finally:
        del sys.modules[other.__name__]


def test_names_of_executed_code_are_shown(module: types.ModuleType) -> None:
    """The namespace of ``exec`` has names, like a module."""
    module.SPACE = {}  # type: ignore[attr-defined]
    exec("KEPT_BY_TEMPLATE = [1]", module.SPACE)
    assert path_of(module.SPACE["KEPT_BY_TEMPLATE"]) == 'scenario_of_keys.SPACE["KEPT_BY_TEMPLATE"]'


def test_local_variable_of_a_suspended_function_is_named(module: types.ModuleType) -> None:
    """The function and the variable stand in the path; a generator that is exhausted leads nowhere."""
    kept = [1]
    module.COLLECTOR = module.collect(kept)  # type: ignore[attr-defined]
    next(module.COLLECTOR)
    assert path_of(kept) == "scenario_of_keys.COLLECTOR -> collect.seen"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("sessions", True), ("gpt-4o", True), ("gen_ai.usage", True), ("x" * 32, True), ("x" * 33, False), ("", False),
        ("sk-proj-4711abcdefghi", False), ("a b", False), ("naïve", False), ("4711", False), ("k" * 15 + "1", True),
        ("k" * 16 + "1", False),
    ],
)  # fmt: skip
def test_name_is_short_and_has_no_long_row_with_digits(key: str, expected: bool) -> None:
    """Texts, numbers and what may be an access key are no names."""
    assert is_name(key) is expected
