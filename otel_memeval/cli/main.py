"""Run the command line: select the command, turn errors into exit statuses."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from typing import NoReturn, cast

import click

from otel_memeval.cli.exit_codes import COMMIT_SKIPPED, INTERRUPTED, PASSED, WRONG_USAGE
from otel_memeval.cli.interruption import interruptible
from otel_memeval.cli.measure import measure_command
from otel_memeval.cli.standard_streams import open_standard_streams, problem_of
from otel_memeval.errors import MemevalError, TargetError


class _Commands(Mapping[str, click.Command]):
    """Commands by name; the module of a command is imported when the command is asked for: a measurement needs none."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = modules

    def __getitem__(self, name: str) -> click.Command:
        module = importlib.import_module(f"otel_memeval.cli.{self._modules[name]}")
        return cast("click.Command", getattr(module, f"{name}_command"))

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


COMMANDS = _Commands(
    {
        "compare": "compare",
        "forget": "forget",
        "history": "history",
        "init": "init",
        "list": "list_evals",
        "metrics": "metrics",
        "replay": "replay",
        "report": "report",
        "schema": "schema",
    }
)
"""Commands by name. A first argument that equals a name is the command; a module of that name can be measured as
``./schema.py`` or ``schema:name``."""


def _remove_folder_from_import_path() -> None:
    """Remove the current folder, which ``python -m`` adds: a ``json.py`` of the scenario is not for this tool."""
    with contextlib.suppress(OSError):  # the folder no longer exists
        if sys.path[0] in ("", os.getcwd()):
            del sys.path[0]


def run(arguments: list[str]) -> int:
    """Run the command line, and return the exit status.

    With ``--bisect``, wrong usage, a target that cannot be loaded and a fault of this tool say nothing about the commit.
    """
    try:
        status = _run(arguments)
    except Exception:
        if "--bisect" not in arguments:
            raise
        import traceback  # for a fault only

        click.echo(_shown_lines(traceback.format_exc()), err=True)
        return COMMIT_SKIPPED
    return COMMIT_SKIPPED if "--bisect" in arguments and status in (WRONG_USAGE, INTERRUPTED) else status


def _run(arguments: list[str]) -> int:
    if os.environ.get("_OTEL_MEMEVAL_COMPLETE"):
        from otel_memeval.cli.completion import complete  # for a shell only

        complete(measure_command, COMMANDS)
    command = COMMANDS.get(arguments[0]) if arguments else None
    rest = arguments[1:] if command is not None else arguments
    selected = command or measure_command
    try:
        with contextlib.nullcontext() if command is None else interruptible():  # measuring becomes interruptible later
            status = selected.main(args=rest, prog_name=selected.name, standalone_mode=False)
            return status if isinstance(status, int) else PASSED
    except click.ClickException as error:
        message = error.format_message().strip().rstrip(".")
        click.echo(f"otel-memeval: {_shown(message[:1].lower() + message[1:])}; see {selected.name} --help", err=True)
        return WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except MemevalError as error:
        if "--debug" in arguments:
            import traceback  # not on the way to a measurement

            click.echo(_shown_lines(traceback.format_exc().rpartition("\n")[0].rpartition("\n")[0]), err=True)
        click.echo(f"otel-memeval: {_shown(str(error))}{_similar_command(error, arguments)}", err=True)
        return WRONG_USAGE


def _similar_command(error: MemevalError, arguments: list[str]) -> str:
    """Return a question for the command that was probably meant where a target does not exist; empty without one."""
    from difflib import get_close_matches  # for an error only

    is_unknown = isinstance(error, TargetError) and "there is no module" in error.problem
    found = get_close_matches(arguments[0], COMMANDS, 1, cutoff=0.75) if is_unknown and arguments else []
    return f"; or did you mean the command {found[0]}?" if found else ""


def _shown(text: str) -> str:
    """Return a message of an error without secrets, on one line."""
    from otel_memeval.config import process_secrets
    from otel_memeval.redact import redact, visible

    return visible(redact(text, process_secrets()))


def _shown_lines(text: str) -> str:
    """Return several lines without secrets."""
    return "\n".join(map(_shown, text.splitlines()))


def main() -> NoReturn:
    """Run the console script."""
    open_standard_streams()
    if hasattr(signal, "SIGCHLD"):  # a parent that ignores it passes that on, and then the status of a worker is lost
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _remove_folder_from_import_path()
    status = run(sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM):  # the status is known, and Python's end would restore the default
        signal.signal(number, signal.SIG_IGN)
    problem = problem_of(sys.stdout)
    if problem:
        click.echo(f"otel-memeval: standard output is not complete: {problem}", err=True)
    sys.exit(status)
