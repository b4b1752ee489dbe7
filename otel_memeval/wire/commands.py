"""Commands to the worker: one line each, with the name of the command and its arguments as words.

``worker.serve`` has the same table: a command is named after the method of the worker's harness that it calls, and its
fields are the arguments of that method, in order.
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """Base of all commands."""


class TraceScenario(Command, frozen=True, tag="trace"):
    """Send the spans of the scenario from now on; comes before ``LoadTarget``. Contents: of messages to and from a model."""

    run_id: str
    trace_id: str
    sampled: bool
    span_contents: bool
    event_contents: bool


class LoadTarget(Command, frozen=True, tag="load"):
    """Import a module or file, and find the eval in it."""

    source: str
    name: str


class SetUp(Command, frozen=True, tag="set_up"):
    """Start tracing, run the set-up, and take the initial reading."""


class Iterate(Command, frozen=True, tag="iterate"):
    """Run ``count`` iterations, numbered from ``first``, with a reading after each."""

    phase: str
    first: int
    count: int
    keep_going: bool


class DescribeContainers(Command, frozen=True, tag="describe"):
    """Describe the containers with these ids, and the objects that keep the memory of ``leaking`` sites in none of them.

    ``undecided``: ids of containers that may not grow. ``grown``: sites whose live memory rose. Sites are given as number of
    the file and line. After ``seconds``, bounds are searched for only as long as they decide the verdict.
    """

    holders: list[int]
    undecided: list[int]
    grown: list[tuple[int, int]]
    leaking: list[tuple[int, int]]
    seconds: float


class DescribeResources(Command, frozen=True, tag="describe_resources"):
    """Describe the resources that were ``added`` last: name and number, none for those that did not grow.

    Processes, threads and tasks may end by themselves within ``grace_seconds``. ``iterations`` are run before, traced with
    ``frames`` frames per block; after ``seconds``, no further one is begun.
    """

    added: list[tuple[str, int]]
    grace_seconds: float
    frames: int = 1
    iterations: int = 0
    seconds: float = 0.0


class WatchCall(Command, frozen=True, tag="watch_call"):
    """Run one iteration that is not measured, and report whether it does any work."""


class ReadBatches(Command, frozen=True, tag="read_batches"):
    """Take ``readings`` readings, each after ``iterations`` iterations, for at most ``seconds``."""

    readings: int
    iterations: int
    seconds: float


class AttributeCallers(Command, frozen=True, tag="attribute_callers"):
    """Run ``count`` iterations traced with ``frames`` frames per block, and report the stacks that lead to these sites.

    ``explain``: report the types of the retained objects as well. ``sites``: number of the file and line. After ``seconds``,
    no further iteration is begun.
    """

    frames: int
    count: int
    explain: bool
    sites: list[tuple[int, int]]
    seconds: float


class RecordStacks(Command, frozen=True, tag="record_stacks"):
    """Run ``count`` iterations under memray, which writes to ``path``.

    ``peak``: report the memory that is alive at the peak, not the memory that is left at the end. After ``seconds``, no
    further iteration is begun.
    """

    count: int
    peak: bool
    path: str
    seconds: float


class StoreRun(Command, frozen=True, tag="store_run"):
    """Store the run in the database of the eval. ``record``: a JSON object with the fields of agno's ``EvalRunRecord``."""

    record: str


class Finish(Command, frozen=True, tag="finish"):
    """Run the tear-down, and end."""


AnyCommand = (
    TraceScenario
    | LoadTarget
    | SetUp
    | Iterate
    | DescribeContainers
    | DescribeResources
    | WatchCall
    | ReadBatches
    | AttributeCallers
    | RecordStacks
    | StoreRun
    | Finish
)


def encode_command(command: AnyCommand) -> str:
    """Return the line of a command, without its end of line."""
    return " ".join([str(command.__struct_config__.tag), *map(_word, msgspec.structs.astuple(command))])


def _word(value: object) -> str:
    """Return a value as a word: texts percent-encoded, a flag as 0 or 1, a list with commas, a pair with a colon."""
    if isinstance(value, str):
        return quote(value, safe="/:", errors="surrogatepass")
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return (":" if isinstance(value, tuple) else ",").join(map(_word, value))
    return str(value)
