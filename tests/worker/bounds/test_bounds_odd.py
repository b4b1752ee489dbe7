"""Bounds in unusual cases: code without its source, code that must not run, owners that count, parts of caches."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import sys
import types
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from otel_memeval.worker.bounds import syntax
from otel_memeval.worker.bounds.bounds import MAX_ALIKE, BoundFinder
from otel_memeval.worker.describe import describe_containers
from otel_memeval.worker.references.paths import ReferencePath

NAMES = itertools.count()
CODE = """
D = []
def run():
    D.append(1)
    if len(D) > 64: D.pop(0)
"""


@pytest.fixture
def module() -> Iterator[types.ModuleType]:
    """Yield an imported module with nothing in it."""
    made = types.ModuleType(f"scenario_of_odd_bounds_{next(NAMES)}")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def described(module: types.ModuleType, *containers: object, grown: set[tuple[str, int]] = frozenset()) -> list[Any]:  # type: ignore[assignment]
    """Return the descriptions of containers, in no order; no file counts as the tool's."""
    lines = dict.fromkeys(grown, 0)
    holders: Any = describe_containers(set(map(id, containers)), lines, module.__name__, lambda _: False)["holders"]
    return list(holders)


def bounds_in(module: types.ModuleType, *containers: object, grown: set[tuple[str, int]] = frozenset()) -> list[Any]:  # type: ignore[assignment]
    """Return bound and limit of each container."""
    rows = {row["id"]: row for row in described(module, *containers, grown=grown)}
    return [(rows[id(container)]["bound"], rows[id(container)].get("bound_text", "")) for container in containers]


def run_in(module: types.ModuleType, source: str, file: str) -> None:
    exec(compile(source, file, "exec"), vars(module))
    for _ in range(10):
        module.run()


