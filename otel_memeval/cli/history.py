"""``otel-memeval history``: list, show, name, copy and delete the runs that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from otel_memeval.cli.exit_codes import NOT_DELIVERED, PASSED
from otel_memeval.cli.option_types import Duration
from otel_memeval.cli.stored_runs import open_stored_runs, print_line
from otel_memeval.errors import HistoryError, UsageError

if TYPE_CHECKING:
    from otel_memeval.history.store import HistoryStore
    from otel_memeval.records.run_summary import RunSummary

_COMMAND_SECONDS = 120.0
"""Time for the database; a run in progress does not wait for these commands."""
_RUNS_LISTED = 30
_LONGEST_NAME = 100
"""Characters of the name of a run."""

_EPILOG = """\b
RUN is the beginning of a run's identifier, or a name that `tag` gave.
Without a command the runs are listed: otel-memeval history "My eval".

\b
Exit status: 0; 2 wrong usage; 4 the history cannot be read or written."""

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


class _HistoryGroup(click.Group):
    """A group whose command without a name is ``list``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert ``list`` where no command is named, unless a shell completes the name."""
        if not ctx.resilient_parsing and (not args or args[0] not in (*self.commands, "-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run a command; a history that cannot be used is one line."""
        try:
            return super().invoke(ctx)
        except HistoryError as error:
            print_line(str(error))
            return NOT_DELIVERED


@click.group(
    name="otel-memeval history", cls=_HistoryGroup, epilog=_EPILOG, context_settings=_SETTINGS, invoke_without_command=False
)
def history_command() -> None:
    """List the runs that --history has kept; show, name, copy and delete them."""


_history_option = click.option(
    "--history",
    metavar="DIR_OR_DSN",
    envvar="MEMEVAL_HISTORY",
    help="The history.  [default: $MEMEVAL_HISTORY, the project's, .memeval]",
)


