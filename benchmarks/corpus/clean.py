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
    """Do nothing."""


@clean(idle=True)
async def async_no_op() -> None:
    """Do nothing in an event loop."""


@clean()
def json_temporaries() -> None:
    """Make documents and drop them."""
    json.loads(json.dumps({str(place): [place] * 20 for place in range(500)}))


@clean()
def random_temporaries() -> None:
    """Allocate blocks of random size and free them."""
    blocks = [bytes(_random.randint(1, 50_000)) for _ in range(_random.randint(10, 200))]
    blocks.clear()


@clean()
def large_temporary() -> None:
    """Allocate 16 MiB and free them."""
    bytearray(16_777_216)


class Node:
    """An object that refers to itself through another."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.other: Node | None = None


@clean()
def collectable_cycles() -> None:
    """Make a hundred cycles that only the garbage collector frees."""
    for _ in range(100):
        first, second = Node(bytes(1_024)), Node(bytes(1_024))
        first.other, second.other = second, first


class _Closing(Node):
    """An object that makes a new object in its finalizer."""

    def __del__(self) -> None:
        self.payload = bytes(2_048)


@clean()
def cycles_with_finalizers() -> None:
    """Make cycles with finalizers that allocate."""
    for _ in range(20):
        first, second = _Closing(b""), _Closing(b"")
        first.other, second.other = second, first


@clean()
def buffer_allocated_anew() -> None:
    """Replace a buffer of a megabyte."""
    SLOTS[0] = bytes(1_048_576)


@clean()
def buffer_of_random_size() -> None:
    """Replace a buffer of up to a megabyte."""
    SLOTS[0] = bytes(_random.randint(1, 1_048_576))


@clean()
def bytearray_reused() -> None:
    """Grow a bytearray and cut it back."""
    BUFFER.extend(bytes(_random.randint(1_000, 100_000)))
    BUFFER.clear()


@clean()
def noise_of_64_bytes() -> None:
    """Fill a slot with a block of random size."""
    SLOTS[0] = bytes(_random.randint(1, 64))


@clean()
def noise_of_4_kib() -> None:
    """Fill ten slots with blocks of random size."""
    for place in range(10):
        SLOTS[place] = bytes(_random.randint(1, 4_096))


@clean()
def noise_of_1_mib() -> None:
    """Fill three slots with blocks of random size."""
    for place in range(3):
        SLOTS[place] = bytes(_random.randint(1, 1_048_576))


@clean()
def noise_in_random_slots() -> None:
    """Fill a random slot: each value stays for a while."""
    SLOTS[_random.randrange(8)] = bytes(_random.randint(1, 20_000))


@clean()
def active_sessions() -> None:
    """Open and close sessions at random; about ten are open at any time."""
    for key in [key for key in ACTIVE if _random.random() < 0.3]:
        del ACTIVE[key]
    for _ in range(3):
        ACTIVE[_random.getrandbits(60)] = bytes(1_024)


@clean()
def key_churn() -> None:
    """Replace keys of a dictionary of constant length, which is rebuilt now and then."""
    ACTIVE[_number()] = bytes(100)
    ACTIVE.pop(_calls - 3, None)


@clean()
def freed_three_late() -> None:
    """Free memory three iterations later."""
    PENDING.append(bytes(10_000))
    if len(PENDING) > 3:
        PENDING.popleft()


@clean()
def freed_eight_late() -> None:
    """Free memory eight iterations later: level after the fifth measured iteration."""
    PENDING.append(bytes(10_000))
    if len(PENDING) > 8:
        PENDING.popleft()


@clean()
async def freed_by_timer() -> None:
    """Free memory a millisecond later."""
    asyncio.get_running_loop().call_later(0.001, len, bytes(10_000))
    await asyncio.sleep(0)


@clean()
async def one_task_in_flight() -> None:
    """Start a task that the next iteration waits for."""

    async def work(payload: bytes) -> int:
        await asyncio.sleep(0)
        return len(payload)

    if _task:
        await _task.pop()
    _task.append(asyncio.get_running_loop().create_task(work(bytes(5_000))))


@clean()
async def many_tasks() -> None:
    """Make tasks and queues that end with the iteration."""
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    await asyncio.gather(*(queue.put(bytes(1_000)) for _ in range(50)))
    while not queue.empty():
        queue.get_nowait()
    await asyncio.sleep(0)


@clean()
def weak_values() -> None:
    """Fill a dictionary that keeps nothing alive."""
    node = Node(bytes(4_096))
    LIVE[_number()] = node


@clean()
def context_variable_reset() -> None:
    """Set a context variable and reset it."""
    token = CURRENT.set(bytes(10_000))
    CURRENT.reset(token)


@clean()
def errors_handled() -> None:
    """Raise an error, catch it and drop it."""
    for _ in range(10):
        try:
            raise ValueError(bytes(1_000))  # noqa: TRY301 - raised to be caught
        except ValueError:
            pass


@clean()
def handler_added_and_removed() -> None:
    """Add handlers and remove them."""
    handler = logging.NullHandler()
    LOG.addHandler(handler)
    LOG.removeHandler(handler)


@clean()
def threads_joined() -> None:
    """Run four threads and join them."""
    threads = [threading.Thread(target=zlib.compress, args=(bytes(50_000),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@clean()
def fragmentation() -> None:
    """Free small blocks of many sizes in random order, some of them in the next iteration."""
    blocks = [bytes(_random.randint(1, 500)) for _ in range(5_000)]
    random.Random(len(blocks)).shuffle(blocks)
    SLOTS[:] = blocks[:50]


@clean()
def classes_dropped() -> None:
    """Make a class and drop it."""
    type("Schema", (Node,), {"text": ""})(b"")
