"""Hold the series of one run in the form in which they are judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

_Number = TypeVar("_Number", int, float)

SiteKey = tuple[str, int]
"""File and line."""


class IterationWork(msgspec.Struct, frozen=True, kw_only=True):
    """The work of one iteration beside the memory that it kept."""

    cpu_seconds: float
    waits: int | None
    """How often the iteration gave up the processor to wait for something; None where this cannot be read."""
    suspended: bool
    """Whether the event loop ran something else during the iteration."""
    peak_bytes: int


class DroppedStream(msgspec.Struct, frozen=True, kw_only=True):
    """A generator or coroutine that the scenario makes and never starts."""

    kind: str
    """``async generator``, ``generator`` or ``coroutine``."""
    name: str
    """Qualified name of its function."""
    place: str
    """File, line and function of the scenario that drops it, as the report shows them."""


class CallWork(msgspec.Struct, frozen=True, kw_only=True):
    """The work of one call that was watched after the measured iterations."""

    computes: bool
    """Whether code of the scenario called anything or ran a loop."""
    communicates: bool
    """Whether the call used a socket or started a process."""
    dropped: tuple[DroppedStream, ...]


class HolderSeries(msgspec.Struct, frozen=True, kw_only=True):
    """Lengths of one container after each reading, the start first, and its bound if it has one."""

    id: int
    lengths: tuple[int, ...]
    bound: int | None = None
    """Items that the container will not exceed."""
    type: str = ""
    """Name of its type; empty until the worker has described the container."""
    only_misses: bool = False
    """The container is an ``lru_cache`` that never had a hit."""
    limit: str = ""
    """The bound in words; empty if there is none. ``bound`` is None for a limit that is not counted in items."""
    bookkeeping: bool = False
    """The container holds only weak references: no other memory hangs on it."""
    path: str = ""
    """References that lead to it from a module; empty where none do."""
    items_seen: int = 0
    """Newest items that were measured."""
    items: dict[SiteKey, int] = {}
    """Bytes of those items by the site that allocated them."""
    reused: dict[tuple[SiteKey, SiteKey], int] = {}
    """Bytes of those items in re-used blocks, by the site that still has the blocks and the site that uses them."""
    storage: SiteKey | None = None
    """The site that last made room in it; None where that is not known."""


class RingBufferReading(msgspec.Struct, frozen=True, kw_only=True):
    """A list with an end that takes in items without becoming longer, as it was after the last iteration."""

    id: int
    path: str = ""
    type: str = "list"
    length: int
    """Slots in use."""
    bound: int | None
    limit: str
    lines: frozenset[SiteKey]
    """Sites that allocated its items."""


class ResourceSeries(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one resource, such as open sockets, after each reading, the start first."""

    name: str
    counts: tuple[int, ...]
    pooled: tuple[int, ...] = ()
    """Those of them in pools that fill up to a limit, without the first of each pool; empty if there is no such pool."""
    examples: tuple[str, ...] = ()
    """Those that were added last, in words; empty until the worker has described them."""
    lines: tuple[SiteKey, ...] = ()
    """Sites that made them; empty until they are known."""
    made_at: str = ""
    """The first of these sites as the report shows it."""


class ChildSeries(msgspec.Struct, frozen=True, kw_only=True):
    """Memory of one child process with its descendants after each reading, the start first."""

    process: int
    text: str = ""
    """Its program; empty until the worker has described it."""
    private_bytes: tuple[int, ...]
    """Resident bytes without pages of files and without shared memory."""


class KeeperReading(msgspec.Struct, frozen=True, kw_only=True):
    """An object that keeps the memory of growing sites although it is no container that grows."""

    id: int
    path: str
    type: str
    length: int | None
    """Items of a container; None for another object."""
    lines: frozenset[SiteKey]
    behind: frozenset[int]
    """Ids of containers that keep the memory if they grow."""


