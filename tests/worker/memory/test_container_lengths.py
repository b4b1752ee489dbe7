"""Lengths of all containers."""

from __future__ import annotations

import functools
import json
from collections import Counter, OrderedDict, UserList, defaultdict, deque
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval.worker.memory import container_lengths as containers
from otel_memeval.worker.memory.container_lengths import (
    Containers,
    changed_lengths,
    find_containers,
    length,
    own_bound,
    read_lengths,
)


class Refusing(dict[str, int]):
    """A dict whose own code must not run."""

    def __len__(self) -> NoReturn:
        raise AssertionError("the scenario's __len__ was run")

    def __iter__(self) -> NoReturn:
        raise AssertionError("the scenario's __iter__ was run")


class RefusingDeque(deque[int]):
    """A deque whose own code for its bound must not run."""

    @property
    def maxlen(self) -> NoReturn:
        raise AssertionError("the scenario's maxlen was run")


class Shouting(type):
    """A metaclass that raises for every attribute of its classes."""

    def __getattribute__(cls, name: str) -> NoReturn:
        raise AssertionError("the metaclass was asked")


class Odd(list[int], metaclass=Shouting):
    """A list whose class has that metaclass."""


def filled() -> list[tuple[str, object, int]]:
    """Return a container of each kind, with its name and its length."""
    refusing = Refusing()
    dict.update(refusing, a=1, b=2)
    counted = defaultdict(list, {1: [1]})
    return [
        ("dict", {"a": [1], "b": [2]}, 2),
        ("a dict of numbers, which the garbage collector does not know", {1: 2, 3: 4, 5: 6}, 3),
        ("list", [1, 2, 3], 3),
        ("set", {1, 2}, 2),
        ("deque", deque([1, 2, 3, 4]), 4),
        ("OrderedDict", OrderedDict(a=1), 1),
        ("defaultdict", counted, 1),
        ("Counter", Counter("aab"), 2),
        ("a subclass with code of its own", refusing, 2),
        ("a deque with code of its own", RefusingDeque([1, 2]), 2),
        ("a class with a metaclass that raises", Odd([1, 2, 3]), 3),
    ]


@pytest.fixture(autouse=True)
def all_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Follow all containers: the process that runs the tests may hold more than are followed."""
    monkeypatch.setattr(containers, "MAX_CONTAINERS", 10_000_000)


@pytest.mark.parametrize("place", range(len(filled())), ids=[name for name, _, _ in filled()])
def test_every_kind_of_container_is_read(place: int) -> None:
    """Each kind is found among all objects, with its length, and no code of the scenario runs."""
    _, container, items = filled()[place]
    assert length(container) == items
    referring = [container]  # the collector does not know some dicts: they are found as referents
    assert read_lengths(Containers())[id(referring[0])] == items


def test_length_of_another_object_is_an_error() -> None:
    """A tuple, a string and an object that wraps a list are no containers."""
    for value in ((1, 2), "text", UserList([1])):
        with pytest.raises(TypeError, match="is not a container that is followed"):
            length(value)


def test_container_in_an_object_is_read() -> None:
    """The list in a ``UserList`` is read, and the ``UserList`` is not."""
    wrapper = UserList([1, 2, 3])
    assert read_lengths(Containers())[id(wrapper.data)] == 3
    assert id(wrapper) not in read_lengths(Containers())


@functools.lru_cache(maxsize=8)
def cached(number: int) -> dict[int, int]:
    """Return a result that is itself a container."""
    return {number: number}


@functools.cache
def cached_without_bound(number: int) -> list[int]:
    """Return a result that is itself a container, from a cache without a bound."""
    return [number]


@pytest.mark.parametrize("cache", [cached, cached_without_bound])
def test_cache_is_one_container_and_its_results_are_others(cache: Any) -> None:
    """The length of a cache is its number of results; its inner dict is not counted, results that are containers are."""
    cache.cache_clear()
    before = set(map(id, find_containers()))
    results = [cache(number) for number in range(5)]
    lengths = read_lengths(Containers())
    assert lengths[id(cache)] == 5
    new = [container for container in find_containers() if id(container) not in before]
    assert [container for container in new if type(container) is dict and len(container) == 5] == []
    assert [lengths[id(result)] for result in results] == [1] * 5
    results[0].clear()
    assert read_lengths(Containers())[id(results[0])] == 0


def test_full_cache_stays_one_container() -> None:
    """No other container appears at the bound, when results are dropped."""
    cached.cache_clear()
    for number in range(20):
        cached(number)
    assert length(cached) == 8
    assert read_lengths(Containers())[id(cached)] == 8


def test_attribute_of_a_cached_function_does_not_replace_its_method() -> None:
    """An attribute called ``cache_info`` on the function is not called."""

    @functools.lru_cache(maxsize=3)
    def function() -> int:
        return 1

    function()
    vars(function)["cache_info"] = lambda: 1 / 0
    assert (length(function), own_bound(function)) == (1, 3)


@pytest.mark.parametrize(
    ("container", "limit"),
    [
        (deque(maxlen=500), 500),
        (deque(maxlen=0), 0),
        (deque(), None),
        (RefusingDeque([1], 7), 7),
        (cached, 8),
        (cached_without_bound, None),
        (functools.lru_cache(maxsize=0)(lambda: None), 0),
        ([], None),
        ({}, None),
    ],
)
def test_own_bound_is_that_of_a_deque_or_a_cache(container: object, limit: int | None) -> None:
    """Deques have a maxlen, caches a maxsize; other containers have no bound of their own."""
    assert own_bound(container) == limit


def test_shortest_containers_are_left_out_above_the_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more containers than are followed, the longest stay; with as many, all stay."""
    small, large, larger = [0], list(range(900_000)), list(range(900_001))
    found = Containers()
    found.plain, found.others, found.inside = [small, large], [larger], set()
    for maximum, expected in [(3, [1, 900_000, 900_001]), (2, [900_000, 900_001]), (1, [900_001])]:
        monkeypatch.setattr(containers, "MAX_CONTAINERS", maximum)
        assert sorted(read_lengths(found).values()) == expected


