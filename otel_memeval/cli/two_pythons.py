"""Measure in two environments in turn: ``otel-memeval TARGET... --python A --compare-python B``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from rich.console import Console

    from otel_memeval.cli.options import MeasureOptions
    from otel_memeval.config import Settings
    from otel_memeval.exporters.pipeline import ExportPipeline
    from otel_memeval.fleet.messages import EvalMeasured, FleetRequest
    from otel_memeval.records import Result
    from otel_memeval.run.plan import Options


def measure_two_pythons(
    other_python: str,
    options: MeasureOptions,
    run_options: Options,
    settings: Settings,
    pipeline: ExportPipeline,
    consoles: tuple[Console, Console],
    report: Callable[[Result], None],
    is_interrupted: Callable[[], bool],
) -> None:
    """Measure each eval under ``--python`` and ``other_python``, their iterations in turn, and compare the two runs.

    ``report`` gets both results, the second one with the comparison; only the second one is exported. Raises ``TargetError``
    or ``UsageError`` if there is nothing to measure.
    """
    from otel_memeval.exporters.terminal.progress import TerminalObserver
    from otel_memeval.exporters.terminal.text import print_note
    from otel_memeval.fleet.events import repeat
    from otel_memeval.fleet.turns import measure_in_turn
    from otel_memeval.redact import Masker
    from otel_memeval.run.worker_run import evals_of

    out, err = consoles
    mask = Masker(settings.secrets).text
    pythons = (run_options.python, other_python)
    for target in options.targets:
        for name, _ in evals_of(target, run_options, settings):
            if not options.quiet:
                print_note(err, mask(f"{name}: iterations of {pythons[0]} and {pythons[1]} in turn"))
            before, after = measure_in_turn([_request(name, python, run_options, settings) for python in pythons])
            compared = msgspec.structs.replace(after, result=_compared(before.result, after.result, pythons[0]))
            for measured, is_exported in ((before, False), (compared, True)):
                terminal = TerminalObserver(name, out, err, quiet=options.quiet, debug=options.debug, shows_output=True)
                repeat(measured.events, measured.result, pipeline.observer(terminal) if is_exported else terminal)
                report(measured.result)
            _print_table(compared, out, quiet=options.quiet)
            if is_interrupted():
                return


def _request(target: str, python: str, options: Options, settings: Settings) -> FleetRequest:
    from otel_memeval.fleet.messages import FleetRequest

    return FleetRequest(
        target=target,
        options=msgspec.structs.replace(options, python=python, in_turn=True),
        ignore=settings.project.ignore,
        folder=settings.folder,
        environment={},
        git=settings.git,
        parent=settings.parent,
        content_capture=settings.content_capture,
        sampled=None,
    )


def _compared(before: Result, after: Result, python: str) -> Result:
    """Return the second result with its comparison with the first one."""
    from otel_memeval.analysis.comparison import compare
    from otel_memeval.records.run_summary import run_summary
    from otel_memeval.run.comparison_sentence import comparison_sentence

    comparison = compare(run_summary(after, passed=False), [run_summary(before, passed=False)])
    words = f"the run of Python {before.run.python} ({python})"
    comparison = msgspec.structs.replace(comparison, baseline=words)
    return msgspec.structs.replace(
        after, baseline_comparison=msgspec.structs.replace(comparison, summary=comparison_sentence(comparison))
    )


def _print_table(measured: EvalMeasured, out: Console, *, quiet: bool) -> None:
    """Print all quantities of the two runs beside each other."""
    from otel_memeval.analysis.comparison import compared_run
    from otel_memeval.exporters.terminal.comparison import print_compared_evals
    from otel_memeval.history.comparing import ComparedEval, ComparedEvals
    from otel_memeval.records.run_summary import run_summary

    result = measured.result
    if quiet or result.baseline_comparison is None:
        return
    run = compared_run(run_summary(result, passed=False))
    compared = ComparedEval(eval=result.eval.name, run=run, comparison=result.baseline_comparison)
    print_compared_evals(out, ComparedEvals(evals=[compared], only_in_baseline=[], only_in_runs=[]))
