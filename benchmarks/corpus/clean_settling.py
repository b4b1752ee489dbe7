"""Scenarios that grow at first, or for a while, and then no more: warm-ups, pools, caches of few keys, sawtooths, peaks."""

from __future__ import annotations

import functools
import importlib
import sqlite3
import sys

from benchmarks.corpus.ground import clean, seeded

POOL: list[bytes] = []
BUFFER: list[bytes] = []
CACHE: dict[object, bytes] = {}
_random = seeded()
_calls = 0


def _number() -> int:
    global _calls
    _calls += 1
    return _calls


@clean()
def pool_of_five() -> None:
    """Filled by the second measured iteration."""
    if len(POOL) < 5:
        POOL.append(bytes(65_536))
    sum(len(block) for block in POOL)


@clean()
def pool_of_ten() -> None:
    """Filled by the seventh measured iteration."""
    if len(POOL) < 10:
        POOL.append(bytes(65_536))
    sum(len(block) for block in POOL)


@clean()
def lazy_imports() -> None:
    """A module on the first, the fifth and the eighth call."""
    name = {1: "xmlrpc.client", 5: "imaplib", 8: "mailbox"}.get(_number())
    if name and name not in sys.modules:
        importlib.import_module(name)


@clean()
def late_import() -> None:
    """A module in the middle of the run: one step, and no more."""
    if _number() == 14:
        importlib.import_module("xmlrpc.client")


@clean()
def late_step() -> None:
    """One megabyte, once, near the end."""
    if _number() == 20:
        POOL.append(bytes(1_048_576))


@clean()
def two_steps() -> None:
    """Two steps, in the middle and near the end."""
    if _number() in (10, 19):
        POOL.append(bytes(100_000))


@functools.cache
def _weather(city: int) -> bytes:
    return bytes(2_048 + city)


@clean()
def cache_of_three_cities() -> None:
    """Three keys at random: full within a few calls."""
    _weather(_random.randrange(3))
    bytes(1_000)


@clean()
def cache_of_ten_cities() -> None:
    """Ten keys at random, three a time: slower and slower, then full."""
    for _ in range(3):
        _weather(_random.randrange(10))
    bytes(1_000)


@clean()
def cache_by_word() -> None:
    """A dictionary over a small vocabulary, filled within eight calls."""
    number = _number()
    if number <= 8:
        CACHE[number] = bytes(512)
    bytes(1_000)


@clean()
def warm_up_that_decays() -> None:
    """Each call adds half as much as the one before."""
    POOL.append(bytes(1_048_576 >> min(_number(), 20)) if _calls < 20 else b"")
    if _calls >= 20:
        POOL.pop()


def _sawtooth(period: int, size: int = 10_000) -> None:
    BUFFER.append(bytes(size))
    if _number() % period == 0:
        BUFFER.clear()


@clean()
def sawtooth_of_2() -> None:
    """Flushed on each second call."""
    _sawtooth(2)


@clean()
def sawtooth_of_3() -> None:
    """Flushed on each third call."""
    _sawtooth(3)


@clean()
def sawtooth_of_5() -> None:
    """Flushed on each fifth call."""
    _sawtooth(5)


@clean()
def sawtooth_of_7() -> None:
    """Flushed on each seventh call."""
    _sawtooth(7)


@clean()
def sawtooth_of_9() -> None:
    """Flushed on each ninth call."""
    _sawtooth(9)


@clean()
def sawtooth_of_10() -> None:
    """Flushed on each tenth call: the measured calls end on the way up."""
    _sawtooth(10)


@clean()
def sawtooth_of_13() -> None:
    """Flushed on each thirteenth call: once within the run."""
    _sawtooth(13)


@clean()
def sawtooth_of_17() -> None:
    """Flushed on the seventeenth call only."""
    _sawtooth(17)


@clean()
def sawtooth_at_random() -> None:
    """Flushed when it is larger than 60 KB; what is added is random."""
    BUFFER.append(bytes(_random.randint(1_000, 20_000)))
    if sum(map(len, BUFFER)) > 60_000:
        BUFFER.clear()


@clean()
def sawtooth_that_keeps_some() -> None:
    """Cut back to the last three when there are seven."""
    BUFFER.append(bytes(8_192))
    if len(BUFFER) >= 7:
        del BUFFER[:-3]


@clean()
def batch_of_statements() -> None:
    """Rows gathered and written in batches of six."""
    BUFFER.append(bytes(1_024))
    if len(BUFFER) == 6:
        with sqlite3.connect(":memory:") as connection:
            connection.execute("create table t (a)")
            connection.executemany("insert into t values (?)", [(block,) for block in BUFFER])
        connection.close()
        BUFFER.clear()


@clean()
def peak_at_random() -> None:
    """Peaks of 1 to 200 KiB without a trend."""
    bytes(_random.randint(1_024, 204_800))


@clean()
def peak_that_levels() -> None:
    """The last ten messages are sent along: level after the seventh measured iteration."""
    messages = [bytes(4_096) for _ in range(min(_number(), 10))]
    messages.clear()


@clean()
def peak_sawtooth() -> None:
    """The history is summarized on each sixth call."""
    messages = [bytes(4_096) for _ in range(_number() % 6)]
    messages.clear()


@clean()
def peak_with_one_large() -> None:
    """One large answer near the end."""
    bytes(1_048_576 if _number() == 19 else 8_192)
