"""Leaks from real code of agents: behind a decorator, in a frame, at random, beside noise, in C."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import itertools
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor

from benchmarks.corpus.ground import leak, seeded

RANDOM = seeded()
NUMBERS = itertools.count()
CALLS = itertools.count()


# An event that happens half of the time, noted in a list.
NOTED: list[bytes] = []


@leak(533, "NOTED", tolerance=0.6)
def half_of_the_time() -> None:
    """Keep 1 KiB in every other iteration, at random."""
    if RANDOM.random() < 0.5:
        NOTED.append(bytes(1024))  # <- leak


# One line makes what is kept and what is not.
DOCUMENTS: list[bytes] = []
DRAFTS: list[bytes] = []


def _document(size: int) -> bytes:
    return bytes(size)  # <- leak


@leak(298, "DOCUMENTS", where=(_document,), tolerance=0.2)
def same_line_as_noise() -> None:
    """Keep a document per iteration beside drafts of random sizes from the same line."""
    DRAFTS[:] = [_document(RANDOM.randint(100, 400)) for _ in range(RANDOM.randint(5, 15))]
    DOCUMENTS.append(_document(256))  # <- leak


# A message list that a library's strings end up in.
class Agent:
    """An agent that keeps all messages."""

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []

    def run(self, prompt: str) -> str:
        """Answer and keep both sides."""
        reply = json.dumps({"answer": prompt[::-1], "tokens": len(prompt)})  # <- leak
        self.messages.append({"role": "user", "content": prompt})  # <- leak
        self.messages.append({"role": "assistant", "content": reply})  # <- leak
        return reply


AGENT = Agent()


@leak(1139, "AGENT", where=(Agent.run,))
def message_list() -> None:
    """Add a question and an answer to every prompt."""
    AGENT.run(f"question {next(NUMBERS):06d} " + "x" * 300)  # <- leak


# Snapshots "for undo", made by a JSON round trip.
class Workflow:
    """A workflow with a history that all workflows share."""

    history: list[object] = []  # noqa: RUF012

    def __init__(self) -> None:
        self.state = {"plan": ["a", "b"], "notes": {"k": "v" * 100}}

    def checkpoint(self) -> None:
        """Keep the present state."""
        Workflow.history.append(json.loads(json.dumps(self.state)))  # <- leak


@leak(721, "Workflow.history", where=(Workflow.checkpoint,))
def checkpoints() -> None:
    """Add a checkpoint per iteration and drop none."""
    Workflow().checkpoint()


# A decorator that remembers calls in its closure.
def _audited(function: Callable[[str], str]) -> Callable[[str], str]:
    calls: list[tuple[str, str]] = []

    @functools.wraps(function)
    def wrapper(text: str) -> str:
        result = function(text)
        calls.append((text, result))  # <- leak
        return result

    return wrapper


def _shout(text: str) -> str:
    return text.upper()  # <- leak


SHOUT = _audited(_shout)


@leak(1179, "SHOUT", where=(_audited, _shout))
def audit_decorator() -> None:
    """Keep arguments and results in a closure that no name of the module leads to."""
    SHOUT("text " + "s" * 500 + str(next(NUMBERS)))  # <- leak


# Lists that grow inside a dict that does not.
BY_KIND: dict[str, list[str]] = {"token": [], "tool": [], "done": []}


@leak(349, "BY_KIND", tolerance=0.1)
def inner_lists() -> None:
    """Append an event to one of three lists at random."""
    kind = RANDOM.choice(("token", "tool", "done"))
    BY_KIND[kind].append(f"{kind} {next(NUMBERS):06d} " + "p" * 276)  # <- leak


# A generator that runs for ever and gathers in its frame.
def _gather() -> Generator[int, str, None]:
    seen: list[str] = []
    while True:
        text = yield len(seen)
        seen.append(text * 3)  # <- leak


GATHERER = _gather()
next(GATHERER)


@leak(658, where=(_gather,))
def generator_frame() -> None:
    """Append to a list that only a suspended frame refers to."""
    GATHERER.send("g" * 200)


# A cache in the thread-local data of a pooled thread.
LOCAL = threading.local()
POOL = ThreadPoolExecutor(1)


def _remember(text: str) -> None:
    cache: dict[str, str] = LOCAL.__dict__.setdefault("cache", {})
    cache[text] = text.upper()  # <- leak


@leak(1742, where=(_remember,))
def thread_local_cache() -> None:
    """Cache in a thread that outlives its work."""
    POOL.submit(_remember, "t" * 800 + f"{next(NUMBERS):06d}").result()  # <- leak


# A mailbox for each subscriber, and no end of a subscription.
class Broker:
    """A broker that keeps all subscribers."""

    def __init__(self) -> None:
        self.subscribers: list[asyncio.Queue[str]] = []

    @contextlib.asynccontextmanager
    async def subscribe(self) -> AsyncIterator[asyncio.Queue[str]]:
        """Add a mailbox that stays."""
        mailbox: asyncio.Queue[str] = asyncio.Queue()  # <- leak
        self.subscribers.append(mailbox)  # <- leak
        yield mailbox

    def publish(self, message: str) -> None:
        """Put an event into every mailbox."""
        for mailbox in self.subscribers:
            if mailbox.qsize() < 2:
                mailbox.put_nowait(message)


BROKER = Broker()


@leak(3266, "BROKER", where=(Broker.subscribe,), tolerance=0.1)
async def subscribers() -> None:
    """Add a mailbox per iteration, most of it allocated by asyncio."""
    async with BROKER.subscribe() as mailbox:
        BROKER.publish("hello")  # <- leak
        await mailbox.get()


# Exceptions out of gather(), with the frames that they came from.
FAILURES: list[BaseException] = []


async def _fail(payload: bytearray) -> None:
    await asyncio.sleep(0)
    raise ValueError(len(payload))


@leak(4518, "FAILURES", where=(_fail,), tolerance=0.1)
async def gathered_exceptions() -> None:
    """Keep exceptions, which keep their frames and payloads."""
    payload = bytearray(4000)  # <- leak
    results = await asyncio.gather(_fail(payload), asyncio.sleep(0), return_exceptions=True)
    FAILURES.extend(result for result in results if isinstance(result, BaseException))  # <- leak


# malloc, from the tenth iteration on, and beside other blocks that come and go.
_LIBC = ctypes.CDLL(None)
_LIBC.malloc.restype = ctypes.c_void_p
_LIBC.malloc.argtypes = [ctypes.c_size_t]
_LIBC.free.argtypes = [ctypes.c_void_p]
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_TEMPORARY: list[int] = []


@leak(2016, channel="c-heap", tolerance=0.1)
def malloc_from_the_tenth() -> None:
    """Leak C memory from the tenth iteration on."""
    if next(CALLS) >= 9:
        _LIBC.malloc(2000)


@leak(2016, channel="c-heap", tolerance=0.3)
def malloc_beside_noise() -> None:
    """Leak 2 KB per iteration beside ten blocks of random sizes that are freed in the next iteration."""
    for address in _TEMPORARY:
        _LIBC.free(address)
    _TEMPORARY[:] = [_LIBC.malloc(RANDOM.randint(100, 1000)) for _ in range(10)]
    _LIBC.malloc(2000)


@leak(528, channel="c-heap", tolerance=0.1)
def malloc_under_noise() -> None:
    """Leak 512 bytes per iteration beside ten random blocks whose sum changes by ten times that: no step shows it."""
    for address in _TEMPORARY:
        _LIBC.free(address)
    _TEMPORARY[:] = [_LIBC.malloc(RANDOM.randint(100, 3000)) for _ in range(10)]
    _LIBC.malloc(512)


@leak(2090, channel="c-heap", tolerance=0.1)
def environment_overwritten() -> None:
    """Overwrite an environment variable: glibc never frees the old value of ``setenv``."""
    os.environ["MEMEVAL_FIELD_RUN"] = f"{next(NUMBERS):06d}" + "v" * 2000
