"""The messages of the worker, one JSON line each, as the parent reads and checks them."""

from __future__ import annotations

import json
from typing import Literal, TypeVar

import msgspec

from otel_memeval.errors import WorkerError
from otel_memeval.tracing.otlp_span import InstrumentationScope, Span

WIRE_VERSION = 2

ContentCapture = Literal["none", "spans", "events", "both"]
"""Where what was said to and by a model may stand."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of all messages; ``kind`` says which."""


_MessageType = TypeVar("_MessageType", bound=Message)


class FailureInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An exception of the scenario's: ``frames`` are ``(file, line, function)``, the innermost last."""

    type: str
    message: str
    frames: list[tuple[str, int, str]] = []


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What changed since the last reading, and all totals.

    ``sites``: ``(number of the file, line, live bytes, live blocks)``; ``files``: those not numbered before, in order.
    ``holders``: ``(id, length before, length now)``.
    """

    retained_bytes: int
    retained_blocks: int
    peak_bytes: int
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


class Hello(Message, frozen=True, tag="hello"):
    """The worker runs."""

    wire: int
    python: str
    platform: str
    missing_channels: list[str]


class TargetRejected(Message, frozen=True, tag="target_rejected"):
    """The target cannot be loaded: ``problem`` says why; ``failure`` if the module raised."""

    problem: str
    failure: FailureInfo | None


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """The eval's fields that concern the parent; what the object did not have is as in agno, or None."""

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


class Loaded(Message, frozen=True, tag="loaded"):
    """The eval is at hand. ``names`` are all that the target stands for; this worker has the first.

    ``file`` is the module's, empty where it has none; ``library_folder`` the standard library's.
    """

    module: str
    names: list[str]
    name: str
    file: str
    library_folder: str
    awaits_nothing: bool
    fields: Fields


class SetUpFailed(Message, frozen=True, tag="set_up_failed"):
    """Set-up or ``describe`` raised."""

    stage: str
    failure: FailureInfo


class Ready(Message, frozen=True, tag="ready"):
    """Set up; this is the reading that growth is counted from. ``noop_peak_bytes``: what calling a function takes."""

    description: str
    noop_peak_bytes: int
    reading: Reading


class ScenarioSpan(Message, frozen=True, tag="span"):
    """A span of the scenario's that has ended; it comes before the message about what it ended in."""

    span: Span
    scope: InstrumentationScope


class SpansDropped(Message, frozen=True, tag="spans_dropped"):
    """So many spans were too many to be kept."""

    count: int


class IterationCall(Message, frozen=True):
    """What is told of one call of the scenario's function."""

    index: int
    phase: str
    started_at: str
    duration_seconds: float
    cpu_seconds: float
    waits: int | None
    suspended: bool
    failure: FailureInfo | None


class IterationDone(IterationCall, frozen=True, tag="iteration"):
    """One iteration, and the reading after it."""

    reading: Reading


class TracingStopped(IterationCall, frozen=True, tag="tracing_stopped"):
    """During this iteration the scenario switched tracemalloc off, or cleared it: there is nothing to read."""


class Paused(Message, frozen=True, tag="paused"):
    """The iterations that were asked for are done, or were cut short by a failure."""


class HolderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A container that was asked about, by its ``id``; ``path`` is None when no module leads to it.

    ``items``: file, line, bytes and blocks of what its ``items_seen`` newest items take. ``storage``: the line that last
    made room in it, where that is known and no item says a line.
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
    """How often an ``lru_cache`` found what it was asked for; None for other containers."""
    limit: str = ""
    """What bounds it, where something does; ``bound`` is None if that is not counted in items."""
    limit_file: str = ""
    limit_line: int = 0
    bookkeeping: bool = False
    """Weak references only: no other memory hangs on it."""


class RingBufferInfo(HolderInfo, frozen=True, kw_only=True):
    """A list that ends and that takes in without becoming longer; ``length`` counts what is not None.

    ``lines``: files and lines of what is in there, of those that were said to have grown.
    """

    lines: list[tuple[str, int]]


