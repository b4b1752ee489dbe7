"""``otel-memeval report``: print the reports of result files again, or write them in other formats."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from otel_memeval.cli.exit_codes import NOT_DELIVERED, PASSED
from otel_memeval.cli.option_types import Verdicts
from otel_memeval.errors import UsageError
from otel_memeval.verdicts import FAILING_STATES

if TYPE_CHECKING:
    from otel_memeval.records import Result

_EPILOG = """\b
Results of the same eval are laid over each other on the page: the last one is
reported, the others are drawn beside it.
  otel-memeval report before.json after.json --html comparison.html

\b
Exit status, whatever the verdicts are: 0 done; 2 a file is no result file;
4 a file was not written."""

_FORMATS = ("html", "pprof", "markdown", "junit", "sarif", "code-quality")


@click.command(
    name="otel-memeval report",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.argument("files", metavar="RESULT.json...", nargs=-1, required=True)
@click.option("--html", type=click.Path(), metavar="PATH", help="File for a report for the browser.")
@click.option("--pprof", type=click.Path(), metavar="PATH", help="File for growth by stack or line, as a pprof profile.")
@click.option("--markdown", type=click.Path(), metavar="PATH", help="File for the results as Markdown.")
@click.option("--junit", type=click.Path(), metavar="PATH", help="File for the results as JUnit XML.")
@click.option("--sarif", type=click.Path(), metavar="PATH", help="File for growing lines as SARIF.")
@click.option("--code-quality", type=click.Path(), metavar="PATH", help="File for growing lines as a Code Quality report.")
@click.option(
    "--fail-on",
    type=Verdicts(),
    default=",".join(FAILING_STATES),
    show_default=True,
    help="Verdicts that are shown as failing.",
)
@click.option("--plain", is_flag=True, help="Print to a terminal as into a pipe.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the verdicts.")
def report_command(files: tuple[str, ...], fail_on: tuple[str, ...], plain: bool, quiet: bool, **paths: str | None) -> int:
    """Print the reports of result files (--json) again; `-` is standard input.

    With an option that names a file, write that file and print nothing. Sources of growing lines are read from the current
    folder.
    """
    from otel_memeval.exporters.builds.result_files import check_result_files, write_result_files

    named = {f"--{name}": path for name in _FORMATS if (path := paths[name.replace("-", "_")]) is not None}
    check_result_files(named)
    results = [result for file in files for result in _read(file)]
    problems = write_result_files(named, results, fail_on, os.getcwd())
    for problem in problems:
        click.echo(f"otel-memeval: {problem}", err=True)
    if not named:
        _print(results, fail_on, plain=plain, quiet=quiet)
    return NOT_DELIVERED if problems else PASSED


def _read(file: str) -> list[Result]:
    """Return the results of a file. Raises ``UsageError`` if it is no result file."""
    import msgspec

    from otel_memeval.records import from_json

    try:
        if file == "-":
            data = sys.stdin.buffer.read()
        else:
            with open(file, "rb") as opened:
                data = opened.read()
        return from_json(data)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", "name a file that --json wrote") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"{file} is no result file: {error}", "name a file that --json wrote") from None


def _print(results: list[Result], fail_on: tuple[str, ...], *, plain: bool, quiet: bool) -> None:
    from otel_memeval.exporters.terminal.report import Report, print_closing_summary, print_report, print_verdict
    from otel_memeval.exporters.terminal.text import make_console

    console = make_console(plain=plain)
    for result in results:
        if quiet:
            print_verdict(console, result)
        else:
            print_report(console, result, Report())
    if len(results) > 1:
        print_closing_summary(console, results, fail_on)