@history_command.command("list", context_settings=_SETTINGS)
@click.argument("evals", metavar="[EVAL]...", nargs=-1)
@_history_option
@click.option("--branch", metavar="NAME", help="Runs of this branch only.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="The newest N runs.  [default: 30]")
@click.option("--json", "json_path", type=click.Path(), metavar="PATH", help="Write the runs as JSON; `-` prints them.")
@click.option("--plain", is_flag=True, help="Print no colours, and the growth in ASCII.")
def list_runs(
    evals: tuple[str, ...], history: str | None, branch: str | None, last: int | None, json_path: str | None, plain: bool
) -> int:
    """List runs by eval, the newest last: growth per iteration, verdict, commit, and leaks that are new.

    A commit with a plus sign had changes.
    """
    from otel_memeval.history.store import RunQuery

    store = _open(history, writes=False)
    names: Sequence[str | None] = list(dict.fromkeys(evals)) or [None]
    runs = [run for name in names for run in store.runs(RunQuery(eval=name, branch=branch), last or _RUNS_LISTED)]
    runs = sorted(runs, key=lambda run: run.started_at)[-(last or _RUNS_LISTED) :]
    if store.runs_waiting:
        print_line(f"runs that wait for {store.address}: {store.runs_waiting}; otel-memeval history import takes them in")
    if json_path is not None:
        _write_json(runs, json_path)
    elif not runs:
        print_line(f"no runs in {store.address}" + (" that meet the conditions" if evals or branch else ""))
    else:
        from otel_memeval.exporters.terminal.history_list import print_history
        from otel_memeval.exporters.terminal.text import make_console
        from otel_memeval.history.listing import by_eval

        print_history(make_console(plain=plain), by_eval(runs, _runs_before(store, runs, branch)), plain=plain)
    return PASSED


def _runs_before(store: HistoryStore, runs: Sequence[RunSummary], branch: str | None) -> list[RunSummary]:
    """Return the last run before the oldest one of each eval and settings, where that one leaks."""
    from otel_memeval.history.store import RunQuery

    oldest = {(run.eval, run.settings): run for run in reversed(runs)}
    queries = [
        RunQuery(eval=run.eval, settings=run.settings, branch=branch, started_before=run.started_at)
        for run in oldest.values()
        if run.leaks
    ]
    return [run for query in queries for run in store.runs(query, 1)]


def _write_json(runs: Sequence[RunSummary], path: str) -> None:
    """Write summaries. Raises ``UsageError`` if the file cannot be written."""
    import msgspec

    from otel_memeval.files import output_path, replace_file
    from otel_memeval.records import SCHEMA

    data = msgspec.json.format(msgspec.json.encode({"schema": SCHEMA, "runs": runs}), indent=2) + b"\n"
    if path == "-":
        click.echo(data, nl=False)
        return
    try:
        replace_file(output_path("--json", path), data)
    except OSError as error:
        raise UsageError(f"--json {path}: {error.strerror}", "name a file that can be written") from None


@history_command.command("show", context_settings=_SETTINGS)
@click.argument("run")
@_history_option
@click.option("--plain", is_flag=True, help="Print to a terminal as into a pipe.")
def show_run(run: str, history: str | None, plain: bool) -> int:
    """Print the report of a run again."""
    from otel_memeval.exporters.terminal.history_list import print_run_line
    from otel_memeval.exporters.terminal.report import Report, print_report
    from otel_memeval.exporters.terminal.text import make_console

    store = _open(history, writes=False)
    found = _find(store, run)
    result = store.result(found.run_id)
    if result is None:
        raise HistoryError(f"the run {found.run_id} was deleted meanwhile")
    console = make_console(plain=plain)
    print_run_line(console, found)
    print_report(console, result, Report())
    return PASSED


@history_command.command("tag", context_settings=_SETTINGS)
@click.argument("run")
@click.argument("name")
@_history_option
def tag_run(run: str, name: str, history: str | None) -> int:
    """Give a name to a run, such as a release; a run with a name is not pruned.

    A name that another run of the same eval has moves to this one.
    """
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise UsageError(f"{name[:_LONGEST_NAME]!r} is no name of a run", f"write 1 to {_LONGEST_NAME} printable characters")
    store = _open(history)
    found = _find(store, run)
    store.tag(found.run_id, name)
    click.echo(f"{name}: run {found.run_id} of {found.eval}")
    return PASSED


@history_command.command("prune", context_settings=_SETTINGS)
@_history_option
@click.option(
    "--keep", type=Duration(), required=True, help="Delete runs that are older, such as 90d; those with a name stay."
)
def prune_runs(history: str | None, keep: float) -> int:
    """Delete old runs."""
    from datetime import datetime, timedelta, timezone

    try:
        moment = datetime.now(timezone.utc) - timedelta(seconds=keep)
    except OverflowError:
        raise UsageError("--keep is longer than all time", "name a duration, such as 90d") from None
    store = _open(history)
    number = store.prune(moment.isoformat())
    click.echo(f"{number} run{'' if number == 1 else 's'} deleted from {store.address}")
    return PASSED


@history_command.command("import", context_settings=_SETTINGS)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@_history_option
def import_runs(sources: tuple[str, ...], history: str | None) -> int:
    """Add the runs of result files, folders and databases; a run that is there already stays as it is.

    Without SOURCE, the runs that wait for the database are taken in.
    """
    from otel_memeval.history.address import is_database
    from otel_memeval.history.transfer import copy_runs, runs_of_path, runs_of_store

    store = _open(history)
    if not sources:
        store.add([])
    for source in sources:
        if not is_database(source) and not Path(source).exists():
            raise UsageError(f"{source}: No such file or directory", "name result files, folders or databases")
        runs = runs_of_store(_open(source)) if is_database(source) else runs_of_path(Path(source), print_line)
        number = copy_runs(runs, store)
        shown = _open(source).address if is_database(source) else source
        click.echo(f"{shown}: {number} new run{'' if number == 1 else 's'}")
    return PASSED


@history_command.command("export", context_settings=_SETTINGS)
@click.argument("destination")
@_history_option
def export_runs(destination: str, history: str | None) -> int:
    """Copy all runs to another history, a folder or a database, or to one result file, FILE.json."""
    from otel_memeval.files import output_path, replace_file
    from otel_memeval.history.transfer import copy_runs, runs_of_store
    from otel_memeval.records import to_json

    store = _open(history, writes=False)
    if not destination.endswith(".json"):
        other = _open(destination)
        number = copy_runs(runs_of_store(store), other)
        click.echo(f"{other.address}: {number} new run{'' if number == 1 else 's'}")
        return PASSED
    path = output_path("DESTINATION", destination)
    results = [result for result, _ in runs_of_store(store)]
    try:
        replace_file(path, to_json(results))
    except OSError as error:
        raise HistoryError(f"{destination} was not written: {error.strerror}") from None
    click.echo(f"{destination}: {len(results)} run{'' if len(results) == 1 else 's'}")
    return PASSED


def _open(address: str | None, *, writes: bool = True) -> HistoryStore:
    return open_stored_runs(address, writes=writes, command_seconds=_COMMAND_SECONDS)


def _find(store: HistoryStore, text: str) -> RunSummary:
    """Return the run with this beginning of its identifier, or the newest with this name.

    Raises ``UsageError`` if there is none, or several begin like this.
    """
    from otel_memeval.history.store import RunQuery

    found = store.with_prefix(text) if text else []
    exact = [run for run in found if run.run_id == text]
    found = exact or found or store.runs(RunQuery(tag=text), 1)
    if not found:
        raise UsageError(f"there is no run {text} in {store.address}", "otel-memeval history lists the runs")
    if len(found) > 1:
        examples = ", ".join(run.run_id for run in found[:3])
        raise UsageError(f"several runs begin with {text}: {examples}", "write more characters")
    return found[0]
