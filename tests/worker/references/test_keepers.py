"""Objects that keep the memory of growing lines where no container grows."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from otel_memeval.worker.describe import describe_containers
from otel_memeval.worker.references import keepers as keepers_module
from otel_memeval.worker.references.keepers import newest_objects


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    """Yield an imported scenario module with nothing in it; tracing is on."""
    made = types.ModuleType("scenario_of_this_test")
    sys.modules[made.__name__] = made
    tracemalloc.start(1)
    yield made
    tracemalloc.stop()
    del sys.modules[made.__name__]


class Node:
    """A link of a chain."""

    def __init__(self, following: object, text: str) -> None:
        self.following = following
        self.text = text


def list_made_anew(module: Any, number: int) -> None:
    """Replace a list of messages by a longer one."""
    module.STATE = {"messages": [*getattr(module, "STATE", {"messages": []})["messages"], {"content": f"text {number}"}]}


def tuple_made_anew(module: Any, number: int) -> None:
    """Replace a tuple by a longer one."""
    module.ROWS = (*getattr(module, "ROWS", ()), [number])


def chain(module: Any, number: int) -> None:
    """Put a link before the first one of a chain."""
    module.HEAD = Node(getattr(module, "HEAD", None), f"text {number}")


def tree(module: Any, number: int) -> None:
    """Add a child to the deepest node of a tree."""
    module.ROOT = node = getattr(module, "ROOT", [])
    while node:
        node = node[0]
    node.append([])


def text(module: Any, number: int) -> None:
    """Make a text longer."""
    module.TEXT = getattr(module, "TEXT", "") + f" and {number}" * 100


def keepers(module: types.ModuleType, function: Callable[..., None], **parts: Any) -> list[Any]:
    """Return the rows of the message about the lines of a function."""
    first = function.__code__.co_firstlineno
    lines = [(__file__, line) for line in range(first, first + 9)]
    return describe_containers(
        set(parts.get("undecided", ())) | parts.get("wanted", set()),
        {},
        module.__name__,
        lambda _: False,
        parts.get("undecided", ()),
        lines,
    )["keepers"]  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (list_made_anew, ("STATE[*]", "list", 120)),
        (tuple_made_anew, ("ROWS", "tuple", 120)),
        (chain, ("HEAD", "Node", None)),
        (tree, ("ROOT", "list", None)),
        (text, ("TEXT", "str", None)),
    ],
)
def test_keeper_is_the_last_object_that_leads_to_all_new_ones(
    module: types.ModuleType, keep: Callable[..., None], expected: tuple[str, str, int | None]
) -> None:
    """The container that was made anew, the begin of a chain or tree, or the text itself is described, with its lines."""
    for number in range(120):  # the first lists come from the free list, and were allocated before tracing began
        keep(module, number)
    rows = keepers(module, keep)
    prefix = f"{module.__name__}."
    assert [(row["path"].removeprefix(prefix), row["type"], row["length"]) for row in rows] == [expected]
    assert all(file == __file__ for row in rows for file, _ in row["lines"])


def test_memory_in_a_growing_container_has_no_keeper(module: Any) -> None:
    """Items of a container that grows, and objects behind it, are its own; those of an undecided one name it beside them."""
    module.KEPT = []

    def keep() -> None:
        module.KEPT.append([Node(None, "a text")])

    for _ in range(30):
        keep()
    assert keepers(module, keep, wanted={id(module.KEPT)}) == []
    rows = keepers(module, keep, undecided={id(module.KEPT)})
    assert [row["behind"] for row in rows] == [[id(module.KEPT)]]


def test_newest_objects_are_searched_among_those_that_were_frozen_last(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without young objects nothing says in which order the others were made: then all of them are searched."""

    class Session:
        pass

    module.KEPT = [Session() for _ in range(3)]
    line = sys._getframe().f_lineno - 1
    others: list[list[object]] = [[] for _ in range(50)]
    gc.collect()
    gc.freeze()
    later: list[list[object]] = [[] for _ in range(50)]
    gc.freeze()
    gc.unfreeze()
    found = {}
    for limit in (10, 1_000_000):
        monkeypatch.setattr(keepers_module, "MAX_SEARCHED", limit)
        for young in ([], [object()]):
            objects = newest_objects([(__file__, line)], [], young)
            found[limit, bool(young)] = len(objects[__file__, line])
    assert found == {(10, False): 3, (10, True): 0, (1_000_000, False): 3, (1_000_000, True): 3}
    assert len(others) == len(later)
