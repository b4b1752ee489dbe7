"""Memory of the newest items of a container, by line."""

from __future__ import annotations

import asyncio
import functools
import sys
import tracemalloc
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from otel_memeval.worker.references.items import MAX_ITEMS, allocated_at, lines_of_storage, newest_items, sites_of, size_of


@pytest.fixture
def traced() -> Iterator[None]:
    """Tracing is on, with one frame, as in the worker."""
    tracemalloc.start(1)
    try:
        yield
    finally:
        tracemalloc.stop()


def is_never_own(file: str) -> bool:
    """Return that a file is not the tool's."""
    return False


class Loud(list):  # type: ignore[type-arg]
    """A container whose own code must not run."""

    def __getitem__(self, place: object) -> NoReturn:
        raise AssertionError

    def __sizeof__(self) -> NoReturn:
        raise AssertionError


FILLED: list[tuple[Callable[[], Any], Callable[[Any, int], object]]] = [
    (list, lambda held, number: held.append(bytes(1000 + number))),
    (Loud, lambda held, number: list.append(held, bytes(1000 + number))),
    (deque, lambda held, number: held.append(bytes(1000 + number))),
    (dict, lambda held, number: held.setdefault(number, bytes(1000 + number))),
    (OrderedDict, lambda held, number: held.setdefault(number, bytes(1000 + number))),
    (lambda: defaultdict(list), lambda held, number: held[number].append(bytes(1000 + number))),
    (set, lambda held, number: held.add(bytes(1000 + number))),
    (lambda: functools.lru_cache(maxsize=500)(lambda number: bytes(1000 + number)), lambda held, number: held(number)),
    (lambda: functools.lru_cache(maxsize=None)(lambda number: bytes(1000 + number)), lambda held, number: held(number)),
]


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(("make", "put"), FILLED)
def test_memory_is_that_of_the_newest_items(make: Callable[[], Any], put: Callable[[Any, int], object]) -> None:
    """Of a hundred items in a container of any kind, the last twenty are read, with the line that made them."""
    held = make()
    for number in range(1000, 1100):
        put(held, number)
    seen, sites, _ = sites_of(held, is_never_own)
    assert seen == MAX_ITEMS
    assert {file for file, _ in sites} == {__file__}
    total, blocks = (sum(parts) for parts in zip(*sites.values()))
    newest = 20 * (33 + 1000 + 1000 + 90) if not isinstance(held, set) else 20 * (33 + 2050)
    assert newest * 0.95 <= total <= newest * 1.1 + 20 * 150
    assert 20 <= blocks <= 80


class Session:
    """Has a dict of its own."""

    def __init__(self) -> None:
        self.text = bytes(1000)


class Slotted:
    """Has none."""

    __slots__ = ("text",)


@pytest.mark.parametrize("kind", [Session, Slotted, dict, object])
def test_line_of_any_object_is_known(kind: type) -> None:
    """Instances with and without a dict, and builtin objects, have a line if they were made after tracing began."""
    before = kind()
    tracemalloc.start(3)
    try:
        after = kind()
        assert allocated_at(before) is None
        found = allocated_at(after)
    finally:
        tracemalloc.stop()
    assert found is not None
    assert found[0] == __file__


@pytest.mark.usefixtures("traced")
def test_common_part_of_several_items_is_not_counted() -> None:
    """Neither is an object that existed before, nor the container itself."""
    common = bytes(100_000)
    held: list[object] = []
    for number in range(20):
        held.append((common, held, f"{number}" * 10))
    _, sites, _ = sites_of(held, is_never_own)
    assert sum(live_bytes for live_bytes, _ in sites.values()) < 20 * 200


@pytest.mark.usefixtures("traced")
def test_items_of_own_files_are_left_out() -> None:
    """A container that the tool's files filled has no sites."""
    held = [bytes(1000 + number) for number in range(20)]
    assert sites_of(held, lambda file: file == __file__) == (20, {}, {})
    assert len(sites_of(held, is_never_own)[1]) == 1


def test_container_without_items_has_no_sites() -> None:
    """Empty containers, and objects that are no containers, have no items."""
    for empty in ([], {}, set(), deque(), functools.lru_cache(lambda: 0), object()):
        assert newest_items(empty) == []
        assert sites_of(empty, is_never_own) == (0, {}, {})


def test_size_of_an_object_runs_no_code_of_it() -> None:
    """An object with a ``__sizeof__`` of its own has the size that its base reports."""
    assert size_of(Loud()) == object.__sizeof__(Loud()) + 16
    assert size_of(b"x" * 100) == b"".__sizeof__() + 100


