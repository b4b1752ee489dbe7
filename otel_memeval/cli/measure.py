"""``otel-memeval TARGET...``: measure, report, fail the build."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from otel_memeval import __version__
from otel_memeval.cli.options import Duration, Size, Verdicts
from otel_memeval.cli.service_options import service_options
from otel_memeval.errors import UsageError
from otel_memeval.service.service import Asked, check_usage, stand
from otel_memeval.verdicts import FAILING_STATES

if TYPE_CHECKING:
    from otel_memeval.config import Settings
    from otel_memeval.exporters.pipeline import ExportPipeline
    from otel_memeval.records import Result
    from otel_memeval.run.plan import Options

_EPILOG = """\b
TARGET is package.module, package.module:name, path/file.py or
path/file.py:name. The name is a PerformanceEval (ours, agno's, or any object
with the same fields) or a function, sync or async. Without one: every eval
that the module defines, else its function `run` (with `setup`, `teardown` and
`describe`, if it has them).

\b
Commands: otel-memeval replay   sends the telemetry that was not delivered;
          otel-memeval forget   deletes an eval's gauges from a Pushgateway;
          otel-memeval metrics  prints the table of metrics;
          otel-memeval schema   prints the JSON Schema of the result.

\b
OTEL_EXPORTER_OTLP_ENDPOINT and the other standard variables say where spans,
metrics and log records go. Nothing is sent where none is set.
MEMEVAL_PUSHGATEWAY names a Pushgateway as --pushgateway does; its user,
password and certificates: MEMEVAL_PUSHGATEWAY_USERNAME, _PASSWORD,
_PASSWORD_FILE, _CA_FILE, _CLIENT_CERTIFICATE, _CLIENT_KEY.

