"""Frozen records of the result of a run; ``result_file`` has their JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

from otel_memeval.records.comparison import Comparison
from otel_memeval.records.resources import CodeLocation, Resources
from otel_memeval.verdicts import State

Phase = Literal["warmup", "measured"]
Recorder = Literal["tracemalloc", "memray"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base class of all records: frozen, fields by keyword."""


class Failure(Record, frozen=True):
    """An error of the scenario: ``type`` with its module, ``message`` on one line, secrets masked."""

    type: str
    message: str
    frames: list[CodeLocation] = []
    """The innermost frames of its traceback, the innermost one last; none for an error that has none."""


class GenAi(Record, frozen=True):
    """Model and tool calls of an iteration, summed over the scenario's spans that ended in it; unknown tokens are None."""

    model_calls: int
    tool_calls: int
    input_tokens: int | None
    output_tokens: int | None
    spans: int
    spans_dropped: int = 0
    """Spans that exceeded the buffer; the sums are without them."""


class Iteration(Record, frozen=True):
    """One call of the scenario's function, and the reading after it. None where a value could not be read."""

    index: int
    """From 1, in each phase."""
    phase: Phase
    started_at: str
    """RFC 3339, UTC."""
    duration_seconds: float
    status: Literal["ok", "error"]
    error: Failure | None = None
    retained_bytes: int | None = None
    """Traced bytes alive after a full collection, without those of the tool."""
    retained_blocks: int | None = None
    peak_bytes: int | None = None
    """Largest number of traced bytes alive at once, above those alive when the iteration began."""
    traced_current_bytes: int | None = None
    """Traced bytes by tracemalloc's own count, with those of the tool."""
    rss_bytes: int | None = None
    uss_bytes: int | None = None
    native_heap_bytes: int | None = None
    """Bytes of the C heap without tracemalloc's tables and without Python's traced blocks."""
    cpu_seconds: float | None = None
    imported_modules: int = 0
    """Modules that were imported during the call."""
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
    """Unique memory of the process that neither heap explains: mapped memory, stacks of threads."""


class Site(Record, frozen=True):
    """A site whose live memory grew, as ``CodeLocation``. ``retained_bytes`` and ``blocks`` are alive at the end."""

    file: str
    line: int
    function: str
    retained_bytes: int
    blocks: int
    bytes_per_iteration: float
    signature: str
    """The same for the same line of code when lines above it move, or the process restarts."""
    bounded: bool = False
    """Its blocks go into a container with a bound, while other sites leak."""
    allocated_at: list[CodeLocation] = []
    """Lines of a library that allocated, if this is the scenario's line that called them; most bytes first."""
    through: CodeLocation | None = None
    """Line of the library that this line called, the one with the most bytes behind it."""


class BatchedReadings(Record, frozen=True):
    """Readings after the measured iterations, several calls apart, that show small steps of the C heap."""

    readings: int
    """Number of readings after the first."""
    calls: int
    """Calls of the function between two readings."""
    problem: str | None = None
    """Reason why the readings show nothing."""


class CallerAttribution(Record, frozen=True):
    """Iterations after the measured ones that recorded the callers of a library's lines."""

    iterations: int
    """Iterations that were started."""
    frames: int
    """Frames of each stack."""
    problem: str | None = None
    """Reason why no callers were found; the sites are lines of the library then."""


class GrownType(Record, frozen=True):
    """Objects of one type that stayed alive. ``type`` has its module, unless it is builtin."""

    type: str
    objects_per_iteration: float
    bytes_per_iteration: float


class ChainStep(Record, frozen=True):
    """One step from a module to an object that stayed: an attribute or an index, never a key, and the type behind it."""

    step: str
    type: str


class GrowthStack(Record, frozen=True):
    """Stack that allocated blocks that stayed, or that were alive at the peak; the innermost frame first."""

    frames: list[CodeLocation]
    """C frames are included if memray recorded them; file is empty and line 0 if the library has no debug information."""
    bytes_per_iteration: float | None = None
    peak_bytes: int | None = None


class Explanation(Record, frozen=True):
    """Findings of ``--explain`` in further iterations; never contents of objects."""

    iterations: int
    recorded_by: list[Recorder]
    types: list[GrownType]
    chain: list[ChainStep]
    """References from a module to one of the objects; empty if no module leads to any."""
    stacks: list[GrowthStack]
    notes: list[str]
    """Parts that could not be explained, with the reason."""


class Holder(Record, frozen=True):
    """A container that grew. ``path`` leads to it from a module; empty if no module leads to it."""

    path: str
    type: str
    length: int
    items_per_iteration: float
    bound: int | None = None
    """Length that it will not exceed; None if there is none, or it is not counted in items."""
    bytes_per_iteration: float | None = None
    """Estimate: items per iteration times the mean size of its newest items; None if that is not known."""
    bound_from: str = ""
    """Attribute or code that bounds it, with its location. Without ``bound``, the limit is in another unit."""


