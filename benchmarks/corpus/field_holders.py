"""Leaks whose line or container is easily taken for another, each with its harmless twin."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import sqlite3
import sys
import threading
from dataclasses import dataclass, field
from functools import partial

from benchmarks.corpus.ground import clean, leak

NUMBERS = itertools.count()


# A timer holds a large argument; a list of numbers grows beside it.
COUNTS: list[int] = []


@leak(10_250, holder="the event loop's timers", tolerance=0.1)
async def timers_with_arguments() -> None:
    """Start a timer that is due in an hour, with 10 kB in its argument."""
    COUNTS.append(0)
    asyncio.get_running_loop().call_later(3600, print, bytes(10_000))  # <- leak
    await asyncio.sleep(0)


@clean()
async def timers_that_are_due() -> None:
    """Start a timer that is due at once."""
    asyncio.get_running_loop().call_later(0, len, bytes(10_000))
    await asyncio.sleep(0.001)


# A library's registry grows beside a container of the scenario with a bound.
DATABASE = sqlite3.connect(":memory:")
json.METERS = []  # type: ignore[attr-defined]


@leak(208, holder="json.METERS", tolerance=0.3)
def registry_beside_cursors() -> None:
    """Add to a library's registry, and make cursors, which a connection forgets every 200."""
    DATABASE.execute("select 1").fetchall()
    DATABASE.execute("select 2").fetchall()
    json.METERS.append({"meter": object()})  # type: ignore[attr-defined]  # <- leak


@clean()
def registry_that_is_emptied() -> None:
    """Add to a library's registry and take out again."""
    json.METERS.append({"meter": object()})  # type: ignore[attr-defined]
    json.METERS.pop()  # type: ignore[attr-defined]


# A table of the interpreter, which no module leads to.
@leak(2230, tolerance=0.1, holder="the callbacks before a fork")
def callbacks_at_a_fork() -> None:
    """Register a callback that nothing unregisters."""
    os.register_at_fork(before=partial(bytes.decode, bytes(2000 + next(NUMBERS) % 2)))  # <- leak


# Threads that wait for ever.
STOP = threading.Event()


@leak(None, holder="the threads that have not ended", teardown=STOP.set)
def threads_without_end() -> None:
    """Start a thread that waits for an event."""
    threading.Thread(target=STOP.wait, args=(3600,), daemon=True).start()  # <- leak


@clean()
def threads_that_end() -> None:
    """Start a thread and wait for its end."""
    thread = threading.Thread(target=len, args=("",))
    thread.start()
    thread.join()


# A logger for each call, in a table of the standard library.
@leak(436, tolerance=0.1, holder="logging.Logger.manager")
def logger_for_each_call() -> None:
    """Get a logger with a new name, which logging keeps for ever."""
    logging.getLogger(f"agent.{next(NUMBERS):06d}")  # <- leak


@clean(idle=True)
def logger_for_all_calls() -> None:
    """Get the same logger."""
    logging.getLogger("agent.all")


# The import path grows.
@leak(70, tolerance=0.1, holder="sys.path")
def import_path() -> None:
    """Add to the import path."""
    sys.path.append(f"/nowhere/{next(NUMBERS):06d}")  # <- leak


@clean(idle=True)
def import_path_once() -> None:
    """Add to the import path what is not there yet."""
    if "/nowhere/once" not in sys.path:
        sys.path.append("/nowhere/once")


# The dicts that are kept take the tables of dicts that the standard library freed.
HISTORY: list[dict[str, object]] = []


@leak(965, "HISTORY", tolerance=0.1)
async def reused_tables() -> None:
    """Keep five messages, each after a wait that makes and frees a dict."""
    for number in range(5):
        await asyncio.sleep(0.001)
        HISTORY.append({"role": "user", "content": number})  # <- leak


@clean()
async def reused_tables_freed() -> None:
    """Make five messages and keep the last ones."""
    for number in range(5):
        await asyncio.sleep(0.001)
        HISTORY[:] = [{"role": "user", "content": number}]


# Generated code allocates: the __init__ of a dataclass is in no file.
@dataclass
class Turn:
    """A turn with its messages."""

    messages: list[str] = field(default_factory=lambda: list("turn"))
    tags: dict[str, int] = field(default_factory=dict)


TURNS: list[Turn] = []


@leak(None, "TURNS")
def dataclass_with_defaults() -> None:
    """Keep an instance whose parts were allocated in a generated ``__init__``."""
    TURNS.append(Turn())  # <- leak


@clean()
def dataclass_of_the_last_turn() -> None:
    """Keep the last instance only."""
    TURNS[:] = [Turn() for _ in range(10)]
