"""One watched call: what the scenario drops, and whether it does any work."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from otel_memeval.worker.references.watched_call import CallWatch, scenario_files


class Team:
    """An agent whose methods return streams."""

    def __init__(self) -> None:
        self.kept: object = None

    def arun(self) -> AsyncIterator[int]:
        async def stream() -> AsyncIterator[int]:
            yield 1

        return stream()

    def run(self) -> Iterator[int]:
        yield 1


TEAM = Team()


async def drops_a_stream() -> None:
    TEAM.arun()


async def drops_a_stream_in_a_variable() -> None:
    _ = TEAM.arun()


async def drops_streams_in_tasks() -> None:
    async def ask() -> AsyncIterator[int]:
        return TEAM.arun()

    await asyncio.gather(ask(), ask())


def drops_a_generator() -> None:
    TEAM.run()


async def drops_a_coroutine() -> None:
    drops_a_stream()  # type: ignore[unused-coroutine]


async def reads_a_stream() -> None:
    async for _ in TEAM.arun():
        pass


def reads_a_generator() -> None:
    list(TEAM.run())


def keeps_a_generator() -> None:
    TEAM.kept = TEAM.run()


def does_nothing() -> None:
    pass


def parses() -> None:
    json.loads("[1, 2]")


def counts() -> None:
    number = 0
    while number < 100:
        number += 1


def sends() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"-", ("127.0.0.1", 9))


def watched(func: Callable[[], object]) -> CallWatch:
    """Return the watch of one call."""
    watch = CallWatch(scenario_files(__file__, lambda file: "otel_memeval" in file))
    with watch.watching():
        value = func()
        if isinstance(value, Awaitable):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(value)
            loop.close()
    return watch


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        (drops_a_stream, [("async generator", 1)]),
        (drops_a_stream_in_a_variable, [("async generator", 1)]),
        (drops_streams_in_tasks, [("async generator", 2)] * 2),
        (drops_a_generator, [("generator", 1)]),
        (drops_a_coroutine, [("coroutine", 1)]),
        (reads_a_stream, []),
        (reads_a_generator, []),
        (keeps_a_generator, []),
        (parses, []),
    ],
)
def test_dropped_object_has_the_line_that_drops_it(func: Callable[[], object], expected: list[tuple[str, int]]) -> None:
    """A generator or coroutine that nothing starts or keeps is found, in the function of the scenario that got it."""
    first = func.__code__.co_firstlineno
    found = [(dropped.kind, dropped.line - first) for dropped in watched(func).dropped()]
    assert found == expected
    TEAM.kept = None


@pytest.mark.parametrize(
    ("func", "computes", "communicates"),
    [(does_nothing, False, False), (parses, True, False), (counts, True, False), (sends, True, True)],
)
def test_work_of_a_call_is_seen(func: Callable[[], object], computes: bool, communicates: bool) -> None:
    """A call, a loop and a socket are work."""
    watch = watched(func)
    assert (watch.computes, watch.communicates) == (computes, communicates)


def test_code_that_is_not_the_scenarios_counts_as_work() -> None:
    """A function of an installed package has no code that is watched."""
    watch = CallWatch(lambda _: False)
    with watch.watching():
        does_nothing()
    assert watch.computes


def test_trace_profile_and_collector_are_as_before() -> None:
    """A debugger's or a coverage tool's trace function is back after the call, and the collector runs again."""
    before = sys.gettrace(), sys.getprofile(), gc.isenabled()
    watched(parses)
    assert (sys.gettrace(), sys.getprofile(), gc.isenabled()) == before
    assert gc.isenabled()
