"""The command line: arguments in, exit status out. The only place that knows about both."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

import click

from otel_memeval.cli.exit_codes import INTERRUPTED, PASSED, WRONG_USAGE
from otel_memeval.cli.forget import forget_command
from otel_memeval.cli.measure import measure_command
from otel_memeval.cli.metrics import metrics_command
from otel_memeval.cli.replay import replay_command
from otel_memeval.cli.schema import schema_command
from otel_memeval.errors import MemevalError

COMMANDS: dict[str, click.Command] = {
    "forget": forget_command,
    "metrics": metrics_command,
    "replay": replay_command,
    "schema": schema_command,
}
"""A first argument that is exactly one of these words is a command. A module of that name is still a target as
``./schema.py`` or ``schema:name``."""


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: what was measured is reported."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _open_standard_streams() -> None:
    """A closed stdin, stdout or stderr becomes the null device: else the next pipe would take its number."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            break
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the rest of the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _keep_the_folder_off_the_import_path() -> None:
    """``python -m`` puts the current folder first: a scenario's ``json.py`` is not meant for this tool."""
    with contextlib.suppress(OSError):  # the folder is gone
        if sys.path[0] in ("", os.getcwd()):
            del sys.path[0]


def run(arguments: list[str]) -> int:
    """Run the command line; the exit status."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    rest = arguments[1:] if command is not None else arguments
    try:
        with _interruptible():
            status = (command or measure_command).main(args=rest, standalone_mode=False)
            return status if isinstance(status, int) else PASSED
    except click.ClickException as error:
        error.show()
        return WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except MemevalError as error:
        if "--debug" in arguments:
            raise
        click.echo(f"otel-memeval: {error}", err=True)
        return WRONG_USAGE


def main() -> NoReturn:
    """The console script."""
    _open_standard_streams()
    _keep_the_folder_off_the_import_path()
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # a pager was closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = PASSED
    sys.exit(status)
