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
    """Fill a pool until the second measured iteration."""
    if len(POOL) < 5:
        POOL.append(bytes(65_536))
    sum(len(block) for block in POOL)


@clean()
def pool_of_ten() -> None:
    """Fill a pool until the seventh measured iteration."""
    if len(POOL) < 10:
        POOL.append(bytes(65_536))
    sum(len(block) for block in POOL)


@clean()
def lazy_imports() -> None:
    """Import a module on the first, the fifth and the eighth call."""
    name = {1: "xmlrpc.client", 5: "imaplib", 8: "mailbox"}.get(_number())
    if name and name not in sys.modules:
        importlib.import_module(name)


@clean()
def late_import() -> None:
    """Import a module in the middle of the run: a single step."""
    if _number() == 14:
        importlib.import_module("xmlrpc.client")


@clean()
def late_step() -> None:
    """Keep a megabyte once, near the end."""
    if _number() == 20:
        POOL.append(bytes(1_048_576))


@clean()
def two_steps() -> None:
    """Keep memory twice, in the middle and near the end."""
    if _number() in (10, 19):
        POOL.append(bytes(100_000))


@functools.cache
def _weather(city: int) -> bytes:
    return bytes(2_048 + city)


@clean()
def cache_of_three_cities() -> None:
    """Cache three keys at random: full within a few calls."""
    _weather(_random.randrange(3))
    bytes(1_000)


@clean()
def cache_of_ten_cities() -> None:
    """Cache ten keys at random, three per call: slower and slower, then full."""
    for _ in range(3):
        _weather(_random.randrange(10))
    bytes(1_000)


@clean()
def cache_by_word() -> None:
    """Fill a dictionary over a small vocabulary within eight calls."""
    number = _number()
    if number <= 8:
        CACHE[number] = bytes(512)
    bytes(1_000)


@clean()
def warm_up_that_decays() -> None:
    """Keep half as much with each call as with the call before."""
    POOL.append(bytes(1_048_576 >> min(_number(), 20)) if _calls < 20 else b"")
    if _calls >= 20:
        POOL.pop()


def _sawtooth(period: int, size: int = 10_000) -> None:
    BUFFER.append(bytes(size))
    if _number() % period == 0:
        BUFFER.clear()


@clean()
def sawtooth_of_2() -> None:
    """Flush a buffer on each second call."""
    _sawtooth(2)


@clean()
def sawtooth_of_3() -> None:
    """Flush a buffer on each third call."""
    _sawtooth(3)


@clean()
def sawtooth_of_5() -> None:
    """Flush a buffer on each fifth call."""
    _sawtooth(5)


@clean()
def sawtooth_of_7() -> None:
    """Flush a buffer on each seventh call."""
    _sawtooth(7)


@clean()
def sawtooth_of_9() -> None:
    """Flush a buffer on each ninth call."""
    _sawtooth(9)


@clean()
def sawtooth_of_10() -> None:
    """Flush a buffer on each tenth call: the measured calls end on the way up."""
    _sawtooth(10)


@clean()
def sawtooth_of_13() -> None:
    """Flush a buffer on each thirteenth call: once within the run."""
    _sawtooth(13)


@clean()
def sawtooth_of_17() -> None:
    """Flush a buffer on the seventeenth call only."""
    _sawtooth(17)


@clean()
def sawtooth_at_random() -> None:
    """Flush a buffer when it has more than 60 KB of random additions."""
    BUFFER.append(bytes(_random.randint(1_000, 20_000)))
    if sum(map(len, BUFFER)) > 60_000:
        BUFFER.clear()


@clean()
def sawtooth_that_keeps_some() -> None:
    """Cut a list of seven back to the last three."""
    BUFFER.append(bytes(8_192))
    if len(BUFFER) >= 7:
        del BUFFER[:-3]


@clean()
def batch_of_statements() -> None:
    """Gather rows and write them in batches of six."""
    BUFFER.append(bytes(1_024))
    if len(BUFFER) == 6:
        with sqlite3.connect(":memory:") as connection:
            connection.execute("create table t (a)")
            connection.executemany("insert into t values (?)", [(block,) for block in BUFFER])
        connection.close()
        BUFFER.clear()


@clean()
def peak_at_random() -> None:
    """Allocate 1 to 200 KiB without a trend."""
    bytes(_random.randint(1_024, 204_800))


@clean()
def peak_that_levels() -> None:
    """Send the last ten messages along: level after the seventh measured iteration."""
    messages = [bytes(4_096) for _ in range(min(_number(), 10))]
    messages.clear()


@clean()
def peak_sawtooth() -> None:
    """Summarize the history on each sixth call."""
    messages = [bytes(4_096) for _ in range(_number() % 6)]
    messages.clear()


@clean()
def peak_with_one_large() -> None:
    """Receive a large answer near the end."""
    bytes(1_048_576 if _number() == 19 else 8_192)
