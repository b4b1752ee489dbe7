"""Leaks of plain Python: what agents keep in lists, dicts and caches, from 1 MiB down to 8 bytes an iteration."""

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
    """A new session's name, the same in every run with the same seed."""
    return f"{_random.getrandbits(128):032x}"  # <- leak


@leak(1_048_642, "KEPT")
def keep_1_mib() -> None:
    """A megabyte in a list."""
    KEPT.append(bytearray(1_048_576))  # <- leak


@leak(65_577, "KEPT")
def keep_64_kib() -> None:
    """What a page of retrieved text takes."""
    KEPT.append(bytes(65_536))  # <- leak


@leak(8_233, "KEPT")
def keep_8_kib() -> None:
    """A prompt."""
    KEPT.append(bytes(8_192))  # <- leak


@leak(1_066, "KEPT")
def keep_1_kib() -> None:
    """A message."""
    KEPT.append(bytes(1_024))  # <- leak


@leak(265, "KEPT")
def keep_256_bytes() -> None:
    """A small record."""
    KEPT.append(bytes(223))  # <- leak


@leak(73, "KEPT", tolerance=0.15)
def keep_64_bytes() -> None:
    """A short string."""
    KEPT.append(bytes(31))  # <- leak


@leak(37, "KEPT", tolerance=0.25)
def keep_28_bytes() -> None:
    """A number."""
    KEPT.append(next(NUMBERS))  # <- leak


@leak(8.5, "KEPT", tolerance=0.5)
def keep_8_bytes() -> None:
    """Nothing but a place in a list."""
    KEPT.append(None)  # <- leak


@leak(192, "KEPT", tolerance=0.1)
def keep_a_dict() -> None:
    """A small dict: its parts come from the interpreter's free lists."""
    KEPT.append({"role": KEPT})  # <- leak


@leak(112, "KEPT", tolerance=0.15)
def keep_tuples() -> None:
    """A tuple of two numbers."""
    KEPT.append((_random.random(), _random.random()))  # <- leak


@leak(160, "KEPT", tolerance=0.15)
def keep_floats() -> None:
    """Five scores."""
    KEPT.extend(_random.random() for _ in range(5))  # <- leak


@leak(None, "KEPT")
def keep_random_sizes() -> None:
    """Messages of 100 to 4,000 bytes."""
    KEPT.append(bytes(_random.randint(100, 4_000)))  # <- leak


@leak(2_216, "SESSIONS")
def session_dict() -> None:
    """A dictionary by session that is never cleaned up."""
    SESSIONS[session_id()] = bytearray(2_048)  # <- leak


@leak(1_066, "HISTORY[*]")
def history_of_one_user() -> None:
    """One list inside of a dictionary."""
    HISTORY.setdefault("user", []).append(bytes(1_024))  # <- leak


@leak(159, "SEEN", where=(session_id,), tolerance=0.5)
def set_of_seen_ids() -> None:
    """Ids of what was already answered."""
    SEEN.add(session_id())  # <- leak


@leak(553, "RECENT")
def deque_without_end() -> None:
    """A ring buffer that somebody forgot to give a length."""
    RECENT.append(bytes(512))  # <- leak


@leak(113, "COUNTS", where=(session_id,), tolerance=0.5)
def counter_by_session() -> None:
    """A metric with an id as its label."""
    COUNTS[session_id()] += 1  # <- leak


@functools.lru_cache(maxsize=None)  # noqa: UP033 - as it is mostly written
def _embedding(text: str) -> bytes:
    return text.encode() * 32  # <- leak


@leak(1_170, "_embedding", where=(_embedding,), tolerance=0.08)
def unbounded_lru_cache() -> None:
    """A cache over texts that never repeat."""
    _embedding(session_id())


class Client:
    """Made anew in each iteration; its cached method keeps it."""

    def __init__(self) -> None:
        self.buffer = bytearray(4_096)  # <- leak

    @functools.cache  # noqa: B019 - the mistake that is measured
    def models(self) -> tuple[str, ...]:
        """What a cached property would have been for."""
        return ("small", "large")


@leak(4_327, "Client.models", where=(Client.__init__,), tolerance=0.08)
def cache_on_method() -> None:
    """``functools.cache`` on a method: ``self`` is part of the key."""
    Client().models()


class Agent:
    """Its history belongs to the class, not to the agent."""

    history: list[str] = []  # noqa: RUF012 - the mistake that is measured

    def ask(self, text: str) -> None:
        """Remember the question."""
        self.history.append(text * 10)  # <- leak


@leak(378, "Agent.history", where=(Agent.ask,))
def mutable_class_attribute() -> None:
    """A list shared by all instances."""
    Agent().ask(session_id())


def _answer(text: str, so_far: list[str] = []) -> int:  # noqa: B006 - the mistake that is measured
    so_far.append(text * 10)  # <- leak
    return len(so_far)


@leak(378, "_answer", where=(_answer,))
def mutable_default() -> None:
    """A list as a default value."""
    _answer(session_id())


@dataclass
class Memory:
    """What an agent remembers."""

    messages: list[Message] = field(default_factory=list)


@dataclass
class Message:
    """One turn."""

    role: str
    content: str


@dataclass
class Assistant:
    """An agent with a memory two steps away from the module."""

    memory: Memory = field(default_factory=Memory)


ASSISTANT = Assistant()


@leak(1_171, "ASSISTANT", tolerance=0.15)
def nested_memory() -> None:
    """Messages in a list in an object in an object."""
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
    """A chain of objects: no container grows."""
    global LAST
    LAST.following = Node(bytes(1_024))  # <- leak
    LAST = LAST.following


def _read() -> bytes:
    return bytes(1_024)  # <- leak


_SOURCE = itertools.tee(iter(_read, b""))


@leak(1_066, where=(_read,))
def tee_that_lags() -> None:
    """``itertools.tee`` buffers what its other half has not read."""
    next(_SOURCE[0])  # <- leak


@leak(2_462, "REGISTRY", tolerance=0.15)
def class_per_iteration() -> None:
    """A schema built for each call and registered."""
    REGISTRY[session_id()] = type("Schema", (), {"text": ""})  # <- leak


REGISTRY: dict[str, type] = {}


@leak(145, "BY_UUID", tolerance=0.5)
def dict_by_uuid() -> None:
    """Keys are made in the standard library, the line to change is here."""
    BY_UUID[uuid.UUID(int=_random.getrandbits(128))] = None  # <- leak


BY_UUID: dict[uuid.UUID, None] = {}


@leak(1_468, "KEPT", tolerance=0.08)
def two_lines() -> None:
    """Two leaks of different size at once."""
    KEPT.append(bytes(1_024))  # <- leak
    SESSIONS[session_id()] = bytes(256)
