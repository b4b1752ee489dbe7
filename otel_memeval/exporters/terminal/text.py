"""Make consoles and lines that fit a terminal and stay unfolded in a pipe."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import Literal

from rich.console import Console
from rich.text import Text

from otel_memeval.redact import shortened, visible
from otel_memeval.units import format_location

_BUILD_COMMAND = re.compile(r"\s*(?:::[A-Za-z][\w-]*[ :]|##(?:vso|teamcity)?\[)")
"""Beginning of a line that a build system obeys: of GitHub's and Gitea's workflow commands, of Azure's and TeamCity's."""

_LONGEST_NAME = 300
"""Characters of a name that are shown."""


def make_console(*, stderr: bool = False, plain: bool = False) -> Console:
    """Return a console on standard output or standard error that colours only what is styled.

    A terminal is written to as a pipe if it is ``plain`` or dumb, as the one of an editor, which looks for ``file:line``. A
    pipe has colours under ``FORCE_COLOR`` only, and ``NO_COLOR`` goes first. A character that the stream's encoding lacks
    is written as an escape.
    """
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):  # the latter in a C locale
        stream.reconfigure(errors="backslashreplace")
    is_terminal = not plain and stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    colours: Literal["auto", "standard"] | None = "auto" if is_terminal else None
    if not is_terminal and not plain and os.environ.get("FORCE_COLOR"):
        colours = "standard"
    return Console(
        stderr=stderr,
        force_terminal=None if is_terminal else False,  # rich knows terminals that are none, such as IDLE's
        width=80 if os.environ.get("COLUMNS") == "0" else None,  # of a terminal without a size; rich would print nothing
        force_jupyter=False,  # a notebook would show each line by itself
        color_system=None if os.environ.get("NO_COLOR") else colours,
        highlight=False,
        emoji=False,
    )


def print_line(console: Console, line: Text) -> None:
    """Print a line without blanks at its end, folded to the width of a terminal, unfolded where a program reads it.

    A dot goes before a line that a build system would obey.
    """
    if _BUILD_COMMAND.match(line.plain):
        line = Text.assemble(".", line)
    line.rstrip()
    console.print(line, soft_wrap=not console.is_terminal)


def print_note(console: Console, text: str) -> None:
    """Print a dimmed line beside the report."""
    print_line(console, Text(visible(text), style="dim"))


def shown(text: str) -> str:
    """Return a name or a path of the scenario, printable and at most 300 characters long."""
    return shortened(visible(text), _LONGEST_NAME)


def code_location(file: str, line: int, function: str) -> str:
    """Return a line of code as text: ``scenarios/leaky_team.py:36 in run_team``."""
    where = format_location(shown(file), line) if file else "(no source)"
    return f"{where} in {shown(function)}" if function else where