@pytest.mark.usefixtures("traced")
def test_line_that_enlarged_a_container_is_found_by_the_size_of_its_storage() -> None:
    """A list of equal items, a dict and a set of small numbers have no items with a line, and one block of that size."""
    held: list[None] = []
    table: dict[int, None] = {}
    numbers: set[int] = set()
    for number in range(5003):
        held.append(None)
        table[number % 1501] = None
        numbers.add(number % 1502)
    grown = {(__file__, line) for line in range(1, 500)}
    lines = lines_of_storage([held, table, numbers, deque([1])], grown)
    assert [lines[id(container)][0] for container in (held, table)] == [__file__] * 2
    assert lines[id(table)][1] == lines[id(held)][1] + 1
    assert lines_of_storage([held], grown - {lines[id(held)]}) == {}
    again = [None] * (held.__sizeof__() // 8 - 5)
    assert again.__sizeof__() == held.__sizeof__()
    assert id(held) not in lines_of_storage([held], grown)


@pytest.mark.usefixtures("traced")
def test_items_count_what_they_hold_beside_a_large_common_part() -> None:
    """Timers of an event loop count their arguments, although each leads to the loop and from there to very much."""
    loop = asyncio.new_event_loop()
    loop.everything = [[number] for number in range(5000)]  # type: ignore[attr-defined]
    timers = [loop.call_later(3600, print, [[[bytes(10_000)]]]) for _ in range(20)]
    seen, sites, _ = sites_of(timers, is_never_own)
    loop.close()
    assert seen == 20
    assert 20 * 10_000 < sum(live_bytes for live_bytes, _ in sites.values()) < 20 * 11_000


@pytest.mark.usefixtures("traced")
def test_items_that_lead_to_each_other_count_each_once() -> None:
    """An item that refers to the one before it does not take over the memory of that one, nor lose its own."""
    held: list[object] = [None]
    for _ in range(100):
        held.append((held[-1], bytes(1000)))
    _, sites, _ = sites_of(held, is_never_own)
    assert 20 * 1033 <= sum(live_bytes for live_bytes, _ in sites.values()) < 20 * 1200


@pytest.mark.usefixtures("traced")
def test_part_that_two_items_reach_at_different_depths_is_common() -> None:
    """What a shared part leads to is shared as well, although one item reached it first."""
    common = [bytes(100_000)]
    sites = sites_of([[common], [[[[common]]]]], is_never_own)[1]
    assert sum(live_bytes for live_bytes, _ in sites.values()) < 2000


@pytest.mark.usefixtures("traced")
def test_reused_table_is_said_with_the_line_that_made_its_dict() -> None:
    """A dict that takes the table of a freed one: tracemalloc names the line of the freed one for the table."""
    spare = [{"c": number} for number in range(100)]  # takes the tables that were freed before tracing
    freed = [{"a": number} for number in range(60)]
    first = sys._getframe().f_lineno - 1
    freed.clear()
    held = [{"b": number} for number in range(20)]
    second = sys._getframe().f_lineno - 1
    _, _, reused = sites_of(held, is_never_own)
    assert len(spare) == 100
    assert set(reused) == {((__file__, first), (__file__, second))}
    assert sum(reused.values()) == 20 * (sys.getsizeof({"b": 0}) - sys.getsizeof({}))


@pytest.mark.usefixtures("traced")
def test_large_table_and_instances_reuse_nothing() -> None:
    """A table that a later line filled, and the shared table of a class, are where tracemalloc says."""
    held: list[object] = [{str(number): number for number in range(50)} for _ in range(10)]
    held.extend(vars(Session()) for _ in range(10))
    assert sites_of(held, is_never_own)[2] == {}


def keep_in_closure(number: int) -> Callable[[], bytes]:
    """Return a function with a closure of a kilobyte."""
    text = bytes(1000 + number)
    return lambda: text


def keep_in_frame(number: int) -> BaseException:
    """Return an exception whose traceback has a frame with a kilobyte."""
    text = bytes(1000 + number)
    try:
        next(iter([text][1:]))
    except StopIteration as error:
        return error
    raise AssertionError


def keep_in_class(number: int) -> object:
    """Return an instance of a class that is made for it, with a kilobyte as an attribute."""
    return type("Made", (), {"text": bytes(1000 + number)})()


def keep_in_code(number: int) -> types.CodeType:
    """Return code with a constant of a kilobyte."""
    return compile(f"TEXT = '{'x' * 1000}{number}'", "<template>", "exec")


def keep_in_callback(number: int) -> object:
    """Return a bound method of a builtin object with a kilobyte."""
    return bytearray(1000 + number).append


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("make", [keep_in_closure, keep_in_frame, keep_in_class, keep_in_code, keep_in_callback])
def test_parts_of_the_program_that_a_run_made_count(make: Callable[[int], object]) -> None:
    """The memory behind a closure, a traceback, a class, code or a bound method is that of the item."""
    _, sites, _ = sites_of([make(number) for number in range(20)], is_never_own)
    assert 20 * 1000 <= sum(live_bytes for live_bytes, _ in sites.values()) < 20 * 4000


@pytest.mark.usefixtures("traced")
def test_program_itself_is_no_part_of_an_item() -> None:
    """A function and a class of a module, and the names of its module, are not counted, whoever imported it."""
    made = types.ModuleType("module_of_this_test")
    sys.modules[made.__name__] = made
    try:
        exec("class Tool:\n    text = bytes(50_000)\ndef answer(): pass\nTEXT = bytes(70_000)\n", vars(made))
        for item in (made.Tool(), made.answer, made.Tool, made):
            assert sum(live_bytes for live_bytes, _ in sites_of([item], is_never_own)[1].values()) < 3000
    finally:
        del sys.modules[made.__name__]


@pytest.mark.usefixtures("traced")
def test_key_and_value_of_an_entry_are_one_item() -> None:
    """A part to which the key and the value of an entry lead, and no other entry, counts once."""
    table = {}
    for number in range(20):
        text = bytes(1000 + number)
        table[(text, number)] = [text]
    assert 20 * 1033 <= sum(live_bytes for live_bytes, _ in sites_of(table, is_never_own)[1].values()) < 20 * 1300
