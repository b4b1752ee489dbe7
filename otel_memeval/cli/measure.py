"""``otel-memeval TARGET...``: measure, report, and fail the build."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import click

from otel_memeval.cli.exit_codes import INTERRUPTED, PASSED, bisect_status, exit_status
from otel_memeval.cli.interruption import Interruptions, interruptible
from otel_memeval.cli.job_log import annotate, section
from otel_memeval.cli.options import MeasureCommand, MeasureOptions
from otel_memeval.cli.standard_streams import problem_of
from otel_memeval.cli.usage import check_usage

if TYPE_CHECKING:
    from rich.console import Console

    from otel_memeval.config import Settings
    from otel_memeval.exporters.pipeline import ExportOptions, ExportPipeline
    from otel_memeval.fleet.exports import FleetExports
    from otel_memeval.history.keeper import HistoryKeeper
    from otel_memeval.records import Result
    from otel_memeval.run.plan import Options
    from otel_memeval.service.options import ServiceOptions

_EPILOG = """\b
TARGET is package.module, package.module:name, path/file.py or
path/file.py:name. The name is a PerformanceEval (of this tool, of agno, or
any object with the same fields) or a function, sync or async. Without a name:
every eval that the module defines, else its function `run` (with `setup`,
`teardown` and `describe`, if they exist).

\b
Commands: otel-memeval init     writes a scenario for your agent framework;
          otel-memeval compare  compares runs that were measured before;
          otel-memeval history  lists the runs that --history has kept;
          otel-memeval list     shows the evals that would be measured;
          otel-memeval replay   sends telemetry that was not delivered;
          otel-memeval forget   deletes an eval's gauges from a Pushgateway;
          otel-memeval metrics  prints the table of metrics;
          otel-memeval schema   prints the JSON Schema of the result.

\b
OTEL_EXPORTER_OTLP_ENDPOINT and the other standard variables set where spans,
metrics and log records are sent; without them nothing is sent.
MEMEVAL_PUSHGATEWAY names a Pushgateway like --pushgateway; its user, password
and certificates: MEMEVAL_PUSHGATEWAY_USERNAME, _PASSWORD, _PASSWORD_FILE,
_CA_FILE, _CLIENT_CERTIFICATE, _CLIENT_KEY.

