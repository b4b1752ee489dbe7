"""Complete commands, options and files in a shell.

The shell's function, which click writes, calls the tool with ``_OTEL_MEMEVAL_COMPLETE``; that name is click's.
"""

from __future__ import annotations

from collections.abc import Mapping

import click
from click.shell_completion import CompletionItem


class _Program(click.Group):
    """The command line as it is typed: a command, or the options and targets of a measurement."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return commands and options that begin like this; without any, the shell completes files."""
        return super().shell_complete(ctx, incomplete) or [CompletionItem(incomplete, type="file")]


def complete(measure: click.Command, commands: Mapping[str, click.Command]) -> None:
    """Print what the shell asks for, and end the process."""
    options = [parameter for parameter in measure.params if isinstance(parameter, click.Option)]
    _Program(params=options, commands=dict(commands)).main(args=[], prog_name="otel-memeval")
