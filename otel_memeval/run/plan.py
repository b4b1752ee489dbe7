"""Plan a run from the fields of the eval and the options of the caller. Pure."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from otel_memeval import wire
from otel_memeval.errors import UsageError
from otel_memeval.records import Eval, Limits
from otel_memeval.run.suppressions import IgnoreRule, ignore_rules
from otel_memeval.units import parse_bytes

DEFAULT_ITERATIONS = 20
"""Of a plain function."""

DEFAULT_WARMUP = 3
"""Of a plain function."""

FEWEST_MAX_ITERATIONS = 20
"""Iterations to which an undecided eval is extended, or four times its own number if that is more."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the caller; None leaves the decision to the eval."""

    iterations: int | None = None
    """Exact number of measured iterations."""
    warmup: int | None = None
    max_iterations: int | None = None
    timeout_seconds: float = 600.0
    """Time limit of one iteration with its reading; also of the import, the set-up and the tear-down."""
    top: int | None = None
    max_growth_bytes: int | None = None
    max_peak_growth_bytes: int | None = None
    python: str = sys.executable
    keep_going: bool = False
    """Continue after an iteration that raised."""
    follow_up: bool = True
    """Run further iterations after the measured ones: caller attribution and batched readings."""
    follow_up_budget_seconds: float = 10.0
    """Wall time after the last measured iteration from which on no further step is begun."""
    explain: bool = False
    """After a verdict of growth, run further iterations to find types, references and stacks of the growth."""
    show_output: bool = False
    """Show the scenario's output as it comes."""
    trace_scenario: bool = False
    """Take the scenario's own OpenTelemetry spans."""
    fast_shutdown: bool = False
    """After an interruption, processes that the scenario left behind have half a second to end, not five: a service ends."""
    in_turn: bool = False
    """Have the observer say when each iteration may begin: another run of the same scenario takes turns with this one."""
    describe_all: bool = False
    """Have every container described that changed, not only those that are judged to grow; for recordings of series."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one run."""

    eval: Eval
    most_iterations: int
    """Measured iterations up to which an undecided run is extended."""
    top: int
    debug: bool
    show_progress: bool
    ignore: tuple[IgnoreRule, ...] = ()
    """Growth that is not judged."""


def _at_least(name: str, value: int, least: int) -> int:
    if value < least:
        raise UsageError(f"{name} is {value}", f"it must be {least} or more")
    return value


def _limit(name: str, option: int | None, field: int | str | None) -> int | None:
    if option is not None:
        return option
    try:
        return None if field is None else parse_bytes(field)
    except UsageError as error:
        raise UsageError(f"{name}: {error.problem}", error.remedy) from None


def check(options: Options) -> None:
    """Check the options by themselves. Raises ``UsageError`` for options that make no run of any eval."""
    for name, value, least in (
        ("--iterations", options.iterations, 1),
        ("--max-iterations", options.max_iterations, 1),
        ("--warmup", options.warmup, 0),
        ("--top", options.top, 0),
    ):
        if value is not None:
            _at_least(name, value, least)
    if not options.follow_up_budget_seconds >= 0:
        raise UsageError(f"--follow-up-budget is {options.follow_up_budget_seconds:g}", "it must be 0 seconds or more")
    if not options.timeout_seconds > 0:  # not a number is not more than 0 either
        raise UsageError(f"--timeout is {options.timeout_seconds:g}", "it must be more than 0 seconds")


def longer_run(total: int, wanted: int, most: int, readings_every: int) -> int:
    """Return the iterations of a run of ``total`` that is extended to ``wanted``, to one more at least and ``most`` at most.

    The last iteration is one that is read. Returns ``total`` if there is no room.
    """
    intervals = max(1, -((total - wanted) // readings_every))
    return total + readings_every * min(intervals, (most - total) // readings_every)


def plan(loaded: wire.Loaded, options: Options, project_ignore: Sequence[IgnoreRule] = ()) -> Plan:
    """Combine the fields of the eval with the options of the caller and the project's rules for ignored growth.

    Raises ``UsageError`` for numbers that make no run, and for rules that are not complete.
    """
    check(options)
    fields = loaded.fields
    own = fields.num_iterations if fields.num_iterations is not None else DEFAULT_ITERATIONS
    own_warmup = fields.warmup_runs or 0 if fields.num_iterations is not None else DEFAULT_WARMUP
    name = f"eval {loaded.name!r}"
    if options.iterations is not None:
        iterations = most = options.iterations
    else:
        iterations = _at_least(f"num_iterations of {name}", own, 1)
        asked = options.max_iterations if options.max_iterations is not None else fields.max_iterations
        most = max(4 * iterations, FEWEST_MAX_ITERATIONS) if asked is None else max(iterations, asked)
        if asked is not None:
            _at_least(f"max_iterations of {name}", asked, 1)
    warmup = options.warmup if options.warmup is not None else _at_least(f"warmup_runs of {name}", own_warmup, 0)
    if options.top is not None:
        top = options.top
    else:
        top = _at_least(f"top_n_memory_allocations of {name}", fields.top_n_memory_allocations, 0)
    return Plan(
        eval=Eval(
            name=loaded.name,
            iterations=iterations,
            warmup=warmup,
            max_iterations=most,
            limits=Limits(
                max_growth_bytes=_limit(f"max_growth of {name}", options.max_growth_bytes, fields.max_growth),
                max_peak_growth_bytes=_limit(
                    f"max_peak_growth of {name}", options.max_peak_growth_bytes, fields.max_peak_growth
                ),
            ),
            resources=fields.resources,
            eval_id=fields.eval_id,
            agent_id=fields.agent_id,
            team_id=fields.team_id,
            model_id=fields.model_id,
            model_provider=fields.model_provider,
        ),
        most_iterations=most,
        top=top,
        debug=fields.debug_mode,
        show_progress=fields.show_spinner,
        ignore=(*ignore_rules(fields.ignore, f"ignore of {name}"), *project_ignore),
    )
