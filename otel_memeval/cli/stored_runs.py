"""Open the history of a command that measures nothing, and print its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from otel_memeval.history.store import HistoryStore

DEFAULT_FOLDER = ".memeval"
"""The history of these commands where none is named."""


def open_stored_runs(address: str | None, *, writes: bool, command_seconds: float) -> HistoryStore:
    """Open a history; without an address, the project's or the usual folder. Raises as ``open_history``.

    ``command_seconds``: time for a database; no run waits for these commands.
    """
    from otel_memeval.config import for_measuring
    from otel_memeval.history.address import open_history

    settings = for_measuring()
    chosen = address or settings.project.history or DEFAULT_FOLDER
    return open_history(chosen, settings.environment, print_line, writes=writes, command_seconds=command_seconds)


def print_line(line: str) -> None:
    """Print a line on standard error, without secrets."""
    from otel_memeval.config import process_secrets
    from otel_memeval.redact import redact, visible

    click.echo(f"otel-memeval: {visible(redact(line, process_secrets()))}", err=True)
