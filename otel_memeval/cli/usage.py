"""Options of a measurement that cannot be used together."""

from __future__ import annotations

import os

import click

from otel_memeval.cli.options import MeasureOptions
from otel_memeval.errors import UsageError
from otel_memeval.verdicts import REGRESSED


def check_usage(options: MeasureOptions) -> None:
    """Raise ``UsageError`` for options that cannot be used together, before anything is measured."""
    if options.every is None:
        for name, value in (
            ("--serve", options.serve),
            ("--web-config", options.web_config),
            ("--state", options.state),
            ("--targets", options.targets_file),
        ):
            if value is not None:
                raise UsageError(f"{name} without --every", "add how often to measure, such as --every 15m")
    if not options.targets and options.targets_file is None:
        raise click.UsageError("Missing argument 'TARGET...'.")
    if options.every is not None:
        _check_service_usage(options)
    try:
        os.getcwd()
    except OSError:
        raise UsageError("the current folder no longer exists", "change to one that exists") from None
    for option, is_given, other, is_other_given, reason in (
        ("--explain", options.explain, "--in-process", options.in_process, "an explanation needs a worker process"),
        ("--python", options.python, "--in-process", options.in_process, "--in-process measures in this interpreter"),
        ("--explain", options.explain, "--no-follow-up", options.no_follow_up, "an explanation is a follow-up"),
        ("--ray", options.ray is not None, "--in-process", options.in_process, "evals are measured on the nodes"),
        ("--ray", options.ray is not None, "--every", options.every is not None, "a service measures on its own machine"),
        ("--ray", options.ray is not None, "--verbose", options.verbose, "output comes when an eval is over"),
        *(
            ("--compare-python", options.compare_python is not None, other, is_given, "two environments are compared")
            for other, is_given in (
                ("--in-process", options.in_process),
                ("--ray", options.ray is not None),
                ("--every", options.every is not None),
                ("--bisect", options.bisect),
                ("--baseline", options.baseline is not None),
                ("--history", options.history is not None),
            )
        ),
        ("--quiet", options.quiet, "--verbose", options.verbose, "--quiet prints the verdict only"),
    ):
        if is_given and is_other_given:
            raise UsageError(f"{option} with {other}", f"leave one out: {reason}")
    compares = (options.baseline, options.history, options.compare_python) != (None, None, None)
    if REGRESSED in options.fail_on and not compares:
        raise UsageError(f"--fail-on {REGRESSED} without a baseline", "add --baseline REF, or --history DIR_OR_DSN")
    if options.result_paths:
        from otel_memeval.exporters.builds.result_files import check_result_files

        check_result_files(options.result_paths)


def _check_service_usage(options: MeasureOptions) -> None:
    if options.web_config is not None and options.serve is None:
        raise UsageError("--web-config without --serve", "add where to serve, such as --serve 9464")
    if options.in_process:
        raise UsageError("--every with --in-process", "leave one out: memory of a scenario would stay in the service")
    if options.json_path == "-":
        raise UsageError("--every with --json -", "name a file: it holds the results of the last cycle")
    if options.bisect:
        raise UsageError("--every with --bisect", "leave one out: a service does not end")
    if options.output_format not in (None, "plain"):
        raise UsageError(f"--every with --output-format {options.output_format}", "leave one out: a service is no build job")
