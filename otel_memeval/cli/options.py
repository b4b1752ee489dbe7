"""Options of a measuring command, as one record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import click

from otel_memeval import __version__
from otel_memeval.cli.option_types import Duration, Size, Verdicts
from otel_memeval.verdicts import FAILING_STATES


class MeasureOptions(NamedTuple):
    """The options of a measuring command; None: not given. Fields are named like the parameters of ``_PARAMETERS``."""

    targets: tuple[str, ...]
    iterations: int | None
    warmup: int | None
    max_iterations: int | None
    timeout: float
    top: int | None
    max_growth: int | None
    max_peak_growth: int | None
    fail_on: tuple[str, ...]
    json_path: str | None
    python: str | None
    events: Literal["span", "log", "both"]
    pushgateway: str | None
    textfile: str | None
    expected_every: float | None
    keep_going: bool
    trace_scenario: bool
    no_follow_up: bool
    follow_up_budget: float
    explain: bool
    every: float | None
    serve: str | None
    web_config: str | None
    state: str | None
    targets_file: str | None
    in_process: bool
    verbose: bool
    quiet: bool
    debug: bool


_PARAMETERS = (
    click.argument("targets", metavar="TARGET...", nargs=-1),
    click.option("--iterations", type=int, metavar="N", help="Measure exactly N iterations."),
    click.option("--warmup", type=int, metavar="N", help="Iterations before the measured ones; recorded, not judged."),
    click.option("--max-iterations", type=int, metavar="N", help="Extend an inconclusive eval to at most N iterations."),
    click.option(
        "--timeout",
        type=Duration(),
        default="10m",
        show_default=True,
        help="Time limit of one iteration; a number is seconds.",
    ),
    click.option("--top", type=int, metavar="N", help="Lines and containers to show.  [default: the eval's number]"),
    click.option("--max-growth", type=Size(), help="Allowed growth of retained memory per iteration, such as 16KiB."),
    click.option("--max-peak-growth", type=Size(), help="Allowed growth of the peak per iteration."),
    click.option(
        "--fail-on",
        type=Verdicts(),
        default=",".join(FAILING_STATES),
        show_default=True,
        help="Verdicts that fail the run, or `never`.",
    ),
    click.option("--json", "json_path", metavar="PATH", help="File for the result; `-` prints the result and nothing else."),
    click.option("--python", metavar="PATH", help="Interpreter that the scenario runs in.  [default: this one]"),
    click.option(
        "--events",
        type=click.Choice(["span", "log", "both"]),
        default="span",
        show_default=True,
        help="Send growing lines as span events, as log records, or both.",
    ),
    click.option("--pushgateway", metavar="URL", help="Push gauges of each run to a Prometheus Pushgateway."),
    click.option(
        "--textfile", metavar="PATH", help="Write gauges to a file (.prom) for node_exporter's textfile collector."
    ),
    click.option("--expected-every", type=Duration(), help="How often this is meant to run, such as 24h; used by alerts."),
    click.option("--keep-going", is_flag=True, help="Continue after an iteration that raised an exception."),
    click.option("--trace-scenario", is_flag=True, help="Collect the OpenTelemetry spans of the scenario."),
    click.option(
        "--no-follow-up",
        is_flag=True,
        help="Call nothing after the measured iterations. By default, a leak in a line of a library is followed by a few "
        "more iterations that find the line that called it, and short calls are repeated if the C heap is too noisy for "
        "single calls.",
    ),
    click.option(
        "--follow-up-budget",
        type=Duration(allows_zero=True),
        default="10s",
        show_default=True,
        help="Time for the search after the last measured iteration; no step is begun after it, and the report names what "
        "was left out.",
    ),
    click.option(
        "--explain",
        is_flag=True,
        help="After a verdict of growth, run a few more iterations to find types, references and stacks of the growth; with "
        "memray in the scenario's interpreter, C frames too.",
    ),
    click.option("--every", type=Duration(), help="Keep running and measure all targets this often, such as 15m."),
    click.option(
        "--serve",
        metavar="[HOST:]PORT",
        help="With --every: serve /metrics for Prometheus, /healthz, and a page.  [default host: 127.0.0.1]",
    ),
    click.option(
        "--web-config", metavar="FILE", help="TLS and passwords of --serve, in the format of Prometheus' exporters."
    ),
    click.option(
        "--state",
        metavar="PATH",
        help="With --every: results that survive a restart.  [default: in the user's state folder]",
    ),
    click.option(
        "--targets",
        "targets_file",
        metavar="FILE",
        help="With --every: more targets, one on each line; SIGHUP reads it again.",
    ),
    click.option("--in-process", is_flag=True, help="Measure without a worker process, for a debugger."),
    click.option("-v", "--verbose", is_flag=True, help="Print the output of the scenario during the run."),
    click.option("-q", "--quiet", is_flag=True, help="Print only the verdict."),
    click.option(
        "--debug", is_flag=True, help="Print growing lines of each iteration, and tracebacks of this tool's errors."
    ),
    click.version_option(__version__, prog_name="otel-memeval"),
)


def measure_options(command: Callable[[MeasureOptions], int]) -> Callable[..., int]:
    """Add the options of a measuring command, and pass them to the command as one record."""

    @click.pass_context
    def with_record(context: click.Context, /, **_: object) -> int:
        return command(MeasureOptions(**context.params))

    with_record.__doc__ = command.__doc__
    decorated: Callable[..., int] = with_record
    for parameter in reversed(_PARAMETERS):
        decorated = parameter(decorated)
    return decorated
