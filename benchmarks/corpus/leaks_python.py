"""Leaks of plain Python in lists, dicts and caches, from 1 MiB down to 8 bytes per iteration."""

from __future__ import annotations

import functools
import itertools
import uuid
from collections import Counter, deque
from dataclasses import dataclass, field

from benchmarks.corpus.ground import leak, seeded

KEPT: list[object] = []
SESSIONS: dict[str, object] = {}
HISTORY: dict[str, list[bytes]] = {"user": []}
SEEN: set[str] = set()
RECENT: deque[bytes] = deque()
COUNTS: Counter[str] = Counter()
NUMBERS = itertools.count(1000)
_random = seeded()


def session_id() -> str:
    """Return the name of a new session, the same in all runs with the same seed."""
    return f"{_random.getrandbits(128):032x}"  # <- leak


@leak(1_048_642, "KEPT")
def keep_1_mib() -> None:
    """Keep a megabyte in a list."""
    KEPT.append(bytearray(1_048_576))  # <- leak


@leak(65_577, "KEPT")
def keep_64_kib() -> None:
    """Keep the bytes of a page of retrieved text."""
    KEPT.append(bytes(65_536))  # <- leak


@leak(8_233, "KEPT")
def keep_8_kib() -> None:
    """Keep a prompt."""
    KEPT.append(bytes(8_192))  # <- leak


@leak(1_066, "KEPT")
def keep_1_kib() -> None:
    """Keep a message."""
    KEPT.append(bytes(1_024))  # <- leak


@leak(265, "KEPT")
def keep_256_bytes() -> None:
    """Keep a small record."""
    KEPT.append(bytes(223))  # <- leak


@leak(73, "KEPT", tolerance=0.15)
def keep_64_bytes() -> None:
    """Keep a short string."""
    KEPT.append(bytes(31))  # <- leak


@leak(37, "KEPT", tolerance=0.25)
def keep_28_bytes() -> None:
    """Keep a number."""
    KEPT.append(next(NUMBERS))  # <- leak


@leak(8.5, "KEPT", tolerance=0.5)
def keep_8_bytes() -> None:
    """Keep only a pointer in a list."""
    KEPT.append(None)  # <- leak


@leak(192, "KEPT", tolerance=0.1)
def keep_a_dict() -> None:
    """Keep a small dict: its parts come from free lists of the interpreter."""
    KEPT.append({"role": KEPT})  # <- leak


@leak(112, "KEPT", tolerance=0.15)
def keep_tuples() -> None:
    """Keep a tuple of two numbers."""
    KEPT.append((_random.random(), _random.random()))  # <- leak


@leak(160, "KEPT", tolerance=0.15)
def keep_floats() -> None:
    """Keep five scores."""
    KEPT.extend(_random.random() for _ in range(5))  # <- leak


@leak(None, "KEPT")
def keep_random_sizes() -> None:
    """Keep a message of 100 to 4,000 bytes."""
    KEPT.append(bytes(_random.randint(100, 4_000)))  # <- leak


@leak(2_216, "SESSIONS")
def session_dict() -> None:
    """Add to a dictionary of sessions that is never cleaned up."""
    SESSIONS[session_id()] = bytearray(2_048)  # <- leak


@leak(1_066, 'HISTORY["user"]')
def history_of_one_user() -> None:
    """Append to a list inside of a dictionary."""
    HISTORY.setdefault("user", []).append(bytes(1_024))  # <- leak


@leak(159, "SEEN", where=(session_id,), tolerance=0.5)
def set_of_seen_ids() -> None:
    """Keep the ids of answered questions."""
    SEEN.add(session_id())  # <- leak


@leak(553, "RECENT")
def deque_without_end() -> None:
    """Append to a ring buffer without a length."""
    RECENT.append(bytes(512))  # <- leak