def test_longest_containers_of_the_process_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more containers than the maximum are read, and the longest list of this process is among them."""
    longest = list(range(1_000_000))
    monkeypatch.setattr(containers, "MAX_CONTAINERS", 10)
    lengths = read_lengths(Containers())
    assert len(lengths) <= 10
    assert lengths[id(longest)] == 1_000_000


@given(st.lists(st.integers(0, 9), min_size=1), st.integers(0, 20))
@settings(deadline=None, max_examples=150)
def test_cut_is_the_length_that_sorting_finds(lengths: list[int], count: int) -> None:
    """The longest length that is left out follows the ``count`` longest; there is none if there are no more lengths."""
    expected = sorted(lengths, reverse=True)[count] if len(lengths) > count else -1
    assert containers._longer_than(lengths, count) == expected


PLAIN_WALK = """
import asyncio, gc, http.client, json, logging.handlers, typing, types, unittest.mock, xml.dom.minidom
from collections import deque
from otel_memeval.worker.memory import container_lengths as containers
gc.collect()
gc.disable()
found = {}
for obj in gc.get_objects():
    if issubclass(type(obj), (dict, list, set, deque)) or type(obj) is containers.LruCache:
        found[id(obj)] = obj
    if not issubclass(type(obj), types.ModuleType):
        for part in gc.get_referents(obj):
            if type(part) is dict:
                found[id(part)] = part
for obj in list(found.values()):
    if type(obj) is containers.LruCache:
        found.pop(id(containers.inner_dict(obj)), None)
for own in (found, vars()):
    found.pop(id(own), None)
expected = {key: containers.length(obj) for key, obj in found.items()}
lengths = containers.read_lengths(containers.Containers())
differ = [type(found[key]).__name__ for key in expected if lengths.get(key) != expected[key]]
new = [key for key in lengths if key not in expected]
print(json.dumps([len(expected), differ, len(new)]))
"""


def test_lengths_are_those_of_a_plain_walk(run_python: Callable[..., Any]) -> None:
    """A walk over every object and its referents, modules apart, finds the same lengths, newer containers excepted."""
    walked, differ, new = json.loads(run_python(PLAIN_WALK).stdout)
    assert walked > 3_000
    assert differ == []
    assert new < 20


def test_own_containers_are_left_out() -> None:
    """Containers that the caller names are not read, and others are."""
    own, other = [1], [1, 2]
    lengths = read_lengths(Containers(), (own,))
    assert id(own) not in lengths
    assert lengths[id(other)] == 2


@given(st.dictionaries(st.integers(0, 9), st.integers(0, 3)), st.dictionaries(st.integers(0, 9), st.integers(0, 3)))
@settings(deadline=None, max_examples=150)
def test_only_changed_lengths_are_returned(before: dict[int, int], now: dict[int, int]) -> None:
    """New containers, and containers that are gone, have no other length to compare with."""
    expected = {(key, before[key], now[key]) for key in before.keys() & now.keys() if before[key] != now[key]}
    changed = changed_lengths(before, now)
    assert set(changed) == expected
    assert len(changed) == len(expected)
