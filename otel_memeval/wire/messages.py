"""The messages of the worker, one JSON line each, as the parent reads and checks them."""

from __future__ import annotations

import json
from typing import Literal

import msgspec

from otel_memeval.errors import WorkerError
from otel_memeval.tracing.otlp_span import Scope, Span

WIRE_VERSION = 2

Contents = Literal["none", "spans", "events", "both"]
"""Where what was said to and by a model may stand."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of all messages; ``kind`` says which."""


class FailureTold(msgspec.Struct, frozen=True, kw_only=True):
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
    files: list[str]
    sites: list[tuple[int, int, int, int]]
    holders: list[tuple[int, int, int]]


class Hello(Message, frozen=True, tag="hello"):
    """The worker runs."""

    wire: int
    python: str
    implementation: str
    platform: str
    executable: str
    missing_channels: list[str]


class Unusable(Message, frozen=True, tag="unusable"):
    """The target cannot be loaded: ``problem`` says why; ``failure`` if the module raised."""

    problem: str
    failure: FailureTold | None


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """The eval's fields that concern the parent; what the object did not have is as in agno, or None."""

    eval_id: str | None = None
    num_iterations: int | None = None
    warmup_runs: int | None = None
    max_iterations: int | None = None
    max_growth: int | str | None = None
    max_peak_growth: int | str | None = None
    top_n_memory_allocations: int = 5
    measure_runtime: bool = True
    measure_memory: bool = True
    debug_mode: bool = False
    show_spinner: bool = True
    agent_id: str | None = None
    team_id: str | None = None
    model_id: str | None = None
    model_provider: str | None = None


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
    failure: FailureTold


class Ready(Message, frozen=True, tag="ready"):
    """Set up; this is the reading that growth is counted from. ``noop_peak_bytes``: what calling a function takes."""

    description: str
    noop_peak_bytes: int
    reading: Reading


class SpanTold(Message, frozen=True, tag="span"):
    """A span of the scenario's that has ended; it comes before the message about what it ended in."""

    span: Span
    scope: Scope


class SpansDropped(Message, frozen=True, tag="spans_dropped"):
    """So many spans were too many to be kept."""

    count: int


class Called(Message, frozen=True):
    """What is told of one call of the scenario's function."""

    index: int
    phase: str
    started_at: str
    duration_seconds: float
    cpu_seconds: float
    waits: int | None
    suspended: bool
    failure: FailureTold | None


class IterationDone(Called, frozen=True, tag="iteration"):
    """One iteration, and the reading after it."""

    reading: Reading


class Untraced(Called, frozen=True, tag="untraced"):
    """During this iteration the scenario switched tracemalloc off, or cleared it: there is nothing to read."""


class Paused(Message, frozen=True, tag="paused"):
    """The iterations that were asked for are done, or were cut short by a failure."""


class HolderTold(msgspec.Struct, frozen=True, kw_only=True):
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
    storage: tuple[str, int] | None = None
    hits: int | None = None
    """How often an ``lru_cache`` found what it was asked for; None for other containers."""
    limit: str = ""
    """What bounds it, where something does; ``bound`` is None if that is not counted in items."""
    limit_file: str = ""
    limit_line: int = 0
    bookkeeping: bool = False
    """Weak references only: no other memory hangs on it."""


class FillingTold(HolderTold, frozen=True, kw_only=True):
    """A list that ends and that takes in without becoming longer; ``length`` counts what is not None.

    ``lines``: files and lines of what is in there, of those that were said to have grown.
    """

    lines: list[tuple[str, int]]


class Holders(Message, frozen=True, tag="holders"):
    """The containers that were asked about and still live."""

    holders: list[HolderTold]
    filling: list[FillingTold] = []


class Looked(Message, frozen=True, tag="looked"):
    """One of the iterations that are not measured is done."""

    index: int


class Widened(Message, frozen=True, tag="widened"):
    """A reading of the wider look; None at its end, with the ``failure`` of the iteration that ended it early."""

    reading: Reading | None
    failure: FailureTold | None


class StackTold(msgspec.Struct, frozen=True, kw_only=True):
    """What one stack left alive, and what of it was added in the second half of the look.

    ``frames``: file and line, the innermost first, the tool's own left out; ``whole``: none of the scenario's is missing at
    the outer end.
    """

    frames: tuple[tuple[str, int], ...]
    whole: bool
    alive_bytes: int
    added_bytes: int
    blocks: int


class Stacks(Message, frozen=True, tag="stacks"):
    """Who called the lines that were asked about; none, and ``failure``, if an iteration raised."""

    stacks: list[StackTold]
    failure: FailureTold | None


class Grown(Message, frozen=True, tag="grown"):
    """Which objects the second half of a look left alive: type, objects, bytes. ``chain``: the steps from a module to one of
    them, each with the type of what it leads to.
    """

    types: list[tuple[str, int, int]]
    chain: list[tuple[str, str]]


class NativeStackTold(msgspec.Struct, frozen=True, kw_only=True):
    """One stack as memray has it: function, file and line of each frame, the innermost first."""

    frames: list[tuple[str, str, int]]
    bytes: int
    blocks: int


class NativeStacks(Message, frozen=True, tag="native_stacks"):
    """What memray recorded; nothing, and ``failure``, where it is not installed or an iteration raised."""

    stacks: list[NativeStackTold]
    failure: FailureTold | None


class Finished(Message, frozen=True, tag="finished"):
    """Torn down; ``failure`` if the tear-down raised."""

    failure: FailureTold | None
    packages: dict[str, str]


AnyMessage = (
    Hello
    | Unusable
    | Loaded
    | SetUpFailed
    | Ready
    | SpanTold
    | SpansDropped
    | IterationDone
    | Untraced
    | Paused
    | Holders
    | Looked
    | Widened
    | Grown
    | Stacks
    | NativeStacks
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


def from_plain(message: dict[str, object]) -> AnyMessage:
    """As ``decode``, for a message that never left the process."""
    return decode(json.dumps(message).encode("ascii"))