@leak(113, "COUNTS", where=(session_id,), tolerance=0.5)
def counter_by_session() -> None:
    """Count a metric with an id as its label."""
    COUNTS[session_id()] += 1  # <- leak


@functools.lru_cache(maxsize=None)  # noqa: UP033 - as it is mostly written
def _embedding(text: str) -> bytes:
    return text.encode() * 32  # <- leak


@leak(1_170, "_embedding", where=(_embedding,), tolerance=0.08)
def unbounded_lru_cache() -> None:
    """Cache texts that never repeat."""
    _embedding(session_id())


class Client:
    """A client that is made in each iteration and kept by its cached method."""

    def __init__(self) -> None:
        self.buffer = bytearray(4_096)  # <- leak

    @functools.cache  # noqa: B019 - the mistake that is measured
    def models(self) -> tuple[str, ...]:
        """Return the models of the client."""
        return ("small", "large")


@leak(4_327, "Client.models", where=(Client.__init__,), tolerance=0.08)
def cache_on_method() -> None:
    """Call a method with ``functools.cache``: ``self`` is part of the key."""
    Client().models()


class Agent:
    """An agent with a history that belongs to its class."""

    history: list[str] = []  # noqa: RUF012 - the mistake that is measured

    def ask(self, text: str) -> None:
        """Keep the question."""
        self.history.append(text * 10)  # <- leak


@leak(378, "Agent.history", where=(Agent.ask,))
def mutable_class_attribute() -> None:
    """Append to a list that all instances share."""
    Agent().ask(session_id())


def _answer(text: str, so_far: list[str] = []) -> int:  # noqa: B006 - the mistake that is measured
    so_far.append(text * 10)  # <- leak
    return len(so_far)


@leak(378, "_answer", where=(_answer,))
def mutable_default() -> None:
    """Append to a list that is a default value."""
    _answer(session_id())


@dataclass
class Memory:
    """The memory of an agent."""

    messages: list[Message] = field(default_factory=list)


@dataclass
class Message:
    """A turn of a conversation."""

    role: str
    content: str


@dataclass
class Assistant:
    """An agent with a memory two steps away from the module."""

    memory: Memory = field(default_factory=Memory)


ASSISTANT = Assistant()


@leak(1_171, "ASSISTANT", tolerance=0.15)
def nested_memory() -> None:
    """Keep messages in a list in an object in an object."""
    text = session_id()
    ASSISTANT.memory.messages.append(Message("user", text * 32))  # <- leak


class Node:
    """A link in a chain."""

    __slots__ = ("following", "payload")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.following: Node | None = None


FIRST = LAST = Node(b"")


@leak(1_106)
def linked_list() -> None:
    """Add to a chain of objects: no container grows."""
    global LAST
    LAST.following = Node(bytes(1_024))  # <- leak
    LAST = LAST.following


def _read() -> bytes:
    return bytes(1_024)  # <- leak


_SOURCE = itertools.tee(iter(_read, b""))


@leak(1_066, where=(_read,))
def tee_that_lags() -> None:
    """Read half of an ``itertools.tee``, which buffers items for the other half."""
    next(_SOURCE[0])  # <- leak


@leak(2_462, "REGISTRY", tolerance=0.15)
def class_per_iteration() -> None:
    """Build a schema in each call and register it."""
    REGISTRY[session_id()] = type("Schema", (), {"text": ""})  # <- leak


REGISTRY: dict[str, type] = {}


@leak(145, "BY_UUID", tolerance=0.5)
def dict_by_uuid() -> None:
    """Keep keys: the standard library makes them, the line to change is here."""
    BY_UUID[uuid.UUID(int=_random.getrandbits(128))] = None  # <- leak


BY_UUID: dict[uuid.UUID, None] = {}


@leak(1_468, "KEPT", tolerance=0.08)
def two_lines() -> None:
    """Leak on two lines with different sizes."""
    KEPT.append(bytes(1_024))  # <- leak
    SESSIONS[session_id()] = bytes(256)
