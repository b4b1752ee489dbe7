"""Messages of the worker, one JSON line each."""

from __future__ import annotations

from typing import Literal

import msgspec

from otel_memeval.tracing.otlp_span import InstrumentationScope, Span
from otel_memeval.wire.resources import AddedResources, ChildInfo, ResourceCounts

WIRE_VERSION = 2
"""Version of the messages, as in ``worker.harness``; a message of another version is rejected."""

ContentCapture = Literal["none", "spans", "events", "both"]
"""The parts of a scenario's telemetry that may hold contents of messages to and from a model."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of all messages; the field ``kind`` names the type."""


class FailureInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An exception of the scenario. ``frames``: file, line and function, the innermost last."""

    type: str
    message: str
    frames: list[tuple[str, int, str]] = []


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Totals, and the changes since the last reading. A channel that the platform does not have is None.

    ``sites``: number of the file, line, live bytes and live blocks. ``files``: names that were not sent before; a file's
    number is its place in the order of all names. ``holders``: id, length before and length now.
    """

    retained_bytes: int
    retained_blocks: int
    traced_current_bytes: int
    rss_bytes: int | None
    uss_bytes: int | None
    dirty_bytes: int | None = None
    native_heap_bytes: int | None
    mapped_bytes: int | None = None
    idle_bytes: int | None = None
    sqlite_bytes: int | None = None
    files: list[str]
    sites: list[tuple[int, int, int, int]]
    holders: list[tuple[int, int, int]]
    resources: ResourceCounts | None = None


class Hello(Message, frozen=True, tag="hello"):
    """The worker runs. ``missing_channels``: a sentence for each channel that cannot be read on this platform."""

    wire: int
    python: str
    platform: str
    missing_channels: list[str]


class TargetRejected(Message, frozen=True, tag="target_rejected"):
    """The target cannot be loaded. ``problem``: the reason; ``failure``: the exception, if the module raised one."""

    problem: str
    failure: FailureInfo | None


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of the eval that the parent uses; a field that the object does not have is as in agno, or None."""

    eval_id: str | None = None
    num_iterations: int | None = None
    warmup_runs: int | None = None
    max_iterations: int | None = None
    max_growth: int | str | None = None
    max_peak_growth: int | str | None = None
    top_n_memory_allocations: int = 5
    debug_mode: bool = False
    show_spinner: bool = True
    agent_id: str | None = None
    team_id: str | None = None
    model_id: str | None = None
    model_provider: str | None = None
    ignore: list[dict[str, str]] = []
    resources: dict[str, float | str] = {}


class Loaded(Message, frozen=True, tag="loaded"):
    """The eval is loaded. ``names``: all evals of the target; this worker has the first.

    ``file``: the module's, empty if it has none. ``library_folder``: that of the standard library. ``awaits_nothing``: the
    function is async and drops every coroutine that it makes. ``has_database``: the eval stores its runs.
    """

    module: str
    names: list[str]
    name: str
    file: str
    library_folder: str
    awaits_nothing: bool
    fields: Fields
    has_database: bool = False


class SetUpFailed(Message, frozen=True, tag="set_up_failed"):
    """The set-up or the description raised an exception; ``stage`` is ``setup``, ``describe`` or ``event loop``."""

    stage: str
    failure: FailureInfo


class Ready(Message, frozen=True, tag="ready"):
    """The set-up is done. ``reading``: the initial reading; ``noop_peak_bytes``: the peak of a call that does nothing.

    ``event_loop``: the class of the event loop; empty if it is asyncio's own.
    """

    description: str
    noop_peak_bytes: int
    event_loop: str
    reading: Reading


class MeasurementFailed(Message, frozen=True, tag="measurement_failed"):
    """The last message of a worker whose own code raised: the scenario has replaced a function that it needs, or a signal
    handler or another thread of the scenario raised inside of it.
    """

    failure: FailureInfo


class ScenarioSpan(Message, frozen=True, tag="span"):
    """A span of the scenario that has ended; comes before the message about the iteration or step that it ended in."""

    span: Span
    scope: InstrumentationScope
    has_messages: bool = False
    """Whether messages to or from a model are among its attributes, or were left out of them."""


class SpansDropped(Message, frozen=True, tag="spans_dropped"):
    """Number of spans that did not fit into the buffer."""

    count: int


class IterationCall(Message, frozen=True):
    """One call of the scenario's function. ``waits``: how often the process waited; None if unknown.

    ``suspended``: other callbacks of the event loop ran during the call. ``imported_modules``: modules that it added.
    """

    index: int
    phase: str
    started_at: str
    duration_seconds: float
    cpu_seconds: float
    peak_bytes: int
    imported_modules: int
    waits: int | None
    suspended: bool
    failure: FailureInfo | None


class IterationDone(IterationCall, frozen=True, tag="iteration"):
    """An iteration and the reading after it; None where none was due: memory is read after every ``readings_every``-th.

    ``traced_current_bytes``: tracemalloc's count after an iteration without a reading.
    """

    reading: Reading | None
    readings_every: int = 1
    traced_current_bytes: int | None = None


class TracingStopped(IterationCall, frozen=True, tag="tracing_stopped"):
    """An iteration in which the scenario stopped or cleared tracemalloc: no reading is possible."""


class Paused(Message, frozen=True, tag="paused"):
    """The iterations of a command are done, or ended early by a failure."""


class HolderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Description of a container. ``path``: the references to it from a module; None if there are none.

    ``items``: memory of its ``items_seen`` newest items, as file, line, bytes and blocks. ``storage``: the line that last
    enlarged it, if that is known and ``items`` is empty. ``bound``: the number of items that it may reach; None if it has no
    bound, or one that is not counted in items. ``bound_text``: the code or attribute that sets the bound, empty without one.
    ``hits``: how often an ``lru_cache`` had the result; None for other containers. ``bookkeeping``: it holds weak references
    only, and so no other memory.
    """

    id: int
    path: str | None
    type: str
    length: int
    bound: int | None
    items_seen: int = 0
    items: list[tuple[str, int, int, int]] = []
    reused: list[tuple[str, int, str, int, int]] = []
    """Re-used tables of dicts: file and line that tracemalloc names, file and line that made the dict, bytes."""
    storage: tuple[str, int] | None = None
    hits: int | None = None
    bound_text: str = ""
    bound_file: str = ""
    bound_line: int = 0
    bookkeeping: bool = False


