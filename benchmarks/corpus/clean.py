"""Scenarios that keep nothing: temporaries, cycles, sawtooths, noise, memory that is freed late."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import random
import threading
import weakref
import zlib
from collections import deque

from benchmarks.corpus.ground import clean, seeded

SLOTS: list[bytes] = [b""] * 50
PENDING: deque[bytes] = deque()
ACTIVE: dict[int, bytes] = {}
LIVE: weakref.WeakValueDictionary[int, object] = weakref.WeakValueDictionary()
CURRENT: contextvars.ContextVar[bytes] = contextvars.ContextVar("current")
LOG = logging.getLogger("clean")
BUFFER = bytearray()
_random = seeded()
_calls = 0
_task: list[asyncio.Task[int]] = []


def _number() -> int:
    global _calls
    _calls += 1
    return _calls


@clean(idle=True)
def no_op() -> None:
    """Nothing at all."""


@clean(idle=True)
async def async_no_op() -> None:
    """Nothing at all, in a loop."""


@clean()
def json_temporaries() -> None:
    """Documents made and dropped."""
    json.loads(json.dumps({str(place): [place] * 20 for place in range(500)}))


@clean()
def random_temporaries() -> None:
    """Blocks of random size, all let go."""
    blocks = [bytes(_random.randint(1, 50_000)) for _ in range(_random.randint(10, 200))]
    blocks.clear()


@clean()
def large_temporary() -> None:
    """16 MiB at once."""
    bytearray(16_777_216)


class Node:
    """Refers to itself by way of another."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.other: Node | None = None


@clean()
def collectable_cycles() -> None:
    """A hundred cycles that only the collector frees."""
    for _ in range(100):
        one, other = Node(bytes(1_024)), Node(bytes(1_024))
        one.other, other.other = other, one


class _Closing(Node):
    """Makes a new object while it is being finalized."""

    def __del__(self) -> None:
        self.payload = bytes(2_048)


@clean()
def cycles_with_finalizers() -> None:
    """Cycles whose finalizers allocate."""
    for _ in range(20):
        one, other = _Closing(b""), _Closing(b"")
        one.other, other.other = other, one


@clean()
def buffer_allocated_anew() -> None:
    """One buffer of a megabyte, replaced each time."""
    SLOTS[0] = bytes(1_048_576)


@clean()
def buffer_of_random_size() -> None:
    """One buffer of up to a megabyte, replaced each time."""
    SLOTS[0] = bytes(_random.randint(1, 1_048_576))


@clean()
def bytearray_reused() -> None:
    """Grown and cut back in each iteration."""
    BUFFER.extend(bytes(_random.randint(1_000, 100_000)))
    BUFFER.clear()


@clean()
def noise_of_64_bytes() -> None:
    """One slot of random size."""
    SLOTS[0] = bytes(_random.randint(1, 64))


@clean()
def noise_of_4_kib() -> None:
    """Ten slots of random size."""
    for place in range(10):
        SLOTS[place] = bytes(_random.randint(1, 4_096))


@clean()
def noise_of_1_mib() -> None:
    """Three slots of random size."""
    for place in range(3):
        SLOTS[place] = bytes(_random.randint(1, 1_048_576))


@clean()
def noise_in_random_slots() -> None:
    """A slot at a time: each value stays for a while."""
    SLOTS[_random.randrange(8)] = bytes(_random.randint(1, 20_000))


@clean()
def active_sessions() -> None:
    """Sessions come and go at random; about ten are open at any time."""
    for key in [key for key in ACTIVE if _random.random() < 0.3]:
        del ACTIVE[key]
    for _ in range(3):
        ACTIVE[_random.getrandbits(60)] = bytes(1_024)


@clean()
def key_churn() -> None:
    """A dictionary of constant length whose keys change: now and then it is laid out anew."""
    ACTIVE[_number()] = bytes(100)
    ACTIVE.pop(_calls - 3, None)


@clean()
def freed_three_late() -> None:
    """A pipeline of three."""
    PENDING.append(bytes(10_000))
    if len(PENDING) > 3:
        PENDING.popleft()


@clean()
def freed_eight_late() -> None:
    """A pipeline of eight: full after the fifth measured iteration."""
    PENDING.append(bytes(10_000))
    if len(PENDING) > 8:
        PENDING.popleft()


@clean()
async def freed_by_timer() -> None:
    """Freed a millisecond later."""
    asyncio.get_running_loop().call_later(0.001, len, bytes(10_000))
    await asyncio.sleep(0)


@clean()
async def one_task_in_flight() -> None:
    """Each iteration starts a task that the next one waits for."""

    async def work(payload: bytes) -> int:
        await asyncio.sleep(0)
        return len(payload)

    if _task:
        await _task.pop()
    _task.append(asyncio.get_running_loop().create_task(work(bytes(5_000))))


@clean()
async def many_tasks() -> None:
    """Tasks and queues that end with the iteration."""
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    await asyncio.gather(*(queue.put(bytes(1_000)) for _ in range(50)))
    while not queue.empty():
        queue.get_nowait()
    await asyncio.sleep(0)


@clean()
def weak_values() -> None:
    """A dictionary that keeps nothing alive."""
    node = Node(bytes(4_096))
    LIVE[_number()] = node


@clean()
def context_variable_reset() -> None:
    """Set and reset."""
    token = CURRENT.set(bytes(10_000))
    CURRENT.reset(token)


@clean()
def errors_handled() -> None:
    """Raised, caught, forgotten."""
    for _ in range(10):
        try:
            raise ValueError(bytes(1_000))  # noqa: TRY301 - raised to be caught
        except ValueError:
            pass


@clean()
def handler_added_and_removed() -> None:
    """Handlers that are taken away again."""
    handler = logging.NullHandler()
    LOG.addHandler(handler)
    LOG.removeHandler(handler)


@clean()
def threads_joined() -> None:
    """Four threads a time."""
    threads = [threading.Thread(target=zlib.compress, args=(bytes(50_000),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@clean()
def fragmentation() -> None:
    """Small blocks of many sizes, freed in random order, some kept until the next iteration."""
    blocks = [bytes(_random.randint(1, 500)) for _ in range(5_000)]
    random.Random(len(blocks)).shuffle(blocks)
    SLOTS[:] = blocks[:50]


@clean()
def classes_dropped() -> None:
    """A class per call that nobody keeps."""
    type("Schema", (Node,), {"text": ""})(b"")
