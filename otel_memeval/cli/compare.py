"""``otel-memeval compare A B``: compare runs that were measured before."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from otel_memeval.cli.exit_codes import NOT_DELIVERED, PASSED, VERDICT_FAILED
from otel_memeval.cli.stored_runs import DEFAULT_FOLDER, open_stored_runs, print_line
from otel_memeval.errors import HistoryError, UsageError

if TYPE_CHECKING:
    from otel_memeval.history.comparing import ComparedEvals
    from otel_memeval.history.store import HistoryStore

_COMMAND_SECONDS = 30.0
"""Time for the database; no run waits for this command."""

_EPILOG = """\b
BASELINE and RUN are each a file of --json, the beginning of a run's
identifier, a name that `otel-memeval history tag` gave, a git ref, `latest`,
or `auto` (the last ten runs of the main branch that passed). The newest run
of each eval in RUN is compared with up to ten of BASELINE.

\b
Exit status: 0; 1 with --fail-on regressed, if a run regressed; 2 wrong usage;
4 the history cannot be read."""


@click.command(
    name="otel-memeval compare",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.argument("baseline")
@click.argument("run")
@click.option(
    "--history",
    metavar="DIR_OR_DSN",
    envvar="MEMEVAL_HISTORY",
    help="Where runs are kept.  [default: $MEMEVAL_HISTORY, the project's, .memeval]",
)
@click.option(
    "--fail-on", type=click.Choice(["regressed", "never"]), default="never", show_default=True, help="Status 1 for it."
)
@click.option("--markdown", type=click.Path(), metavar="PATH", help="Write it as Markdown; `-` prints it.")
@click.option("--json", "json_path", type=click.Path(), metavar="PATH", help="Write it as JSON; `-` prints it.")
@click.option("--plain", is_flag=True, help="Print to a terminal as into a pipe.")
def compare_command(
    baseline: str, run: str, history: str | None, fail_on: str, markdown: str | None, json_path: str | None, plain: bool
) -> int:
    """Compare the runs of RUN with those of BASELINE: growth, levels, resources, durations, and leaks."""
    from otel_memeval.history.comparing import compare_selections
    from otel_memeval.history.selection import select

    if markdown == json_path == "-":
        raise UsageError("--markdown - with --json -", "name a file for one of them")
    try:
        store = _open(history)
        folder = os.getcwd()
        compared = compare_selections(select(baseline, store, folder), select(run, store, folder))
    except HistoryError as error:
        print_line(str(error))
        return NOT_DELIVERED
    _write(compared, markdown, json_path)
    if "-" not in (markdown, json_path):
        from otel_memeval.exporters.terminal.comparison import print_compared_evals
        from otel_memeval.exporters.terminal.text import make_console

        print_compared_evals(make_console(plain=plain), compared)
    regressed = any(found.comparison.outcome == "regressed" for found in compared.evals)
    return VERDICT_FAILED if regressed and fail_on == "regressed" else PASSED


def _open(address: str | None) -> HistoryStore | None:
    """Open the history; None if none is named and the usual folder does not exist."""
    from otel_memeval.config import for_measuring

    if address is None and for_measuring().project.history is None and not os.path.isdir(DEFAULT_FOLDER):
        return None
    return open_stored_runs(address, writes=False, command_seconds=_COMMAND_SECONDS)


def _write(compared: ComparedEvals, markdown: str | None, json_path: str | None) -> None:
    """Write the files, or print them. Raises ``UsageError`` if one cannot be written."""
    import msgspec

    from otel_memeval.exporters.builds.comparison_markdown import comparison_markdown
    from otel_memeval.files import output_path, replace_file
    from otel_memeval.records import encode_record

    contents: dict[str, tuple[str | None, bytes]] = {
        "--markdown": (markdown, comparison_markdown(compared).encode("utf-8", "replace")),
        "--json": (json_path, msgspec.json.format(encode_record(compared), indent=2) + b"\n"),
    }
    for option, (path, data) in contents.items():
        if path == "-":
            click.echo(data, nl=False)
        elif path is not None:
            try:
                replace_file(output_path(option, path), data)
            except OSError as error:
                raise UsageError(f"{option} {path}: {error.strerror}", "name a file that can be written") from None
