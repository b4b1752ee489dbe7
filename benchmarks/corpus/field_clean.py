"""Harmless scenarios from real code of agents: lists of the interpreter, random keys, bounds with any name."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.corpus.ground import bounded, clean, seeded

RANDOM = seeded()
NUMBERS = itertools.count()
CALLS = itertools.count()

DATABASE = sqlite3.connect(":memory:", check_same_thread=False)
DATABASE.execute("create table memory (key integer primary key, text)")


@clean()
def sqlite_one_row() -> None:
    """Make a cursor: the connection keeps a weak reference to each, and drops dead ones after 200."""
    DATABASE.execute("insert or replace into memory values (?, ?)", (next(NUMBERS) % 10, "b" * 500))
    DATABASE.commit()
    DATABASE.execute("select count(*) from memory").fetchone()


@clean()
def sqlite_ten_rows() -> None:
    """Make ten cursors: the connection drops dead references within the run."""
    for _ in range(10):
        DATABASE.execute("insert or replace into memory values (?, ?)", (next(NUMBERS) % 30, "v" * RANDOM.randint(10, 900)))
    DATABASE.commit()


FORECASTS: dict[int, str] = {}


@clean()
def three_of_forty_cities() -> None:
    """Cache new keys, more and more seldom."""
    for _ in range(3):
        city = RANDOM.randrange(40)
        FORECASTS.setdefault(city, f"forecast of city {city} " * 40)


@clean()
def sorted_vocabulary() -> None:
    """Insert new words, more and more seldom, by Zipf's law."""
    for _ in range(30):
        rank = min(60, int(1 / max(RANDOM.random(), 1e-9)))
        FORECASTS.setdefault(1000 + rank, f"word {rank:05d} " * 20)


async def _quick() -> None:
    await asyncio.sleep(0.001)


async def _wait_long() -> None:
    asyncio.get_running_loop().call_later(300, print)


@bounded(setup=_wait_long)
async def cancelled_timers() -> None:
    """Leave a cancelled timer behind one that waits: asyncio drops those beyond 100 (leak: ``timers_far_away``)."""
    await asyncio.wait_for(_quick(), timeout=600)


POOL = ThreadPoolExecutor(8)


@clean()
def threads_on_demand() -> None:
    """Use a pool that starts a thread when none is idle, up to eight."""
    list(POOL.map(bytes, [RANDOM.randint(10, 10_000) for _ in range(RANDOM.randint(1, 8))]))


HELD: dict[int, tuple[int, bytes]] = {}


@clean()
def slow_release() -> None:
    """Keep each block for three to five iterations."""
    number = next(CALLS)
    HELD[number] = (number + RANDOM.randint(3, 5), bytes(3000))
    for key in [key for key, (until, _) in HELD.items() if until <= number]:
        del HELD[key]


# Bounds that no attribute's name gives away.
MOST_SESSIONS = 64
SESSIONS: dict[str, list[str]] = {}


def _session(key: str) -> list[str]:
    if key not in SESSIONS:
        if len(SESSIONS) >= MOST_SESSIONS:
            SESSIONS.pop(next(iter(SESSIONS)))
        SESSIONS[key] = []
    return SESSIONS[key]


@bounded("SESSIONS")
def module_constant() -> None:
    """Fill a container up to a constant of the module."""
    _session(f"s{next(NUMBERS):06d}").append(f"{next(NUMBERS):06d}" + "m" * 700)


class Memory:
    """A window over the last turns."""

    def __init__(self) -> None:
        self._window = 200
        self._turns: list[str] = []

    def add(self, text: str) -> None:
        """Return the last turns after adding this one."""
        self._turns.append(text)
        if len(self._turns) > self._window:
            self._turns = self._turns[-self._window :]


MEMORY = Memory()


@bounded("MEMORY")
def window_memory() -> None:
    """Fill a container up to an attribute with an unusual name."""
    MEMORY.add("turn " + "w" * 500 + str(next(NUMBERS)))


def _limited(limit: int) -> Callable[[str, str], None]:
    store: dict[str, str] = {}

    def put(key: str, value: str) -> None:
        if len(store) >= limit:
            store.pop(next(iter(store)))
        store[key] = value

    return put


PUT = _limited(300)


@bounded("PUT")
def closure_limit() -> None:
    """Fill a container up to a variable of a closure."""
    PUT(f"k{next(NUMBERS):06d}", "v" * 600 + str(next(NUMBERS)))


class Settings:
    """Settings with a limit for another object."""

    cache_size = 250


SETTINGS = Settings()
ANSWERS: dict[str, str] = {}


def _answer(key: str) -> str:
    if len(ANSWERS) >= SETTINGS.cache_size:
        ANSWERS.clear()
    return ANSWERS.setdefault(key, key * 30)


@bounded("ANSWERS")
def limit_in_settings() -> None:
    """Fill a container up to a limit in another object."""
    _answer(f"question {next(NUMBERS):08d}")


class Budget:
    """A cache with room for a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.used_bytes = 0
        self.items: OrderedDict[str, bytes] = OrderedDict()

    def put(self, key: str, value: bytes) -> None:
        """Add an entry in place of the oldest."""
        self.items[key] = value
        self.used_bytes += len(value)
        while self.used_bytes > self.most_bytes:
            _, oldest = self.items.popitem(last=False)
            self.used_bytes -= len(oldest)


BUDGET = Budget(200_000)


@bounded("BUDGET")
def cache_by_bytes() -> None:
    """Fill a cache up to a number of bytes."""
    BUDGET.put(f"k{next(NUMBERS):05d}", bytes(3000))


class Ring:
    """A ring with a fixed number of slots."""

    def __init__(self, size: int) -> None:
        self.slots: list[dict[str, object] | None] = [None] * size
        self.next = 0

    def push(self, item: dict[str, object]) -> None:
        """Put an item in place of the oldest."""
        self.slots[self.next % len(self.slots)] = item
        self.next += 1


RING = Ring(64)


@bounded("RING")
def ring_by_hand() -> None:
    """Fill slots that are empty at first: no container becomes longer."""
    RING.push({"number": next(NUMBERS), "body": "b" * 400 + str(next(NUMBERS))})