class BatchedNativeReadings(msgspec.Struct, frozen=True, kw_only=True):
    """Readings of the C heap after the measured iterations, with several calls between two of them."""

    calls_apart: int
    """Calls of the scenario between two readings."""
    native: tuple[int, ...]
    """Bytes of the C heap at each reading."""
    page_caches: tuple[int, ...] = ()
    """Bytes of SQLite at each reading; empty where SQLite is not in use."""


class IgnoredSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site that the user ignores."""

    site: SiteKey
    """The site that matches the user's pattern: the ignored one, or its caller."""
    reason: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All series of the measured iterations, in bytes.

    A series of levels begins with the reading before the first measured iteration, so n iterations give n + 1 values, and
    n / ``readings_every`` + 1 if not every iteration was read; ``peak``, ``work`` and ``input_tokens`` have n.
    """

    module: str = ""
    """The scenario's module: containers that it holds come first."""
    warmup: int
    """Warm-up iterations before the measured ones."""
    readings_every: int = 1
    """Iterations between two values of a series of levels."""
    failed: int
    """Measured iterations that raised an error."""
    retained: tuple[int, ...]
    peak: tuple[int, ...]
    native: tuple[int, ...]
    """The C heap; empty where the platform cannot read it."""
    batched_native: BatchedNativeReadings | None = None
    """Judged instead of ``native`` where these readings were made."""
    process: tuple[int, ...]
    """Unique memory of the process that was written to, without the traced heap, the C heap, and free memory in the C heap;
    empty where this cannot be read.
    """
    mapped: tuple[int, ...] = ()
    """Memory that is mapped and not malloc'ed, with pymalloc's arenas: exact to a page, used or not; empty where this cannot
    be read.
    """
    page_caches: tuple[int, ...] = ()
    """Memory of SQLite, part of ``native``; empty where this cannot be read."""
    page_cache_limit_bytes: int | None = None
    """Bytes that SQLite's page caches may take; None where they have no limit."""
    sites: dict[SiteKey, tuple[int, ...]]
    """Live bytes of each site that changed."""
    blocks: dict[SiteKey, int]
    """Live blocks of each site after the last iteration."""
    holders: tuple[HolderSeries, ...]
    ring_buffers: tuple[RingBufferReading, ...] = ()
    resources: tuple[ResourceSeries, ...] = ()
    """Resources that could be read at each reading."""
    children: tuple[ChildSeries, ...] = ()
    """Child processes that lived at each reading."""
    child_bytes: tuple[int, ...] = ()
    """Memory of all child processes; empty if there never was one, and where this cannot be read."""
    keepers: tuple[KeeperReading, ...] = ()
    work: tuple[IterationWork, ...]
    input_tokens: tuple[int, ...] = ()
    """Input tokens of all model calls; empty where the scenario was not traced."""
    noop_peak_bytes: int = 0
    """Peak of an iteration that does nothing, in the same interpreter."""
    call_work: CallWork | None = None
    """None where no call was watched."""
    awaits_nothing: bool = False
    """The function of the eval is async and its own code has no ``await``."""
    ignored_sites: dict[SiteKey, IgnoredSite] = {}
    """Sites that are not judged."""
    ignored_resources: dict[str, str] = {}
    """Names of resources that are not judged, with the user's reason; ``child_memory`` for the memory of children."""
    ignored_holders: dict[int, str] = {}
    """Ids of containers that are not judged, with the user's reason."""


def series_from_changes(changes: Sequence[tuple[int, int]], length: int) -> tuple[int, ...]:
    """Return ``length`` values from ``(index, value)`` pairs in order: 0 at first, then each value until the next pair."""
    values: list[int] = []
    value = 0
    pending = iter([*changes, (length, 0)])
    change_index, next_value = next(pending)
    for index in range(length):
        while change_index == index:
            value = next_value
            change_index, next_value = next(pending)
        values.append(value)
    return tuple(values)


def settled_start(evidence: Evidence, values: Sequence[_Number]) -> Sequence[_Number]:
    """Return ``values`` without the first one if the run had no warm-up.

    The first iteration is then the warm-up: memory of its imports and caches is not growth.
    """
    return values if evidence.warmup else values[1:]
