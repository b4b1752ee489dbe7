"""The lengths of all containers."""

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
from otel_memeval.worker.memory.container_lengths import changed_lengths, find_containers, length, own_bound, read_lengths


class Refusing(dict[str, int]):
    """A dict whose own code must not run."""

    def __len__(self) -> NoReturn:
        raise AssertionError("the scenario's __len__ was run")

    def __iter__(self) -> NoReturn:
        raise AssertionError("the scenario's __iter__ was run")


class RefusingDeque(deque[int]):
    """A deque whose bound must not be asked of its own code."""

    @property
    def maxlen(self) -> NoReturn:
        raise AssertionError("the scenario's maxlen was run")


class Shouting(type):
    """A metaclass that lets nothing of its classes be seen."""

    def __getattribute__(cls, name: str) -> NoReturn:
        raise AssertionError("the metaclass was asked")


class Odd(list[int], metaclass=Shouting):
    """A list of a class that cannot be looked at."""


def filled() -> list[tuple[str, object, int]]:
    """One of each kind of container, with its length."""
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
        ("a class that cannot be looked at", Odd([1, 2, 3]), 3),
    ]


@pytest.fixture(autouse=True)
def all_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that runs the tests may hold more containers than are followed."""
    monkeypatch.setattr(containers, "MAX_CONTAINERS", 10_000_000)


@pytest.mark.parametrize("place", range(len(filled())), ids=[name for name, _, _ in filled()])
def test_every_kind_of_container_is_read(place: int) -> None:
    """Each kind is found among all that lives, with its length, and no code of the scenario's runs."""
    _, container, items = filled()[place]
    held_by = [container]
    assert length(container) == items
    assert read_lengths()[id(held_by[0])] == items


def test_what_is_no_container_has_no_length() -> None:
    """A tuple, a string and a class that wraps a list are not followed."""
    for value in ((1, 2), "text", UserList([1])):
        with pytest.raises(TypeError, match="is not a container that is followed"):
            length(value)


def test_a_wrapped_list_is_found_by_what_it_wraps() -> None:
    """Of an object that holds a container, the container is read."""
    wrapper = UserList([1, 2, 3])
    assert read_lengths()[id(wrapper.data)] == 3
    assert id(wrapper) not in read_lengths()


@functools.lru_cache(maxsize=8)
def cached(number: int) -> dict[int, int]:
    """A cached result that is itself a container."""
    return {number: number}


@functools.cache
def cached_without_bound(number: int) -> list[int]:
    """As above, in a cache without a bound."""
    return [number]


@pytest.mark.parametrize("cache", [cached, cached_without_bound])
def test_a_cache_is_one_container_and_its_results_are_their_own(cache: Any) -> None:
    """A cached function's length is its number of results; the dict inside is not counted again, a result that is one is."""
    cache.cache_clear()
    before = {id(one) for one in find_containers()}
    results = [cache(number) for number in range(5)]
    lengths = read_lengths()
    assert lengths[id(cache)] == 5
    new = [one for one in find_containers() if id(one) not in before and type(one) is dict and len(one) == 5]
    assert new == []
    assert [lengths[id(result)] for result in results] == [1] * 5
    results[0].clear()
    assert read_lengths()[id(results[0])] == 0


def test_a_full_cache_stays_one_container() -> None:
    """At its bound, and with results thrown out, nothing else appears."""
    cached.cache_clear()
    for number in range(20):
        cached(number)
    assert length(cached) == 8
    assert read_lengths()[id(cached)] == 8


def test_a_cached_function_with_a_liar_for_an_attribute() -> None:
    """An attribute called cache_info on the function itself is not asked."""

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
def test_a_bound_is_what_the_container_itself_says(container: object, limit: int | None) -> None:
    """Maxlen of a deque, maxsize of a cache; nothing else has one."""
    assert own_bound(container) == limit


def test_above_the_most_the_shortest_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more containers than are followed the longest stay; with as many, all do."""
    small, large, larger = [0], list(range(900_000)), list(range(900_001))
    monkeypatch.setattr(containers, "_containers", lambda: ([small, large], [larger], {}, set()))
    for most, expected in [(3, [1, 900_000, 900_001]), (2, [900_000, 900_001]), (1, [900_001])]:
        monkeypatch.setattr(containers, "MAX_CONTAINERS", most)
        assert sorted(read_lengths().values()) == expected


def test_of_everything_that_lives_the_longest_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same over this process' own containers: no more than the most, and the longest list is among them."""
    longest = list(range(1_000_000))
    monkeypatch.setattr(containers, "MAX_CONTAINERS", 10)
    lengths = read_lengths()
    assert len(lengths) <= 10
    assert lengths[id(longest)] == 1_000_000


@given(st.lists(st.integers(0, 9), min_size=1), st.integers(0, 20))
@settings(deadline=None, max_examples=150)
def test_the_cut_is_where_sorting_puts_it(lengths: list[int], most: int) -> None:
    """The longest length that is left out is the one after the ``most`` longest; with no more than these, none is."""
    expected = sorted(lengths, reverse=True)[most] if len(lengths) > most else -1
    assert containers._longer_than(lengths, most) == expected


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
for mine in (found, vars()):
    found.pop(id(mine), None)
expected = {key: containers.length(obj) for key, obj in found.items()}
lengths = containers.read_lengths()
differ = [type(found[key]).__name__ for key in expected if lengths.get(key) != expected[key]]
new = [key for key in lengths if key not in expected]
print(json.dumps([len(expected), differ, len(new)]))
"""


def test_nothing_is_passed_over(run_python: Callable[..., Any]) -> None:
    """The lengths are those of a plain walk over every object and all that it refers to, modules apart; what else there is
    came after that walk, or is what the walk itself uses.
    """
    walked, differ, new = json.loads(run_python(PLAIN_WALK).stdout)
    assert walked > 3_000
    assert differ == []
    assert new < 20


def test_the_tools_own_are_left_out() -> None:
    """What the caller names is not read, and everything else is."""
    mine, other = [1], [1, 2]
    lengths = read_lengths((mine,))
    assert id(mine) not in lengths
    assert lengths[id(other)] == 2


@given(st.dictionaries(st.integers(0, 9), st.integers(0, 3)), st.dictionaries(st.integers(0, 9), st.integers(0, 3)))
@settings(deadline=None, max_examples=150)
def test_only_changed_lengths_of_what_was_there_are_told(before: dict[int, int], now: dict[int, int]) -> None:
    """New containers, and those that are gone, have not changed: they have no length to compare with."""
    expected = {(key, before[key], now[key]) for key in before.keys() & now.keys() if before[key] != now[key]}
    changed = changed_lengths(before, now)
    assert set(changed) == expected
    assert len(changed) == len(expected)
