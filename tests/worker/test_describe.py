"""Descriptions of containers and ring buffers."""

from __future__ import annotations

import functools
import json
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from otel_memeval.worker.describe import describe_containers
from tests.worker.odd_objects import HasProxy, Shouting


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    """Yield an imported scenario module with nothing in it."""
    made = types.ModuleType("scenario_of_this_test")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def describe(*containers: object, module: types.ModuleType) -> Any:
    """Return the descriptions of containers; no file counts as the tool's."""
    return describe_containers({*map(id, containers), 1}, {}, module.__name__, lambda _: False)["holders"]


def test_description_has_path_type_length_and_bound(module: types.ModuleType) -> None:
    """Every container that still lives is described; an ``id()`` of no container is passed over."""
    similar = type("lru_cache_like", (list,), {})([1, 2])
    cache = functools.lru_cache(maxsize=4)(lambda: None)
    cache()
    module.L, module.Q, module.F = similar, deque([1], 9), cache  # type: ignore[attr-defined]
    holders = describe(similar, module.Q, cache, module=module)
    assert {(row["path"], row["type"], row["length"], row["bound"]) for row in holders} == {
        ("scenario_of_this_test.L", "lru_cache_like", 2, None),
        ("scenario_of_this_test.Q", "deque", 1, 9),
        ("scenario_of_this_test.F", "lru_cache", 1, 4),
    }


def test_description_runs_no_code_of_container_or_owner(module: types.ModuleType) -> None:
    """A container whose class forbids every look, and one whose owner's class holds a proxy, are described as usual."""
    odd = Shouting("Odd", (list,), {})([1, 2])
    owner = HasProxy()
    module.ODD, module.OWNER = odd, owner  # type: ignore[attr-defined]
    assert {(row["path"], row["type"], row["length"]) for row in describe(odd, owner.kept, module=module)} == {
        ("scenario_of_this_test.ODD", "Odd", 2),
        ("scenario_of_this_test.OWNER -> HasProxy.kept", "list", 0),
    }


RING_BUFFERS = """
import json, sys, tracemalloc
from otel_memeval.worker.describe import describe_containers
tracemalloc.start(1)
items = [bytearray(9) for _ in range(10)]
line = tracemalloc.get_object_traceback(items[0])[0]
SLOTS = {"slots to fill": [*items, *[None] * 5], "no empty slot": list(items), "one item": [items[0], None]}[sys.argv[1]]
kept = tuple(items)
items.clear()
message = describe_containers(set(), {(line.filename, line.lineno): 17}, "__main__", lambda _: False)
print(json.dumps([(row["path"], row["bound"], row["length"]) for row in message["ring_buffers"]]))
"""


@pytest.mark.parametrize(
    ("case", "expected"),
    [("slots to fill", [["__main__.SLOTS", 15, 10]]), ("no empty slot", []), ("one item", [])],
)
def test_list_with_empty_slots_is_ring_buffer(run_python: Callable[..., Any], case: str, expected: list[object]) -> None:
    """A list that holds most of what a growing line keeps is bounded by its length while a slot is still None."""
    assert json.loads(run_python(RING_BUFFERS, case).stdout) == expected


ONE_WALK = """
import collections, gc, sys
from otel_memeval.worker import describe
calls = collections.Counter()
def counted(function):
    def call(*arguments):
        calls[function.__name__] += 1
        return function(*arguments)
    return call
describe.find_containers = counted(describe.find_containers)
describe.find_paths = counted(describe.find_paths)
GROWING, RING = [1], [object(), None]
message = describe.describe_containers({id(GROWING)}, {("m.py", 1): 1}, "__main__", lambda _: False)
assert [row["path"] for row in message["holders"]] == ["__main__.GROWING"]
print(dict(calls))
"""


def test_heap_is_walked_once_for_containers_and_ring_buffers(run_python: Callable[..., Any]) -> None:
    """One list of all containers and one walk over all references serve both parts of the message."""
    assert run_python(ONE_WALK).stdout.strip() == "{'find_containers': 1, 'find_paths': 1}"
