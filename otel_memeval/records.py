"""What was measured, as frozen records, with their JSON.

Schema 1 (0.1.0): the first. Adding a field is free; renaming or removing one is a new number, and a line here.
"""

from __future__ import annotations

import json
from typing import Literal

import msgspec

from otel_memeval.verdicts import State

SCHEMA = 1

Phase = Literal["warmup", "measured"]


Recorder = Literal["tracemalloc", "memray"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all records: immutable, fields by keyword."""


class Failure(Record, frozen=True):
    """An error of the scenario's: ``type`` with its module, one line of ``message``, secrets masked."""

    type: str
    message: str


class GenAi(Record, frozen=True):
    """What an iteration asked of models and tools, summed over the scenario's spans that ended in it."""

    model_calls: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    spans: int
    spans_dropped: int = 0
    """Spans that were too many to be kept: the sums are without them."""


class Iteration(Record, frozen=True):
    """One call of the scenario's function, and the reading after it. Bytes in bytes; None: not to be had here."""

    index: int
    """From 1, in each phase."""
    phase: Phase
    started_at: str
    """RFC 3339, UTC."""
    duration_seconds: float
    status: Literal["ok", "error"]
    error: Failure | None = None
    retained_bytes: int | None = None
    """Traced and alive after a full collection, the tool's own left out."""
    retained_blocks: int | None = None
    peak_bytes: int | None = None
    """The most that was alive at once, above what was alive when the iteration began."""
    traced_current_bytes: int | None = None
    """What tracemalloc itself says, the tool's own included."""
    rss_bytes: int | None = None
    uss_bytes: int | None = None
    native_heap_bytes: int | None = None
    """The C heap, less tracemalloc's tables and less what Python's traced blocks take of it."""
    cpu_seconds: float | None = None
    gen_ai: GenAi | None = None
    """None unless the scenario was traced."""


class Growth(Record, frozen=True):
    """A slope in bytes per iteration, with its 95% interval."""

    bytes_per_iteration: float
    ci_low: float
    ci_high: float


class Channels(Record, frozen=True):
    """Growth by channel; None where a channel could not be read or not judged."""

    retained: Growth | None = None
    peak: Growth | None = None
    native: Growth | None = None
    process: Growth | None = None
    """Unique memory of the process that neither heap explains: what is mapped, stacks of threads."""


class CodeLocation(Record, frozen=True):
    """A line of code."""

    file: str
    line: int
    function: str
    """Qualified name; empty where the source cannot be read."""


class Site(Record, frozen=True):
    """A line whose live memory grew. ``retained_bytes`` and ``blocks`` are alive at the end."""

    file: str
    line: int
    function: str
    """Qualified name; empty where the source cannot be read."""
    retained_bytes: int
    blocks: int
    bytes_per_iteration: float
    signature: str
    """The same for the same line of code when lines above it move, or the process restarts."""
    bounded: bool = False
    """What it allocates goes into a container that names its bound, beside others that leak."""
    allocated_at: list[CodeLocation] = []
    """The lines of a library that allocated, where this is the scenario's line that called them; most bytes first."""


class BatchedReadings(Record, frozen=True):
    """Readings after the measured iterations, several calls apart, that looked for small steps in the C heap."""

    readings: int
    """After the first."""
    calls: int
    """Of the function, between two readings."""
    problem: str | None = None
    """Why it tells nothing, if it does not."""


class CallerAttribution(Record, frozen=True):
    """Iterations after the measured ones that looked for the callers of a library's lines."""

    iterations: int
    """That were begun."""
    frames: int
    """Of each stack."""
    problem: str | None = None
    """Why it found nothing, if it did not: the lines are the library's then."""


class GrownType(Record, frozen=True):
    """Objects of one type that stayed. ``type`` has its module, unless it is builtin."""

    type: str
    objects_per_iteration: float
    bytes_per_iteration: float


class ChainStep(Record, frozen=True):
    """One step from a module to an object that stayed: an attribute or an index, never a key; the type it leads to."""

    step: str
    type: str


class GrowthStack(Record, frozen=True):
    """A stack that allocated what stayed, or what was alive at the peak; the innermost frame first."""

    frames: list[CodeLocation]
    """C frames too where memray recorded them; their file is empty and their line 0 where the library does not tell."""
    bytes_per_iteration: float | None = None
    peak_bytes: int | None = None


class Explanation(Record, frozen=True):
    """What ``--explain`` found out in further iterations; never contents of objects."""

    iterations: int
    recorded_by: list[Recorder]
    types: list[GrownType]
    chain: list[ChainStep]
    """From a module to one of the objects; empty where no module leads to any."""
    stacks: list[GrowthStack]
    notes: list[str]
    """What could not be explained, and why."""


class Holder(Record, frozen=True):
    """A container that grew. ``path`` leads from a module to it; empty when no module leads there."""

    path: str
    type: str
    length: int
    items_per_iteration: float
    bound: int | None = None
    """The length that it will not exceed, where one is known."""
    bytes_per_iteration: float | None = None
    """An estimate: items an iteration times what its newest items take each; None where those cannot be told."""
    bound_from: str = ""
    """What bounds it: an attribute, or the code that compares, with its place. With no ``bound``: in another measure."""


class Verdict(Record, frozen=True):
    """The judgement: a state, one sentence, and the evidence."""

    state: State
    summary: str
    reasons: list[str]
    iterations_needed: int | None = None
    """For ``inconclusive``: how many measured iterations in all would decide."""
    channels: list[str] = []
    """For a leak: the names of those in ``growth`` that it is in, largest first; it keeps their sum."""


class Limits(Record, frozen=True):
    """What the user allows, in bytes per iteration; None: no limit."""

    max_growth_bytes: int | None = None
    max_peak_growth_bytes: int | None = None


class Eval(Record, frozen=True):
    """What was asked for."""

    name: str
    iterations: int
    """Measured iterations, at least."""
    warmup: int
    limits: Limits
    max_iterations: int | None = None
    eval_id: str | None = None
    agent_id: str | None = None
    team_id: str | None = None
    model_id: str | None = None
    model_provider: str | None = None


class Git(Record, frozen=True):
    """The checkout that the scenario ran in."""

    commit: str
    branch: str
    dirty: bool


class Run(Record, frozen=True):
    """When, where and on what."""

    id: str
    started_at: str
    duration_seconds: float
    target: str
    python: str
    platform: str
    description: str = ""
    """What the scenario says it ran against: which model, which database."""
    trace_id: str | None = None
    git: Git | None = None
    packages: dict[str, str] = {}
    """Versions of the packages that the scenario had imported."""
    missing_channels: list[str] = []
    """What could not be read on this platform."""


class Statistics(Record, frozen=True):
    """Of one series over the measured iterations, as agno prints them."""

    mean: float
    min: float
    max: float
    stdev: float
    median: float
    p95: float


class Summary(Record, frozen=True):
    """Statistics by series; None where nothing was measured."""

    runtime_seconds: Statistics | None = None
    peak_bytes: Statistics | None = None
    retained_bytes: Statistics | None = None


class InitialReading(Record, frozen=True):
    """The reading after set-up, before the first iteration."""

    retained_bytes: int
    rss_bytes: int | None = None
    uss_bytes: int | None = None
    native_heap_bytes: int | None = None


class Result(Record, frozen=True):
    """One run of one eval: everything that is reported, stored and exported."""

    run: Run
    eval: Eval
    iterations: list[Iteration]
    growth: Channels
    sites: list[Site]
    holders: list[Holder]
    verdict: Verdict
    statistics: Summary
    initial_reading: InitialReading | None = None
    failure: Failure | None = None
    """What ended the run early, if anything did; an iteration's own error stands in that iteration."""
    batched_readings: BatchedReadings | None = None
    """None where no small step could hide in the C heap, or calls take too long to be made so often."""
    caller_attribution: CallerAttribution | None = None
    """None where the lines were found without one."""
    explanation: Explanation | None = None
    """With ``--explain``, of a verdict of growth."""
    limits_exceeded: list[str] = []
    """One sentence for each limit of the user's that was passed."""


class ResultFile(Record, frozen=True):
    """The file that ``--json`` writes."""

    schema: int
    runs: list[Result]


def to_json(results: list[Result]) -> bytes:
    """The result file, indented, with a newline at its end."""
    file = ResultFile(schema=SCHEMA, runs=results)
    try:
        data = msgspec.json.encode(file)
    except UnicodeEncodeError:  # half a character, as in a path that is not UTF-8: written as a question mark
        data = json.dumps(msgspec.to_builtins(file), ensure_ascii=False).encode("utf-8", "replace")
    return msgspec.json.format(data, indent=2) + b"\n"


def from_json(data: bytes) -> list[Result]:
    """The results of a file. Raises ``msgspec.ValidationError`` with the place when it is not one."""
    return msgspec.json.decode(data, type=ResultFile).runs


def json_schema() -> dict[str, object]:
    """JSON Schema (2020-12) of the result file."""
    schema = msgspec.json.schema(ResultFile)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "otel_memeval result",
        "description": f"Schema {SCHEMA}. Bytes are integers in bytes; durations are seconds; times are RFC 3339 in UTC.",
        **schema,
    }