class Holders(Message, frozen=True, tag="holders"):
    """The containers that were asked about and still live."""

    holders: list[HolderInfo]
    ring_buffers: list[RingBufferInfo] = []
    page_cache_limit_bytes: int | None = None
    """Bytes that SQLite's page caches may take; None where they have no limit."""


class FollowUpIteration(Message, frozen=True, tag="follow_up_iteration"):
    """One of the iterations that are not measured is done."""

    index: int


class BatchedReading(Message, frozen=True, tag="batched_reading"):
    """A reading of the wider look; None at its end, with the ``failure`` of the iteration that ended it early."""

    reading: Reading | None
    failure: FailureInfo | None


class StackInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Live memory of one stack after a caller attribution.

    ``frames``: file and line, the innermost first, without those of the tool. ``complete``: no frame of the scenario is
    missing at the outer end. ``alive_bytes`` and ``blocks``: alive at the end; ``added_bytes``: added since half time.
    """

    frames: tuple[tuple[str, int], ...]
    complete: bool
    alive_bytes: int
    added_bytes: int
    blocks: int


class Stacks(Message, frozen=True, tag="stacks"):
    """Who called the lines that were asked about; none, and ``failure``, if an iteration raised."""

    stacks: list[StackInfo]
    failure: FailureInfo | None


class GrownTypes(Message, frozen=True, tag="grown_types"):
    """Which objects the second half of a look left alive: type, objects, bytes. ``chain``: the steps from a module to one of
    them, each with the type of what it leads to.
    """

    types: list[tuple[str, int, int]]
    chain: list[tuple[str, str]]


class MemrayStackInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One stack as memray has it: function, file and line of each frame, the innermost first."""

    frames: list[tuple[str, str, int]]
    bytes: int
    blocks: int


class MemrayStacks(Message, frozen=True, tag="memray_stacks"):
    """What memray recorded; nothing, and ``failure``, where it is not installed or an iteration raised."""

    stacks: list[MemrayStackInfo]
    failure: FailureInfo | None


class Finished(Message, frozen=True, tag="finished"):
    """Torn down; ``failure`` if the tear-down raised."""

    failure: FailureInfo | None
    packages: dict[str, str]


AnyMessage = (
    Hello
    | TargetRejected
    | Loaded
    | SetUpFailed
    | Ready
    | ScenarioSpan
    | SpansDropped
    | IterationDone
    | TracingStopped
    | Paused
    | Holders
    | FollowUpIteration
    | BatchedReading
    | GrownTypes
    | Stacks
    | MemrayStacks
    | Finished
)

_DECODER: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)


def decode(line: bytes) -> AnyMessage:
    """One line of the worker's. Raises ``WorkerError`` for what is not a message of this version."""
    try:
        message = _DECODER.decode(_without_surrogates(line) if b"\\ud" in line else line)
    except msgspec.MsgspecError as error:
        raise WorkerError(f"the worker said something unknown ({error})", "reinstall otel-memeval") from None
    if isinstance(message, Hello) and message.wire != WIRE_VERSION:
        raise WorkerError(
            f"the worker speaks version {message.wire}, this is version {WIRE_VERSION}", "reinstall otel-memeval"
        )
    return message


def _without_surrogates(line: bytes) -> bytes:
    """Halves of a character, such as bytes of a file name that is not UTF-8, become question marks."""
    try:
        return json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return line


def decode_dict(message: dict[str, object]) -> AnyMessage:
    """Decode a message that never left the process. Raises as ``decode``."""
    return decode(json.dumps(message).encode("ascii"))


def expect(message: AnyMessage, kind: type[_MessageType]) -> _MessageType:
    """Return the message, which must be of this type. Raises ``WorkerError`` if it is of another one."""
    if isinstance(message, kind):
        return message
    expected, received = kind.__struct_config__.tag, type(message).__struct_config__.tag
    raise WorkerError(f"the worker sent the message {received!r} where {expected!r} was expected", "reinstall otel-memeval")