\b
Exit status: 0 passed; 1 a verdict or a limit failed the run; 2 wrong usage,
or a target that cannot be loaded; 3 the scenario failed (raised, crashed,
timed out); 4 measured and judged, but telemetry was not delivered; 130
interrupted. What was measured is reported in any case. With --every: 0 when a
signal ended it, 2 for wrong usage."""


@click.command(
    name="otel-memeval",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.argument("targets", metavar="TARGET...", nargs=-1)
@click.option("--iterations", type=int, metavar="N", help="Exactly N measured iterations.")
@click.option("--warmup", type=int, metavar="N", help="Iterations before those; recorded, not judged.")
@click.option(
    "--max-iterations", type=int, metavar="N", help="How far an undecided eval may be extended beyond its own number."
)
@click.option("--timeout", type=float, default=600.0, show_default=True, metavar="SECONDS", help="For one iteration.")
@click.option("--top", type=int, metavar="N", help="Lines and containers shown.  [default: the eval's]")
@click.option("--max-growth", type=Size(), help="Retained growth allowed per iteration, such as 16KiB.")
@click.option("--max-peak-growth", type=Size(), help="Growth of the peak allowed per iteration.")
@click.option(
    "--fail-on",
    type=Verdicts(),
    default=",".join(FAILING_STATES),
    show_default=True,
    help="Verdicts that fail the run, or `never`.",
)
@click.option("--json", "json_path", metavar="PATH", help="Write the result; `-` is standard output, and nothing else is.")
@click.option("--python", metavar="PATH", help="The interpreter that the scenario runs in.  [default: this one]")
@click.option(
    "--events",
    type=click.Choice(["span", "log", "both"]),
    default="span",
    show_default=True,
    help="Lines that grow are sent as events of spans, as log records, or both.",
)
@click.option("--pushgateway", metavar="URL", help="Push gauges of each run to a Prometheus Pushgateway.")
@click.option("--textfile", metavar="PATH", help="Write them to a file (.prom) of node_exporter's textfile collector.")
@click.option(
    "--expected-every",
    type=Duration(),
    help="How often this is meant to run, such as 24h: tells alerts when it is late.",
)
@click.option("--keep-going", is_flag=True, help="Go on after an iteration that raised.")
@click.option("--trace-scenario", is_flag=True, help="Take the scenario's own OpenTelemetry spans.")
@click.option(
    "--no-follow-up",
    is_flag=True,
    help="Call nothing beyond the measured iterations. Without this, a leak in a library's line is followed by a few more, "
    "to name the line that called it, and short calls are repeated where the C heap is too noisy for single ones.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="After a verdict of growth, a few more iterations tell types, references and stacks of what grew; with memray in "
    "the scenario's interpreter, C frames too.",
)
@service_options
@click.option("--in-process", is_flag=True, help="No worker process, for a debugger.")
@click.option("-v", "--verbose", is_flag=True, help="Show what the scenario prints as it comes.")
@click.option("-q", "--quiet", is_flag=True, help="The verdict only.")
@click.option("--debug", is_flag=True, help="Every iteration's growing lines; tracebacks of this tool's own errors.")
@click.version_option(__version__, prog_name="otel-memeval")
def measure_command(
    targets: tuple[str, ...],
    iterations: int | None,
    warmup: int | None,
    max_iterations: int | None,
    timeout: float,
    top: int | None,
    max_growth: int | None,
    max_peak_growth: int | None,
    fail_on: tuple[str, ...],
    json_path: str | None,
    python: str | None,
    events: Literal["span", "log", "both"],
    pushgateway: str | None,
    textfile: str | None,
    expected_every: float | None,
    keep_going: bool,
    trace_scenario: bool,
    no_follow_up: bool,
    explain: bool,
    every: float | None,
    serve: str | None,
    web_config: str | None,
    state: str | None,
    targets_file: str | None,
    in_process: bool,
    verbose: bool,
    quiet: bool,
    debug: bool,
) -> int:
    """Run agent scenarios again and again, and say whether they keep memory, on which line, and who holds it."""
    from otel_memeval.cli.exit_codes import exit_status
    from otel_memeval.config import for_measuring
    from otel_memeval.exporters.pipeline import ExportOptions, ExportPipeline
    from otel_memeval.exporters.prometheus.destinations import read_destinations
    from otel_memeval.run.plan import Options

    standing = Asked(every_seconds=every, serve=serve, web_config=web_config, state=state, targets_file=targets_file)
    check_usage(standing, targets, json_path, in_process=in_process)
    options = Options(
        iterations=iterations,
        warmup=warmup,
        max_iterations=max_iterations,
        timeout_seconds=timeout,
        top=top,
        max_growth_bytes=max_growth,
        max_peak_growth_bytes=max_peak_growth,
        python=python or sys.executable,
        keep_going=keep_going,
        follow_up=not no_follow_up,
        explain=explain,
        show_output=verbose,
        trace_scenario=trace_scenario,
    )
    try:
        os.getcwd()
    except OSError:
        raise UsageError("the current folder is gone", "change to one that exists") from None
    if explain and in_process:
        raise UsageError("--explain with --in-process", "leave one out: what grew is explained in a worker process only")
    if not timeout > 0:  # not a number is not more than 0 either
        raise UsageError(f"--timeout is {timeout:g}", "it must be more than 0 seconds")
    if json_path is not None and json_path != "-":
        _require_writable(json_path)
    settings = for_measuring()
    gauges = read_destinations(pushgateway, textfile, every or expected_every, settings.environment)
    if every is not None:
        return stand(standing, targets, options, events, fail_on, json_path, gauges)
    results: list[Result] = []
    export_options = ExportOptions(events=events, fail_on=fail_on, gauges=gauges)
    exporting = ExportPipeline(settings, export_options, sys.stderr if json_path == "-" else sys.stdout)
    shown = _Shown(quiet=quiet, debug=debug, on_stderr=json_path == "-")
    try:
        _measure_all(targets, options, settings, results, exporting, shown, in_process=in_process)
    finally:  # also when a later target cannot be loaded
        if json_path is not None and (results or sys.exc_info()[0] is None):
            _write_json(json_path, results)
    return exit_status(results, fail_on, undelivered=exporting.undelivered)


def _require_writable(path: str) -> None:
    """Before anything is measured: it would be lost."""
    if not Path(path).resolve().parent.is_dir():
        raise UsageError(f"--json {path}: there is no folder to write it in", "create it first")
    if Path(path).is_dir():
        raise UsageError(f"--json {path}: this is a folder", "name a file in it")


class _Shown(NamedTuple):
    """What a person wants to see."""

    quiet: bool
    debug: bool
    on_stderr: bool
    """Standard output is for the result."""


def _measure_all(
    targets: tuple[str, ...],
    options: Options,
    settings: Settings,
    results: list[Result],
    exporting: ExportPipeline,
    shown: _Shown,
    *,
    in_process: bool,
) -> None:
    """Measure, report and export each target, into ``results`` as they come; an interruption ends the rest."""
    from otel_memeval.exporters.terminal.progress import TerminalObserver
    from otel_memeval.exporters.terminal.report import Report, print_report, print_verdict
    from otel_memeval.exporters.terminal.text import make_console, print_note
    from otel_memeval.run.in_process import measure_in_process
    from otel_memeval.run.observer import Observer
    from otel_memeval.run.worker_run import run_target

    out, err = make_console(stderr=shown.on_stderr), make_console(stderr=True)

    def report(result: Result) -> None:
        results.append(result)
        if shown.quiet:
            print_verdict(out, result)
        else:
            print_report(out, result, Report())

    def observer_for(target: str) -> Observer:
        return exporting.observer(TerminalObserver(target, out, err, quiet=shown.quiet, debug=shown.debug))

    try:
        for target in targets:
            if in_process:
                report(measure_in_process(target, options, observer_for(target), settings))
            else:
                run_target(target, options, observer_for, settings, report)
            failure = results[-1].failure
            if failure is not None and failure.type == "Interrupted":
                break
    finally:
        exporting.close()
        for line in [*exporting.lines, *(() if shown.quiet or not results else exporting.notes)]:
            print_note(err, line)


def _write_json(path: str, results: list[Result]) -> None:
    from otel_memeval.files import replace_file
    from otel_memeval.records import to_json

    data = to_json(results)
    if path == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        replace_file(Path(path), data)
    except OSError as error:
        raise UsageError(f"--json {path}: {error.strerror}", "name a file that can be written") from None
