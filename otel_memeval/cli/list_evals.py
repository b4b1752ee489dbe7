"""``otel-memeval list``: print the evals that would be measured."""

from __future__ import annotations

import sys

import click

from otel_memeval.cli.exit_codes import PASSED
from otel_memeval.units import format_bytes

_EPILOG = """\b
Nothing is called but the import of the scenario. Each line can be measured:
otel-memeval TARGET. Exit status: 0; 2 a target cannot be loaded."""


@click.command(
    name="otel-memeval list",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option(
    "--python", type=click.Path(), metavar="PATH", help="Interpreter that the scenario runs in.  [default: this one]"
)
def list_command(targets: tuple[str, ...], python: str | None) -> int:
    """List the evals of targets: target, name, numbers of iterations, and limits."""
    from otel_memeval.config import for_measuring
    from otel_memeval.exporters.terminal.table import Table
    from otel_memeval.exporters.terminal.text import make_console, print_line, shown
    from otel_memeval.run.plan import Options
    from otel_memeval.run.worker_run import evals_of

    settings = for_measuring()
    options = Options(python=python or settings.project.python or sys.executable)
    console = make_console()
    columns = ["target", "name", "iterations", "warm-up", "limits"]
    table = Table("", texts=columns, optional=["name", "limits", "warm-up"])
    for target in targets:
        for name, eval_ in evals_of(target, options, settings):
            limits = [
                f"{what} {format_bytes(limit)}"
                for what, limit in (("growth", eval_.limits.max_growth_bytes), ("peak", eval_.limits.max_peak_growth_bytes))
                if limit is not None
            ]
            numbers = str(eval_.iterations), str(eval_.warmup)
            table.add_row(shown(name), shown(eval_.name), *numbers, ", ".join(limits) or "-")
    for line in table.lines(console):
        print_line(console, line)
    return PASSED
