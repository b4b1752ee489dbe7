"""Leaks of event loops: tasks, callbacks, open streams, and memory that only the error path keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from benchmarks.corpus.ground import leak, seeded

KEPT: list[object] = []
TASKS: set[asyncio.Task[int]] = set()
STREAMS: list[AsyncIterator[bytes]] = []
WAITERS: list[asyncio.Future[bytes]] = []
FAILED: list[Exception] = []
_random = seeded()
_calls = 0
_started: list[asyncio.Event] = []
_queues: list[asyncio.Queue[bytes]] = []
_collectors: list[asyncio.Task[None]] = []
_done: list[asyncio.Future[None]] = []


def _number() -> int:
    global _calls
    _calls += 1
    return _calls


async def _for_ever(payload: bytes) -> int:
    await asyncio.Event().wait()
    return len(payload)


@leak(3_141, "TASKS", tolerance=0.1)
async def tasks_that_never_end() -> None:
    """Start a background task that waits for an answer that never comes."""
    TASKS.add(asyncio.get_running_loop().create_task(_for_ever(bytes(1_024))))  # <- leak
    await asyncio.sleep(0)


@leak(1_314)
async def timers_far_away() -> None:
    """Set a time-out that nobody cancels: the loop keeps the timer with its arguments."""
    asyncio.get_running_loop().call_later(3_600, len, bytes(1_024))  # <- leak
    await asyncio.sleep(0)


@leak(1_394, "WAITERS", tolerance=0.08)
async def futures_never_resolved() -> None:
    """Send requests and lose their answers."""
    waiter: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    waiter.request = bytes(1_024)  # type: ignore[attr-defined]  # <- leak
    WAITERS.append(waiter)
    await asyncio.sleep(0)


async def _tokens() -> AsyncIterator[bytes]:
    buffer = bytearray(2_048)  # <- leak
    while True:
        yield bytes(buffer[:8])


@leak(2_551, "STREAMS", where=(_tokens,), tolerance=0.08)
async def streams_left_open() -> None:
    """Read async generators once and keep them."""
    stream = _tokens()
    await anext(stream)
    STREAMS.append(stream)


async def _make_queue() -> None:
    _queues.append(asyncio.Queue())


@leak(1_067, "_queues", setup=_make_queue)
async def queue_without_consumer() -> None:
    """Queue events that nobody reads."""
    await _queues[0].put(bytes(1_024))  # <- leak


async def _make_future() -> None:
    _done.append(asyncio.get_running_loop().create_future())


@leak(1_426, "_done", setup=_make_future)
async def callbacks_on_one_future() -> None:
    """Add a callback to the same future with each call."""
    payload = bytes(1_024)  # <- leak
    _done[0].add_done_callback(lambda _: payload)
    await asyncio.sleep(0)


async def _collect(queue: asyncio.Queue[bytes]) -> None:
    everything = []
    while True:
        everything.append(await queue.get())


async def _start_collector() -> None:
    await _make_queue()
    _collectors.append(asyncio.get_running_loop().create_task(_collect(_queues[0])))


@leak(1_067, setup=_start_collector)
async def local_of_background_task() -> None:
    """Gather events in a local variable of a long-lived task: no module leads to it."""
    await _queues[0].put(bytes(1_024))  # <- leak
    await asyncio.sleep(0)


class TooManyRequests(Exception):
    """The error of a model that answers 429."""

    def __init__(self, body: bytes) -> None:
        super().__init__("429")
        self.body = body


async def _model(fails: bool) -> AsyncIterator[bytes]:
    if fails:
        raise TooManyRequests(bytes(2_048))  # <- leak
    for _ in range(5):
        await asyncio.sleep(0)
        yield bytes(64)


@leak(1_454, "FAILED", where=(_model,), tolerance=0.15)
async def errors_of_429() -> None:
    """Keep the error of every second request for a retry that never comes."""
    try:
        async for _ in _model(_number() % 2 == 0):
            pass
    except TooManyRequests as error:
        FAILED.append(error)


@leak(None, "FAILED", where=(_model,))
async def rare_errors_of_429() -> None:
    """Keep the errors of a third of the requests, at random."""
    try:
        async for _ in _model(_random.random() < 0.34):
            pass
    except TooManyRequests as error:
        FAILED.append(error)


async def _cut_stream(partial: list[bytes]) -> AsyncIterator[bytes]:
    for place in range(5):
        await asyncio.sleep(0)
        if place == 3:
            raise ConnectionResetError
        partial.append(bytes(512))  # <- leak
        yield partial[-1]


@leak(1_732, "KEPT", where=(_cut_stream,))
async def cut_streams() -> None:
    """Keep the first part of a stream that breaks off."""
    partial: list[bytes] = []
    try:
        async for _ in _cut_stream(partial):
            pass
    except ConnectionResetError:
        KEPT.append(partial)


class Client:
    """An HTTP client that is never closed."""

    def __init__(self) -> None:
        self.pool = [bytearray(4_096)]  # <- leak
        self.closed = asyncio.get_running_loop().create_future()
        self.closed.add_done_callback(self._on_close)

    def _on_close(self, _: asyncio.Future[None]) -> None:
        self.pool.clear()


@leak(4_587, "KEPT", where=(Client.__init__,))
async def client_per_iteration() -> None:
    """Make a client for each question."""
    KEPT.append(Client())
    await asyncio.sleep(0)
