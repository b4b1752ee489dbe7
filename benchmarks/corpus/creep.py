"""Scenarios that keep nothing and have a growing peak: the context grows with the history."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import tempfile
from pathlib import Path

from benchmarks.corpus.ground import creep, seeded

_random = seeded()
_calls = 0


def _number() -> int:
    global _calls
    _calls += 1
    return _calls


@creep(1_065, tolerance=0.1)
def peak_by_1_kib() -> None:
    """Add a message to the context in each iteration."""
    messages = [bytes(1_024) for _ in range(_number())]
    messages.clear()


@creep(61_440)
def peak_by_60_kib() -> None:
    """Add 60 KiB to the context in each iteration, as a team of agents did."""
    bytes(61_440 * _number())


@creep(103_500, tolerance=0.1)
def peak_of_blocks_for_malloc() -> None:
    """Add a hundred messages in each iteration; the C heap keeps the memory that they free."""
    messages = [bytes(1_000) for _ in range(100 * _number())]
    messages.clear()


@creep(None)
def peak_of_small_blocks() -> None:
    """Add a thousand small objects in each iteration; Python's own allocator keeps the memory that they free."""
    tokens = [str(number) for number in range(1_000_000, 1_000_000 + 1_000 * _number())]
    tokens.clear()


@creep(None)
def prompt_that_grows() -> None:
    """Encode a prompt of all turns so far."""
    json.dumps([{"role": "user", "content": "x" * 500} for _ in range(_number())])


@creep(6_553, tolerance=0.5)
def peak_by_steps() -> None:
    """Add 32 KiB on each fifth call."""
    bytes(65_536 + 32_768 * (_number() // 5))


@creep(2_048, tolerance=0.5)
def peak_slowly_under_noise() -> None:
    """Add 2 KiB in each iteration, under 8 KiB of noise."""
    bytes(20_000 + 2_048 * _number() + _random.randint(0, 8_192))


@creep(10_240, tolerance=0.5)
def peak_under_large_noise() -> None:
    """Add 10 KiB in each iteration, under 64 KiB of noise."""
    bytes(20_000 + 10_240 * _number() + _random.randint(0, 65_536))


@creep(4_096, tolerance=0.3)
def peak_above_large_base() -> None:
    """Add 4 KiB in each iteration to 8 MiB."""
    bytes(8_388_608 + 4_096 * _number())


@creep(None)
def peak_that_begins_late() -> None:
    """Add 8 KiB in each iteration after eight level calls."""
    bytes(40_000 + 8_192 * max(0, _number() - 8))


@creep(4_137, tolerance=0.15)
async def async_context() -> None:
    """Add messages to the context in an event loop, with waits in between."""
    messages = []
    for _ in range(_number()):
        messages.append(bytes(4_096))
        await asyncio.sleep(0)
    messages.clear()


def _database() -> Path:
    return Path(tempfile.gettempdir()) / f"memeval-creep-{os.getpid()}.sqlite"


def _create() -> None:
    with contextlib.closing(sqlite3.connect(_database())) as connection:
        connection.execute("create table if not exists turns (content)")


def _drop() -> None:
    _database().unlink(missing_ok=True)


@creep(None, setup=_create, teardown=_drop)
def history_from_database() -> None:
    """Store each turn and read all of them back."""
    with contextlib.closing(sqlite3.connect(_database())) as connection, connection:
        connection.execute("insert into turns values (?)", (str(_number()) + "x" * 2_000,))
        connection.execute("select content from turns").fetchall()


@creep(None)
def quadratic_context() -> None:
    """Repeat all turns before in each turn."""
    bytes(256 * _number() ** 2)
