"""Reference paths from a module to a container."""

from __future__ import annotations

import functools
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from otel_memeval.worker.references import paths
from otel_memeval.worker.references.paths import find_paths
from tests.worker.odd_objects import HasProxy, Shouting, Unbound

SECRET = "a session's secret id"


class Agent:
    """Holds containers as an attribute of the instance and of the class."""

    shared: ClassVar[list[int]] = []

    def __init__(self) -> None:
        self.log: list[int] = []

    def method(self) -> None:
        """To be bound."""


class Slotted:
    """Holds a container in a slot; another slot stays empty."""

    __slots__ = ("empty", "items")

    def __init__(self) -> None:
        self.items: list[int] = []


class Queue(list[object]):
    """A container with attributes of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    """Yield an imported scenario module with nothing in it."""
    made = types.ModuleType("scenario_of_this_test")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


@pytest.fixture(autouse=True, params=["walks through all", "keeps to ways to targets"])
def near(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try each case with the walk through all objects, and with the search backwards from the first object on."""
    monkeypatch.setattr(paths, "MAX_NEAR", 0 if request.param == "keeps to ways to targets" else paths.MAX_NEAR)


def path_of(target: object, module: types.ModuleType) -> str | None:
    """Return the path to a container, with m for the module's name."""
    path = find_paths([target], module.__name__).get(id(target))
    return None if path is None else path.text.replace(module.__name__, "m")


def closure_over(items: list[int]) -> Callable[[], list[int]]:
    """Return a function that holds the list in a closure."""

    def inner() -> list[int]:
        return items

    return inner


def with_default(items: list[int]) -> Callable[..., list[int]]:
    """Return a function that holds the list as a default argument."""

    def function(kept: list[int] = items) -> list[int]:
        return kept

    return function


def with_keyword_default(items: list[int]) -> Callable[..., list[int]]:
    """Return a function that holds the list as a default of a keyword argument."""

    def function(*, kept: list[int] = items) -> list[int]:
        return kept

    return function


def with_attribute(items: list[int]) -> Callable[[], None]:
    """Return a function that holds the list as an attribute."""

    def function() -> None:
        return None

    function.kept = items  # type: ignore[attr-defined]
    return function


def cached(result: object) -> Callable[[], object]:
    """Return a cached function that has returned the result."""
    box = [result]

    @functools.lru_cache(maxsize=4)
    def function() -> object:
        return box.pop()

    function()
    return function


def cached_for_ever(result: object) -> Callable[[], object]:
    """Return a cached function without a bound that has returned the result."""
    box = [result]

    @functools.cache
    def function() -> object:
        return box.pop()

    function()
    return function


def agent_with(items: list[int]) -> Agent:
    """Return an instance that holds the list."""
    agent = Agent()
    agent.log = items
    return agent


def thread_local_with(items: list[int]) -> threading.local:
    """Return a thread-local object that holds the list in this thread."""
    local = threading.local()
    local.kept = items
    return local


def suspended_with(items: list[int]) -> Iterator[list[int]]:
    """Return a generator whose frame holds the list."""

    def generate(seen: list[int]) -> Iterator[list[int]]:
        yield []
        yield seen

    generator = generate(items)
    next(generator)
    return generator


def slotted_with(items: list[int]) -> Slotted:
    """Return an instance that holds the list in a slot."""
    slotted = Slotted()
    slotted.items = items
    return slotted


@pytest.mark.parametrize(
    ("hold", "path"),
    [
        (lambda items: items, "m.X"),
        (agent_with, "m.X -> Agent.log"),
        (slotted_with, "m.X -> Slotted.items"),
        (lambda items: [0, items], "m.X[1]"),
        (lambda items: (0, 1, items), "m.X[2]"),
        (lambda items: deque([items]), "m.X[0]"),
        (lambda items: {SECRET: items}, "m.X[*]"),
        (lambda items: {SECRET: {SECRET: items}}, "m.X[*][*]"),
        (lambda items: {SECRET: agent_with(items)}, "m.X[*] -> Agent.log"),
        (lambda items: {SECRET, functools.partial(len, items)}, "m.X[*][0]"),
        (closure_over, "m.X -> closure_over.<locals>.inner.items"),
        (with_default, "m.X -> with_default.<locals>.function(default)"),
        (with_keyword_default, "m.X -> with_keyword_default.<locals>.function(default)"),
        (with_attribute, "m.X -> with_attribute.<locals>.function.kept"),
        (lambda items: agent_with(items).method, "m.X -> Agent.log"),
        (lambda items: functools.partial(len, items), "m.X[0]"),
        (lambda items: types.SimpleNamespace(kept=items), "m.X -> SimpleNamespace.kept"),
        (lambda items: items.append, "m.X"),
        (lambda items: items.__len__, "m.X"),
        (thread_local_with, "m.X -> _local.kept"),
        (suspended_with, "m.X -> generator"),
        (lambda items: type("Made", (), {"kept": items}), "m.X.kept"),
        (cached, "m.X(...)"),
        (cached_for_ever, "m.X(...)[*]"),
        (lambda items: [Unbound([]), HasProxy(), items], "m.X[2]"),
        (lambda items: [Shouting("Odd", (), {}), Shouting("Odd", (), {})(), items], "m.X[2]"),
        (lambda items: Unbound(items), "m.X -> Unbound._held"),
        (lambda items: Shouting("Odd", (), {"kept": items}), "m.X.kept"),
    ],
)
def test_path_reads_as_a_person_would_look_it_up(
    hold: Callable[[list[int]], object], path: str, module: types.ModuleType
) -> None:
    """Each kind of reference has its own text, no key of a dict is written, and no code of the scenario runs."""
    items = [1, 2, 3]
    module.X = hold(items)  # type: ignore[attr-defined]
    assert path_of(items, module) == path


