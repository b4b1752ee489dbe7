"""Make consoles, tables and lines that fit a terminal of 80 columns and stay unfolded in a pipe."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel_memeval.redact import shortened, visible
from otel_memeval.units import format_location

_BUILD_COMMAND = re.compile(r"\s*(?:::[A-Za-z][\w-]*[ :]|##(?:vso|teamcity)?\[)")
"""Beginning of a line that a build system obeys: of GitHub's and Gitea's workflow commands, of Azure's and TeamCity's."""

_LONGEST_NAME = 300
"""Characters of a name that are shown."""


def make_console(*, stderr: bool = False) -> Console:
    """Return a console on standard output or standard error that colours only what is styled.

    A character that the stream's encoding lacks is written as an escape.
    """
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):  # the latter in a C locale
        stream.reconfigure(errors="backslashreplace")
    return Console(stderr=stderr, highlight=False, emoji=False)


def print_line(console: Console, line: Text) -> None:
    """Print a line, folded to the width of a terminal, unfolded where a program reads it.

    A dot goes before a line that a build system would obey.
    """
    if _BUILD_COMMAND.match(line.plain):
        line = Text.assemble(".", line)
    console.print(line, soft_wrap=not console.is_terminal)


def print_note(console: Console, text: str) -> None:
    """Print a dimmed line beside the report."""
    print_line(console, Text(visible(text), style="dim"))


def make_table(title: str, *, numbers: Sequence[str], texts: Sequence[str] = ()) -> Table:
    """Return an empty table with right-aligned columns for numbers, then columns that fold their text."""
    name = Text("." * bool(_BUILD_COMMAND.match(title)) + visible(title))
    table = Table(title=name, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in numbers:
        table.add_column(column, justify="right" if column else "left", no_wrap=True, header_style="dim")
    for column in texts:
        table.add_column(column, overflow="fold", header_style="dim")
    return table


def shown(text: str) -> str:
    """Return a name or a path of the scenario, printable and at most 300 characters long."""
    return shortened(visible(text), _LONGEST_NAME)


def code_location(file: str, line: int, function: str) -> str:
    """Return a line of code as text: ``scenarios/leaky_team.py:36 in run_team``."""
    where = format_location(shown(file), line) if file else "(no source)"
    return f"{where} in {shown(function)}" if function else where