class Verdict(Record, frozen=True):
    """The judgement: a state, one sentence, and the evidence."""

    state: State
    summary: str
    reasons: list[str]
    iterations_needed: int | None = None
    """For ``inconclusive``: total number of measured iterations that would decide."""
    channels: list[str] = []
    """For a leak: channels of ``growth``, largest first (the leak is their sum); then ``resources`` and ``child_memory``."""


class Suppressed(Record, frozen=True, kw_only=True):
    """Growth that the user ignores; one of ``site`` (``FILE:LINE``), ``path`` and ``resource`` is not empty."""

    site: str = ""
    path: str = ""
    resource: str = ""
    bytes_per_iteration: float
    """A number of resources, not bytes, for a ``resource`` other than ``child_memory``."""
    reason: str
    """The user's reason."""


class Limits(Record, frozen=True):
    """Limits of the user, in bytes per iteration; None without a limit."""

    max_growth_bytes: int | None = None
    max_peak_growth_bytes: int | None = None


class Eval(Record, frozen=True):
    """The eval with its numbers."""

    name: str
    iterations: int
    """Least number of measured iterations."""
    warmup: int
    limits: Limits
    max_iterations: int | None = None
    eval_id: str | None = None
    agent_id: str | None = None
    team_id: str | None = None
    model_id: str | None = None
    model_provider: str | None = None
    resources: dict[str, float | str] = {}
    """Resources that the eval asks of a node of a cluster, as the user gave them."""


class Git(Record, frozen=True):
    """The checkout that the scenario ran in."""

    commit: str
    branch: str
    dirty: bool


class Run(Record, frozen=True):
    """Identity and surroundings of a run."""

    id: str
    started_at: str
    duration_seconds: float
    target: str
    python: str
    platform: str
    description: str = ""
    """The scenario's own line: model, database."""
    trace_id: str | None = None
    git: Git | None = None
    packages: dict[str, str] = {}
    """Versions of the packages that the scenario imported."""
    missing_channels: list[str] = []
    """Channels that could not be read on this platform."""
    event_loop: str = ""
    """Class of the event loop that the scenario ran in; empty if it is asyncio's own."""
    changed_variables: list[str] = []
    """Variables of the environment that the scenario did not get, or got with another value, so as to be measured."""
    readings_every: int = 1
    """Measured iterations from one reading to the next; an iteration without a reading has its peak, but no memory."""


class Statistics(Record, frozen=True):
    """Statistics of one series over the measured iterations; the same ones that agno prints."""

    mean: float
    min: float
    max: float
    stdev: float
    median: float
    p95: float


class Summary(Record, frozen=True):
    """Statistics by series; None if nothing was measured."""

    runtime_seconds: Statistics | None = None
    peak_bytes: Statistics | None = None
    retained_bytes: Statistics | None = None
    without_first: bool = False
    """The first measured iteration is left out: it imported modules, and no warm-up came before it."""


class InitialReading(Record, frozen=True):
    """The reading after set-up, before the first iteration."""

    retained_bytes: int
    rss_bytes: int | None = None
    uss_bytes: int | None = None
    native_heap_bytes: int | None = None


class Result(Record, frozen=True):
    """Result of one run of one eval; reports and exporters use nothing else."""

    run: Run
    eval: Eval
    iterations: list[Iteration]
    growth: Channels
    sites: list[Site]
    holders: list[Holder]
    verdict: Verdict
    statistics: Summary
    more_sites: int = 0
    """Number of further sites that grow, beyond those that the eval asks for."""
    more_holders: int = 0
    """The same for containers."""
    initial_reading: InitialReading | None = None
    suppressed: list[Suppressed] = []
    """Growth that the user ignores: state, growth, sites, holders and limits are without it."""
    resources: Resources | None = None
    """None if nothing was measured."""
    failure: Failure | None = None
    """Reason why the run ended early; an error of an iteration is in that iteration."""
    batched_readings: BatchedReadings | None = None
    """None if no small step can be hidden in the C heap, or calls take too long to be repeated."""
    caller_attribution: CallerAttribution | None = None
    """None if no line of a library grew."""
    explanation: Explanation | None = None
    """With ``--explain`` and a verdict of growth."""
    baseline_comparison: Comparison | None = None
    """With ``--history`` or ``--baseline``."""
    left_out: list[str] = []
    """One sentence for each step after the last iteration that did not fit into the follow-up budget."""
    limits_exceeded: list[str] = []
    """One sentence for each limit of the user that was exceeded."""

    @property
    def regressed(self) -> bool:
        """Whether the run is worse than its baseline; False without a comparison."""
        return self.baseline_comparison is not None and self.baseline_comparison.outcome == "regressed"

    def _repr_html_(self) -> str:
        """Return a short table; a notebook shows it."""
        from otel_memeval.records.notebook import result_html  # in a notebook only

        return result_html(self)
