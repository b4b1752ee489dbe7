"""What a verdict is judged on: the series that a run gave, put in order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

_Number = TypeVar("_Number", int, float)

SiteKey = tuple[str, int]
"""File and line."""


class IterationWork(msgspec.Struct, frozen=True, kw_only=True):
    """What one iteration did beside allocating."""

    cpu_seconds: float
    waits: int | None
    """How often it gave up the processor to wait for something; None where unknown."""
    suspended: bool
    """Whether the event loop ran something else meanwhile."""
    peak_bytes: int


class HolderSeries(msgspec.Struct, frozen=True, kw_only=True):
    """Length of a container after each reading, the start first, and its bound if it has one."""

    id: int
    lengths: tuple[int, ...]
    bound: int | None = None
    type: str = ""
    """Its type's name, once the worker has told it."""
    only_misses: bool = False
    """An ``lru_cache`` that never found what it was asked for."""
    limit: str = ""
    """What bounds it, in words; empty if nothing does. ``bound`` may be None: some limits are not counted in items."""
    bookkeeping: bool = False
    """Weak references only: no other memory hangs on it."""


class RingBuffer(msgspec.Struct, frozen=True, kw_only=True):
    """A list that ends and takes in what lines allocate without becoming longer, as it was at the end."""

    id: int
    length: int
    bound: int | None
    limit: str
    lines: frozenset[SiteKey]
    """Where what it holds was allocated."""


class BatchedNativeReadings(msgspec.Struct, frozen=True, kw_only=True):
    """What the wider look saw: readings after the measured ones, several calls apart."""

    calls_apart: int
    """Between two readings."""
    native: tuple[int, ...]
    """The C heap at each."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All series of the measured iterations. Those of levels begin with the reading before the first iteration, so that
    n iterations give n + 1 values; ``peak`` has n. Bytes.
    """

    warmup: int
    failed: int
    """Measured iterations that raised."""
    retained: tuple[int, ...]
    peak: tuple[int, ...]
    native: tuple[int, ...]
    """Empty where the platform has no such channel."""
    batched_native: BatchedNativeReadings | None = None
    """Says more of the C heap than ``native`` where it is there."""
    process: tuple[int, ...]
    """Unique memory of the process that was written to, less what the traced heap and the C heap explain, less what is free
    in the C heap; empty where unknown.
    """
    mapped: tuple[int, ...] = ()
    """What is mapped and not malloc'ed, pymalloc's arenas included: exact to a page, used or not; empty where unknown."""
    sites: dict[SiteKey, tuple[int, ...]]
    """Only sites whose live bytes changed."""
    blocks: dict[SiteKey, int]
    """Live blocks at the end."""
    holders: tuple[HolderSeries, ...]
    ring_buffers: tuple[RingBuffer, ...] = ()
    work: tuple[IterationWork, ...]
    input_tokens: tuple[int, ...] = ()
    """What models were given, as ``peak``; empty where the scenario was not traced."""
    noop_peak_bytes: int = 0
    """The peak of an iteration that does nothing, in the same interpreter."""
    awaits_nothing: bool = False
    """The eval's function is async and its own code holds no await."""


def series_from_changes(changes: Sequence[tuple[int, int]], length: int) -> tuple[int, ...]:
    """A series of ``length`` values from ``(place, value)`` pairs in order: each value holds until the next; 0 before."""
    values: list[int] = []
    value = 0
    pending = iter([*changes, (length, 0)])
    place, following = next(pending)
    for index in range(length):
        while place == index:
            value = following
            place, following = next(pending)
        values.append(value)
    return tuple(values)


def settled_start(evidence: Evidence, values: Sequence[_Number]) -> Sequence[_Number]:
    """Without a warm-up the first iteration is one: what it imports and caches is not growth."""
    return values if evidence.warmup else values[1:]
