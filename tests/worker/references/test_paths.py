"""Who holds it: paths from a module to a container."""

from __future__ import annotations

import functools
import sys
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
    """Holds things in every way that an instance can."""

    shared: ClassVar[list[int]] = []

    def __init__(self) -> None:
        self.log: list[int] = []

    def method(self) -> None:
        """To be bound."""


class Slotted:
    """Holds in slots; one stays empty."""

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
    """An imported scenario module with nothing in it."""
    made = types.ModuleType("scenario_of_this_test")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def path_of(target: object, module: types.ModuleType) -> str | None:
    """The path to one container, the module's name written as m."""
    path = find_paths({id(target)}, module.__name__).get(id(target))
    return None if path is None else path.text.replace(module.__name__, "m")


def closure_over(items: list[int]) -> Callable[[], list[int]]:
    """A function that holds its list in a closure."""

    def inner() -> list[int]:
        return items

    return inner


def with_default(items: list[int]) -> Callable[..., list[int]]:
    """A function that holds its list as a default argument."""

    def function(kept: list[int] = items) -> list[int]:
        return kept

    return function


def with_keyword_default(items: list[int]) -> Callable[..., list[int]]:
    """The same, of an argument by keyword."""

    def function(*, kept: list[int] = items) -> list[int]:
        return kept

    return function


def with_attribute(items: list[int]) -> Callable[[], None]:
    """A function that holds its list as an attribute."""

    def function() -> None:
        return None

    function.kept = items  # type: ignore[attr-defined]
    return function


def cached(result: object) -> Callable[[], object]:
    """A cached function that has returned this."""
    box = [result]

    @functools.lru_cache(maxsize=4)
    def function() -> object:
        return box.pop()

    function()
    return function


def cached_for_ever(result: object) -> Callable[[], object]:
    """The same without a bound."""
    box = [result]

    @functools.cache
    def function() -> object:
        return box.pop()

    function()
    return function


def agent_with(items: list[int]) -> Agent:
    """An instance that holds the list."""
    agent = Agent()
    agent.log = items
    return agent


def slotted_with(items: list[int]) -> Slotted:
    """An instance that holds the list in a slot."""
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
        (lambda items: type("Made", (), {"kept": items}), "m.X.kept"),
        (cached, "m.X(...)"),
        (cached_for_ever, "m.X(...)[*]"),
        (lambda items: [Unbound([]), HasProxy(), items], "m.X[2]"),
        (lambda items: [Shouting("Odd", (), {}), Shouting("Odd", (), {})(), items], "m.X[2]"),
        (lambda items: Unbound(items), "m.X -> Unbound._held"),
        (lambda items: Shouting("Odd", (), {"kept": items}), "m.X.kept"),
    ],
)
def test_a_path_reads_as_a_person_would_look_it_up(
    hold: Callable[[list[int]], object], path: str, module: types.ModuleType
) -> None:
    """Each way of holding has its own words, no key of a dict is written, and no code of the scenario's runs."""
    items = [1, 2, 3]
    module.X = hold(items)  # type: ignore[attr-defined]
    assert path_of(items, module) == path


def test_a_class_attribute_is_found_by_its_class(module: types.ModuleType) -> None:
    """What all instances share belongs to the class, not to one of them."""
    module.Agent = type("Agent", (), {"shared": [1]})  # type: ignore[attr-defined]
    module.AGENT = module.Agent()  # type: ignore[attr-defined]
    assert path_of(module.Agent.shared, module) == "m.Agent.shared"


def test_an_instance_that_gets_ever_more_attributes(module: types.ModuleType) -> None:
    """The instance's own dict is what grows, and is named as such."""
    module.X = Agent()  # type: ignore[attr-defined]
    assert path_of(vars(module.X), module) == "m.X -> Agent.__dict__"


def test_a_module_that_gets_ever_more_names(module: types.ModuleType) -> None:
    """A module's own dict is named by the module."""
    assert path_of(vars(module), module) == "m"


def test_a_container_with_attributes_holds_by_both(module: types.ModuleType) -> None:
    """A subclass of list holds by index and by attribute."""
    queue = Queue()
    queue.append([1])
    module.QUEUE = queue  # type: ignore[attr-defined]
    assert path_of(queue[0], module) == "m.QUEUE[0]"
    assert path_of(queue.seen, module) == "m.QUEUE -> Queue.seen"


def test_the_shortest_path_counts_and_the_scenarios_own_goes_first(module: types.ModuleType) -> None:
    """Of several paths the shortest; of equally short ones that from the scenario, before any other module's."""
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


def test_a_local_variable_is_no_holder(module: types.ModuleType) -> None:
    """What only a running function refers to has no path, also where a module holds that function's frame."""
    items = [1, 2, 3]
    module.FRAME = sys._getframe()  # type: ignore[attr-defined]
    try:
        assert path_of(items, module) is None
    finally:
        del module.FRAME


def test_what_no_module_leads_to_has_no_path(module: types.ModuleType) -> None:
    """An object that is gone, or that only refers to itself, is not in the answer; the others are."""
    cycle: list[object] = []
    cycle.append(cycle)
    module.X = [1]  # type: ignore[attr-defined]
    found = find_paths({id(cycle), 1, id(module.X)}, module.__name__)
    assert {key: path.text for key, path in found.items()} == {id(module.X): f"{module.__name__}.X"}


def test_the_walk_ends_at_its_limit(monkeypatch: pytest.MonkeyPatch, module: types.ModuleType) -> None:
    """A heap larger than what is visited costs no more time: what was not reached has no path."""
    items: list[int] = []
    module.X = [[[items]]]  # type: ignore[attr-defined]
    assert path_of(items, module) == "m.X[0][0][0]"
    monkeypatch.setattr(paths, "MAX_VISITED", 10)
    assert path_of(items, module) is None


def test_a_module_that_loads_on_first_use_is_left_alone(module: types.ModuleType) -> None:
    """Looking for holders must not import what the scenario did not: a lazy module's code is not run."""

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


def test_a_module_named_like_the_tool_is_not_the_tool() -> None:
    """The tool's own modules lead nowhere; a user's module whose name only begins alike does."""
    for name, expected in [("otel_memeval_demo", "otel_memeval_demo.X"), ("otel_memeval.demo", None)]:
        made = types.ModuleType(name)
        made.X = [1]  # type: ignore[attr-defined]
        sys.modules[name] = made
        try:
            path = find_paths({id(made.X)}, "m").get(id(made.X))
            assert (path.text if path else None) == expected
        finally:
            del sys.modules[name]