@pytest.mark.parametrize(
    "kind", ["there", "missing", "edited", "too long", "not Python", "a folder", "lambda", "two lambdas"]
)
def test_bound_is_read_only_from_the_compiled_source(
    module: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A file that is gone, too long, not Python or has other code by now sets no bound and raises no error."""
    path = tmp_path / "code.py"
    source = CODE
    if "lambda" in kind:
        source = "D = []\nrun = lambda: D.append(1) if len(D) <= 64 else None\n"
        source += "def other(): run(); return (lambda: 1, lambda: 2)\n" if kind == "lambda" else ""
        source = source.replace("run =", "other = lambda: 1; run =") if kind == "two lambdas" else source
    run_in(module, source, str(path))
    if kind == "a folder":
        path.mkdir()
    elif kind == "not Python":
        path.write_text("(" * 200, encoding="utf-8")
    elif kind == "edited":
        path.write_text(source.replace("D", "E"), encoding="utf-8")
    elif kind != "missing":
        path.write_text(source, encoding="utf-8")
    if kind == "too long":
        monkeypatch.setattr(syntax, "MAX_SOURCE_BYTES", len(source) - 1)
    expected = {"there": (64, "len(D) > 64"), "lambda": (65, "len(D) <= 64")}.get(kind, (None, ""))
    assert bounds_in(module, module.D) == [expected]


def test_only_additions_that_ran_count_if_the_grown_lines_show_them(module: types.ModuleType, tmp_path: Path) -> None:
    """A function that adds without a limit is ignored if its line did not grow, and counts if the line grew."""
    path = tmp_path / "code.py"
    source = CODE + "def load():\n    D.append(2)\n"
    path.write_text(source, encoding="utf-8")
    run_in(module, source, str(path))
    (only_run, both, neither) = (
        bounds_in(module, module.D, grown={(str(path), line) for line in lines})[0][0] for lines in ((4,), (4, 7), ())
    )
    assert (only_run, both, neither) == (64, None, None)


class Trap:
    """Runs code of the scenario whenever it is used."""

    def __getattr__(self, name: str) -> NoReturn:
        raise SystemExit(name)

    @property
    def most(self) -> NoReturn:
        raise SystemExit("most")

    __len__ = __bool__ = __eq__ = __lt__ = __int__ = __index__ = lambda *_: sys.exit("asked")
    __hash__ = object.__hash__


def test_search_for_a_bound_runs_no_code(module: types.ModuleType, tmp_path: Path) -> None:
    """Limits behind properties, ``__getattr__`` and numbers of other types are neither looked up nor compared."""
    path = tmp_path / "code.py"
    source = (
        CODE.replace("64", "T.most")
        + "    if T: D.clear()\n    if len(D) > T: D.clear()\n    if T.x in D or T[D]: D.pop()\n"
    )
    path.write_text(source, encoding="utf-8")
    exec(compile(source, str(path), "exec"), vars(module))
    module.T = Trap()  # type: ignore[attr-defined]
    module.D.extend(range(9))
    assert bounds_in(module, module.D) == [(None, "")]


class Counting:
    """Counts the size in use against ``maxsize``, as cachetools does."""

    def __init__(self, maxsize: int, currsize: int) -> None:
        self.maxsize, self.currsize = maxsize, currsize
        self.data: dict[int, object] = {key: [] for key in range(10)}  # plain values are not seen in a large process

    def grow(self, size: int) -> None:
        while self.currsize + size > self.maxsize:
            self.data.popitem()


@pytest.mark.parametrize(
    ("maxsize", "currsize", "expected"),
    [
        (64, 10, (64, "maxsize of Counting")),
        (9, 10, (None, "")),
        (5_000, 1_000, (None, "maxsize of Counting, by its currsize (1,000 of 5,000)")),
        (5_000, 0, (None, "")),
        (50_000, 1, (None, "maxsize of Counting, by its currsize (1 of 50,000)")),
        (50_001, 1, (None, "")),
    ],
)
def test_maxsize_bounds_a_size_in_use_that_grows(
    module: types.ModuleType, maxsize: int, currsize: int, expected: object
) -> None:
    """The size in use must not be 0, must not exceed the maximum, and must not be a million iterations away from it."""
    module.CACHE = Counting(maxsize, currsize)  # type: ignore[attr-defined]
    assert bounds_in(module, module.CACHE.data) == [expected]


class Link:
    def __init__(self) -> None:
        self.keys: OrderedDict[int, None] = OrderedDict()


class ByUse(Counting):
    def __init__(self, per_key: bool) -> None:
        super().__init__(64, 10)
        self.first = Link()
        self.links = {0: Link()} if per_key else {}


@pytest.mark.parametrize(("keys", "per_key", "bound"), [(10, False, 64), (11, False, None), (10, True, None)])
def test_parts_of_a_bounded_cache_are_bounded(module: types.ModuleType, keys: int, per_key: bool, bound: int | None) -> None:
    """Attributes lead to a part, which is no longer than the bounded container; a container under a key is no part."""
    module.CACHE = ByUse(per_key)  # type: ignore[attr-defined]
    inner = (module.CACHE.links[0] if per_key else module.CACHE.first).keys
    inner.update(dict.fromkeys(range(keys)))
    assert bounds_in(module, inner)[0][0] == bound


def test_cursors_of_sqlite_are_bounded_once_some_are_dead(module: types.ModuleType) -> None:
    """The list of weak references ends at 200 dead ones; while all are alive it is no holder."""
    module.DB = sqlite3.connect(":memory:")  # type: ignore[attr-defined]
    cursors = [module.DB.cursor() for _ in range(5)]
    (references,) = (items for items in _lists_of(module.DB) if len(items) == 5)
    assert described(module, references) == []
    cursors.clear()
    (description,) = described(module, references)
    assert (description["bound"], description["bookkeeping"]) == (200, True)
    module.DB.close()


def _lists_of(obj: object) -> list[list[object]]:
    import gc

    return [referent for referent in gc.get_referents(obj) if type(referent) is list]


def test_dead_weak_references_in_another_list_have_no_bound(module: types.ModuleType) -> None:
    """Dead references gather in a list that is not sqlite3's."""
    module.REFS = [weakref.ref(Link()) for _ in range(9)]  # type: ignore[attr-defined]
    (description,) = described(module, module.REFS)
    assert (description["bound"], description.get("bound_text"), description["bookkeeping"]) == (None, None, True)


def test_no_code_is_read_when_switched_off(
    module: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With MEMEVAL_NO_CODE_BOUNDS=1 a limit in the code is no bound, and maxlen and attributes still are."""
    path = tmp_path / "code.py"
    path.write_text(CODE, encoding="utf-8")
    run_in(module, CODE, str(path))
    module.Q, module.C = deque([1], 9), Counting(64, 10)  # type: ignore[attr-defined]
    containers = (module.D, module.Q, module.C.data)
    bounds = [(64, "len(D) > 64"), (9, "maxlen"), (64, "maxsize of Counting")]
    assert bounds_in(module, *containers) == bounds
    monkeypatch.setenv("MEMEVAL_NO_CODE_BOUNDS", "1")
    assert bounds_in(module, *containers) == [(None, ""), *bounds[1:]]
    monkeypatch.setenv("MEMEVAL_NO_CODE_BOUNDS", "0")
    assert bounds_in(module, *containers) == bounds


@pytest.mark.parametrize(
    ("cancelled", "live", "bound"), [(24, 1, 102), (700, 150, 301), (24, 0, 101), (12, 4, None), (0, 9, None)]
)
def test_cancelled_timers_are_bounded_and_others_are_not(
    module: types.ModuleType, cancelled: int, live: int, bound: int | None
) -> None:
    """The loop drops cancelled timers beyond 100 and beyond half; timers that still wait have no bound."""
    loop = asyncio.new_event_loop()
    timers = [asyncio.TimerHandle(1e9, print, (), loop) for _ in range(cancelled + live)]
    for timer in timers[:cancelled]:
        timer.cancel()
    module.TIMERS = timers  # type: ignore[attr-defined]
    (description,) = described(module, timers)
    assert description["bound"] == bound
    loop.close()


def test_bounds_are_searched_for_as_long_as_they_decide_the_verdict(module: types.ModuleType, tmp_path: Path) -> None:
    """Once the time is over, containers after a growing one without a bound are named instead."""
    path = tmp_path / "code.py"
    source = CODE + "E, F = [], []\ndef more(): E.append(1); F.append(1)\n"
    path.write_text(source, encoding="utf-8")
    run_in(module, source, str(path))
    module.more()
    wanted = [id(module.D), id(module.E), id(module.F)]
    for end_seconds, unsearched in ((0.0, [id(module.F)]), (float("inf"), [])):
        answer = describe_containers(wanted, {}, module.__name__, lambda _: False, end_seconds=end_seconds)
        assert answer["unsearched"] == unsearched
        rows: Any = answer["holders"]
        assert [(row["id"], row["bound"]) for row in rows] == list(zip(wanted, (64, None, None)))
    undecided = describe_containers(wanted[1:], {}, module.__name__, lambda _: False, wanted[1:], end_seconds=0.0)
    assert undecided["unsearched"] == []


def test_container_like_others_without_a_bound_is_not_read_unless_it_grows() -> None:
    """The code around many equal containers, as a set in each of many messages, is read for the first few."""

    class Message:
        def __init__(self, maxsize: int) -> None:
            self.parts = [1, 2, 3]
            self.maxsize = maxsize

    def bounds(count: int, *, is_growing: bool) -> list[bool]:
        """Return whether a bound was found, for each of these messages; the last one has one."""
        messages = [Message(0) for _ in range(count - 1)] + [Message(100)]
        paths = [
            ReferencePath([("m.MESSAGES", messages), (f"[{place}]", each), (".parts", each.parts)], each)
            for place, each in enumerate(messages)
        ]
        finder = BoundFinder(paths)
        return [finder.bound_of(path.links[-1][1], path, is_growing=is_growing) is not None for path in paths]

    assert bounds(MAX_ALIKE, is_growing=False) == [False] * (MAX_ALIKE - 1) + [True]
    assert bounds(MAX_ALIKE + 1, is_growing=False) == [False] * (MAX_ALIKE + 1)
    assert bounds(MAX_ALIKE + 1, is_growing=True) == [False] * MAX_ALIKE + [True]