\b
Exit status: 0 passed; 1 a verdict, a limit or a regression failed the run;
2 wrong usage, or a target that cannot be loaded; 3 the scenario failed
(raised, crashed, timed out); 4 measured and judged, but telemetry was not
delivered or a file was not written; 130 interrupted. What was measured is
reported in any case. With --every: 0 after a signal, 2 for wrong usage.
With --bisect: 125 in place of 2, 3 and 130, and where the run is inconclusive
or not compared."""


def _measure(options: MeasureOptions) -> int:
    """Run agent scenarios repeatedly, and report whether they retain memory, on which line, and in which container."""
    check_usage(options)
    from otel_memeval.config import for_measuring, with_secrets
    from otel_memeval.history.keeper import open_keeper, secrets_of

    settings = for_measuring()
    exports = _export_options(options, settings)
    settings = with_secrets(settings, (*exports.gauges.secrets, *secrets_of(options.history)))
    if options.every is None:
        history_lines: list[str] = []
        keeper = open_keeper(options.history, options.baseline, options.fail_on, settings, history_lines.append)
        _import_modules()
        with interruptible(raises_always=options.in_process) as interruptions:
            return _measure_once(options, settings, exports, interruptions, keeper, history_lines)
    from otel_memeval.service.service import run_service

    run_service(_service_options(options, exports))
    return PASSED


def _run_options(options: MeasureOptions) -> Options:
    from otel_memeval.run.plan import Options

    return Options(
        iterations=options.iterations,
        warmup=options.warmup,
        max_iterations=options.max_iterations,
        timeout_seconds=options.timeout,
        top=options.top,
        max_growth_bytes=options.max_growth,
        max_peak_growth_bytes=options.max_peak_growth,
        python=options.python or sys.executable,
        keep_going=options.keep_going,
        follow_up=not options.no_follow_up,
        follow_up_budget_seconds=options.follow_up_budget,
        explain=options.explain,
        show_output=options.verbose,
        trace_scenario=options.trace_scenario,
    )


def _export_options(options: MeasureOptions, settings: Settings) -> ExportOptions:
    from otel_memeval.exporters.pipeline import ExportOptions, check_spool
    from otel_memeval.exporters.prometheus.destinations import read_destinations

    check_spool(settings.environment)
    interval_seconds = options.every or options.expected_every
    gauges = read_destinations(options.pushgateway, options.textfile, interval_seconds, settings.environment)
    return ExportOptions(events=options.events, fail_on=options.fail_on, gauges=gauges)


def _service_options(options: MeasureOptions, exports: ExportOptions) -> ServiceOptions:
    from otel_memeval.service.options import ServiceOptions

    assert options.every is not None
    return ServiceOptions(
        targets=options.targets,
        targets_file=options.targets_file,
        every_seconds=options.every,
        address=options.serve,
        web_config=options.web_config,
        state_path=options.state,
        result_paths=options.result_paths,
        history=options.history,
        baseline=options.baseline,
        run=_run_options(options),
        exports=exports,
    )


def _import_modules() -> None:
    """Import the larger modules before the command can be interrupted: an interrupted import prints a traceback."""
    from otel_memeval.exporters import pipeline  # noqa: F401
    from otel_memeval.exporters.builds import job_log  # noqa: F401
    from otel_memeval.exporters.terminal import progress, report, text  # noqa: F401
    from otel_memeval.run import worker_run  # noqa: F401


def _measure_once(
    options: MeasureOptions,
    settings: Settings,
    exports: ExportOptions,
    interruptions: Interruptions,
    keeper: HistoryKeeper,
    history_lines: list[str],
) -> int:
    """Measure, report, keep and export each target once, write the result file, and return the exit status."""
    from otel_memeval.exporters.pipeline import ExportPipeline

    console = sys.stderr if options.json_path == "-" else sys.stdout
    pipeline: ExportPipeline | FleetExports
    if options.ray is None:
        pipeline = ExportPipeline(settings, exports, console)
    else:
        from otel_memeval.fleet.exports import FleetExports  # on a cluster only

        pipeline = FleetExports(settings, exports, console)
    results: list[Result] = []
    written = True
    try:
        try:
            _measure_all(options, settings, results, pipeline, interruptions, keeper)
        finally:
            interruptions.defer()
    finally:  # also if a later target cannot be loaded
        keeper.finish()
        judged = results[1::2] if options.compare_python is not None else results  # the second environment's
        _close_pipeline(pipeline, options, judged, interruptions, history_lines)
        if results or sys.exc_info()[0] is None:
            written = _write_files(options, results, settings.folder)
            annotate(_consoles(options), judged, options.fail_on, options.output_format, settings)
    sys.stdout.flush()
    undelivered = pipeline.undelivered or not written or keeper.lost > 0
    status = INTERRUPTED if interruptions else exit_status(judged, options.fail_on, undelivered=undelivered)
    return bisect_status(status, results, options.fail_on) if options.bisect else status


def _measure_all(
    options: MeasureOptions,
    settings: Settings,
    results: list[Result],
    pipeline: ExportPipeline | FleetExports,
    interruptions: Interruptions,
    keeper: HistoryKeeper,
) -> None:
    """Measure, report and keep each target, and append its results; an interruption ends the rest."""
    from otel_memeval.exporters.pipeline import ExportPipeline
    from otel_memeval.exporters.terminal.progress import TerminalObserver
    from otel_memeval.exporters.terminal.report import Report, print_outcome, print_report, print_verdict
    from otel_memeval.redact import Masker
    from otel_memeval.run.observer import Observer, ObserverGroup
    from otel_memeval.run.worker_run import run_target

    out, err = _consoles(options)
    run_options = _run_options(options)
    mask = Masker(settings.secrets).text

    def report(result: Result) -> None:
        results.append(result)
        if options.quiet:
            print_verdict(out, result)
            print_outcome(out, result)
        else:
            with section(out, result, options.fail_on, options.output_format, settings):
                print_report(out, result, Report())
        keeper.keep(result)

    if options.ray is not None:
        from otel_memeval.cli.fleet import measure_on_cluster

        assert not isinstance(pipeline, ExportPipeline)
        measure_on_cluster(
            options.ray, options, run_options, settings, pipeline, (out, err), report, keeper.comparing, interruptions
        )
        return
    assert isinstance(pipeline, ExportPipeline)
    if options.compare_python is not None:
        from otel_memeval.cli.two_pythons import measure_two_pythons

        measure_two_pythons(
            options.compare_python, options, run_options, settings, pipeline, (out, err), report, lambda: bool(interruptions)
        )
        return

    with contextlib.ExitStack() as shown:

        def observer_for(target: str) -> Observer:
            terminal = TerminalObserver(
                mask(target), out, err, quiet=options.quiet, debug=options.debug, shows_output=options.verbose
            )
            shown.callback(terminal.close)
            return ObserverGroup([pipeline.observer(terminal), *keeper.comparing])

        for target in options.targets:
            if options.in_process:
                from otel_memeval.run.in_process import measure_in_process  # imports asyncio, which nothing else needs

                report(measure_in_process(target, run_options, observer_for(target), settings))
            else:
                run_target(target, run_options, observer_for, settings, report)
            failure = results[-1].failure
            if interruptions or (failure is not None and failure.type == "Interrupted"):
                break


def _consoles(options: MeasureOptions) -> tuple[Console, Console]:
    """Return the console of the report and that of everything else."""
    from otel_memeval.exporters.terminal.text import make_console

    return make_console(stderr=options.json_path == "-", plain=options.plain), make_console(stderr=True, plain=options.plain)


def _close_pipeline(
    pipeline: ExportPipeline | FleetExports,
    options: MeasureOptions,
    results: list[Result],
    interruptions: Interruptions,
    history_lines: list[str],
) -> None:
    """Send what is left, and print the closing summary and what was not delivered; one more signal shortens the sending."""
    from otel_memeval.exporters.terminal.report import print_closing_summary
    from otel_memeval.exporters.terminal.text import print_note

    out, err = _consoles(options)
    signals_before = len(interruptions.numbers)
    pipeline.close(lambda: len(interruptions.numbers) > signals_before)
    if len(results) > 1:
        print_closing_summary(out, results, options.fail_on)
    notes = [] if options.quiet or not results else [*pipeline.notes, *(pipeline.hints if options.verbose else ())]
    for line in [*pipeline.lines, *history_lines, *notes]:
        print_note(err, line)


def _write_files(options: MeasureOptions, results: list[Result], folder: str) -> bool:
    """Write the files of results. Return whether all were written; else print why not."""
    from otel_memeval.exporters.builds.result_files import write_result_files

    def print_json(data: bytes) -> str:
        sys.stdout.buffer.write(data)
        return problem_of(sys.stdout)

    problems = write_result_files(options.result_paths, results, options.fail_on, folder, print_json)
    for problem in problems:
        click.echo(f"otel-memeval: {problem}", err=True)
    return not problems


measure_command = MeasureCommand(_measure, _measure.__doc__ or "", _EPILOG)
