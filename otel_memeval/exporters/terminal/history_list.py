"""Print runs of a history on the terminal: a table for each eval, below its growth as a line of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from otel_memeval.exporters.terminal.table import Table
from otel_memeval.exporters.terminal.text import print_line, shown
from otel_memeval.history.listing import ListedRun, growth_bytes, sparkline
from otel_memeval.history.run_file import started_at
from otel_memeval.records.run_summary import RunSummary
from otel_memeval.units import format_bytes
from otel_memeval.verdicts import PROPERTIES

ID_CHARACTERS = 8
"""Characters of a run's identifier that are shown; usually enough to name it."""
_COMMIT_CHARACTERS = 7
_OPTIONAL = ("branch", "names", "commit")
"""Columns that a narrow terminal leaves out, the least important one first."""
_MOST_BLOCKS = 60
"""Runs in the line of blocks."""


def print_history(console: Console, runs: Mapping[str, Sequence[ListedRun]], *, plain: bool) -> None:
    """Print a table for each eval."""
    ascii_only = plain or not console.encoding.startswith("utf")
    for name, listed in runs.items():
        _table(name, listed, ascii_only=ascii_only).print(console)


def _table(name: str, listed: Sequence[ListedRun], *, ascii_only: bool) -> Table:
    """Return the table of an eval; a column of texts that are all empty is left out."""
    blocks = sparkline([growth_bytes(item.run) for item in listed][-_MOST_BLOCKS:], ascii_only=ascii_only)
    rows = [_texts(item) for item in listed]
    shown_columns = [column for column in rows[0] if any(row[column].plain for row in rows)]
    table = Table(
        f"{shown(name)}  {blocks}  growth per iteration",
        numbers=["started (UTC)", "growth"],
        texts=shown_columns,
        optional=[column for column in _OPTIONAL if column in shown_columns],
    )
    for (run, _), row in zip(listed, rows):
        growth = growth_bytes(run)
        table.add_row(
            f"{started_at(run.started_at):%Y-%m-%d %H:%M}",
            "-" if growth is None else format_bytes(growth),
            *(row[column] for column in shown_columns),
        )
    return table


def _texts(item: ListedRun) -> dict[str, Text]:
    """Return the columns of texts of a run by their headings."""
    run = item.run
    commit = shown(run.commit[:_COMMIT_CHARACTERS]) + ("+" if run.dirty else "")
    return {
        "verdict": Text(run.verdict, style=PROPERTIES[run.verdict].colour if run.passed else "bold red"),
        "run": Text(shown(run.run_id[:ID_CHARACTERS])),
        "commit": Text(commit),
        "branch": Text(shown(run.branch)),
        "names": Text(shown(", ".join(run.tags))),
        "new leaks": Text(", ".join(shown(leak.location.partition(" (")[0]) for leak in item.new_leaks)),
    }


def print_run_line(console: Console, run: RunSummary) -> None:
    """Print one line that names a run."""
    commit = f", commit {run.commit[:_COMMIT_CHARACTERS]}{'+' if run.dirty else ''}" if run.commit else ""
    started = f"{started_at(run.started_at):%Y-%m-%d %H:%M:%S}"
    print_line(console, Text(shown(f"run {run.run_id[:ID_CHARACTERS]} of {started} UTC{commit}"), style="dim"))