def test_class_attribute_has_the_path_of_its_class(module: types.ModuleType) -> None:
    """The path does not lead through an instance."""
    module.Agent = type("Agent", (), {"shared": [1]})  # type: ignore[attr-defined]
    module.AGENT = module.Agent()  # type: ignore[attr-defined]
    assert path_of(module.Agent.shared, module) == "m.Agent.shared"


def test_growing_attributes_of_an_instance_have_a_path(module: types.ModuleType) -> None:
    """The container that grows is the dict of the instance."""
    module.X = Agent()  # type: ignore[attr-defined]
    assert path_of(vars(module.X), module) == "m.X -> Agent.__dict__"


def test_growing_names_of_a_module_have_a_path(module: types.ModuleType) -> None:
    """The dict of a module has the module's name as its path."""
    assert path_of(vars(module), module) == "m"


def test_container_with_attributes_is_followed_by_item_and_by_attribute(module: types.ModuleType) -> None:
    """An instance of a subclass of list holds items and attributes."""
    queue = Queue()
    queue.append([1])
    module.QUEUE = queue  # type: ignore[attr-defined]
    assert path_of(queue[0], module) == "m.QUEUE[0]"
    assert path_of(queue.seen, module) == "m.QUEUE -> Queue.seen"


def test_path_is_the_shortest_and_that_of_the_scenario_among_equals(module: types.ModuleType) -> None:
    """An attribute of another module goes before a longer path from the scenario, and after an attribute of the scenario."""
    items: list[int] = []
    other = types.ModuleType("another_module_of_this_test")
    sys.modules[other.__name__] = other
    try:
        module.DEEP = [[items]]  # type: ignore[attr-defined]
        other.ITEMS = items  # type: ignore[attr-defined]
        assert path_of(items, module) == "another_module_of_this_test.ITEMS"
        module.ITEMS = items  # type: ignore[attr-defined]
        assert path_of(items, module) == "m.ITEMS"
    finally:
        del sys.modules[other.__name__]


def test_local_variable_has_no_path(module: types.ModuleType) -> None:
    """An object that only a running function refers to has no path, even if a module holds the function's frame."""
    items = [1, 2, 3]
    module.FRAME = sys._getframe()  # type: ignore[attr-defined]
    try:
        assert path_of(items, module) is None
    finally:
        del module.FRAME


def test_object_without_a_reference_from_a_module_has_no_path(module: types.ModuleType) -> None:
    """An object that is gone, or that only refers to itself, is not in the result; others are."""
    cycle: list[object] = []
    cycle.append(cycle)
    module.X = [1]  # type: ignore[attr-defined]
    found = find_paths([cycle, module.X], module.__name__)
    assert {key: path.text for key, path in found.items()} == {id(module.X): f"{module.__name__}.X"}


def test_walk_ends_at_its_limit(monkeypatch: pytest.MonkeyPatch, module: types.ModuleType) -> None:
    """In a heap with more objects than are visited, an object that was not reached has no path."""
    items: list[int] = []
    module.X = [[[items]]]  # type: ignore[attr-defined]
    assert path_of(items, module) == "m.X[0][0][0]"
    monkeypatch.setattr(paths, "MAX_VISITED", 10)
    assert path_of(items, module) is None


def test_module_that_loads_on_first_use_is_not_loaded(module: types.ModuleType) -> None:
    """The search for paths runs no code of a lazy module, and so imports nothing."""

    class Lazy(types.ModuleType):
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError("the lazy module was asked")

    lazy = Lazy("a_lazy_module_of_this_test")
    sys.modules["a_lazy_module_of_this_test"] = lazy
    try:
        module.X = [1]  # type: ignore[attr-defined]
        assert path_of(module.X, module) == "m.X"
    finally:
        del sys.modules["a_lazy_module_of_this_test"]


def test_only_modules_of_the_tool_lead_to_no_path() -> None:
    """A module of the user whose name begins like the tool's is followed."""
    for name, expected in [("otel_memeval_demo", "otel_memeval_demo.X"), ("otel_memeval.demo", None)]:
        made = types.ModuleType(name)
        made.X = [1]  # type: ignore[attr-defined]
        sys.modules[name] = made
        try:
            path = find_paths([made.X], "m").get(id(made.X))
            assert (path.text if path else None) == expected
        finally:
            del sys.modules[name]