class RingBufferInfo(HolderInfo, frozen=True, kw_only=True):
    """Description of a bounded list that holds growing memory at a constant length. ``length``: items that are not None.

    ``lines``: file and line of the growing sites that allocated its contents.
    """

    lines: list[tuple[str, int]]


class KeeperInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Description of an object that keeps the memory of growing sites; ``length``: of a container, else None.

    ``behind``: containers, by their ids, that keep the memory if they grow.
    """

    id: int
    path: str
    type: str
    length: int | None
    lines: list[tuple[str, int]]
    behind: list[int]


class Holders(Message, frozen=True, tag="holders"):
    """Descriptions of the containers that still live, and of ring buffers.

    ``unsearched``: ids of containers whose bound was not searched for, because the time was used up.
    """

    holders: list[HolderInfo]
    ring_buffers: list[RingBufferInfo] = []
    keepers: list[KeeperInfo] = []
    unsearched: list[int] = []
    page_cache_limit_bytes: int | None = None
    """Bytes that SQLite's page caches may take; None where they have no limit."""


class ResourceDescriptions(Message, frozen=True, tag="resources"):
    """The resources after a grace period. ``added``: those added last, by name. ``failure``: of a further iteration."""

    counts: ResourceCounts
    added: dict[str, list[AddedResources]]
    children: list[ChildInfo]
    failure: FailureInfo | None


class FollowUpIteration(Message, frozen=True, tag="follow_up_iteration"):
    """An iteration of a follow-up is done."""

    index: int


class BatchedReading(Message, frozen=True, tag="batched_reading"):
    """A reading of a command ``ReadBatches``. The last one has none; ``failure``: of the iteration that ended it early."""

    reading: Reading | None
    failure: FailureInfo | None


class DroppedObjectInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A generator or coroutine that nothing started. ``name``: of its function.

    ``file``, ``line`` and ``function``: of the scenario, where the object is dropped.
    """

    object: str
    name: str
    file: str
    line: int
    function: str


class WatchedCall(Message, frozen=True, tag="watched_call"):
    """Work of one watched call; ``failure``: the exception that it raised.

    ``computes``: code of the scenario called anything or ran a loop. ``communicates``: the call used a socket or started a
    process.
    """

    computes: bool
    communicates: bool
    dropped: list[DroppedObjectInfo]
    failure: FailureInfo | None


class RunStored(Message, frozen=True, tag="run_stored"):
    """The database of the eval has the run, unless it raised an exception."""

    failure: FailureInfo | None


class Finished(Message, frozen=True, tag="finished"):
    """The run is over. ``failure``: the exception of the tear-down; ``packages``: versions by name.

    ``missing_channels``: a sentence for each channel that cannot be read in this scenario, as in ``Hello``.
    """

    failure: FailureInfo | None
    packages: dict[str, str]
    missing_channels: list[str] = []
