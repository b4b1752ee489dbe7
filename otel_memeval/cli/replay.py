"""``otel-memeval replay``: send telemetry that was not delivered."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otel_memeval.cli.exit_codes import INTERRUPTED, NOT_DELIVERED, PASSED
from otel_memeval.errors import UsageError

if TYPE_CHECKING:
    from otel_memeval.exporters.otlp.delivery.replay import ReplayCounts

_EPILOG = """\b
The receiver is read from the OTEL_* variables, as in a run.

\b
Exit status: 0 everything was delivered; 2 wrong usage; 4 some batches were not
delivered; 130 interrupted. Delivered batches are not sent again."""


@click.command(
    name="otel-memeval replay",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option("--spool", metavar="DIR", help="The spool.  [default: $MEMEVAL_SPOOL, else in the user's state folder]")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, max=86_400),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to retry a receiver that does not answer.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print only errors.")
def replay_command(files: tuple[str, ...], spool: str | None, timeout: float, quiet: bool) -> int:
    """Send spans, metrics and log records that earlier runs could not deliver, in order, and delete them.

    With FILE: send these OTLP-JSON files instead, and keep them.
    """
    from otel_memeval.config import from_process, spool_folder
    from otel_memeval.exporters.otlp.config_file import effective_environment
    from otel_memeval.exporters.otlp.delivery.replay import Replay
    from otel_memeval.exporters.otlp.settings import read_otlp_settings
    from otel_memeval.redact import redact, visible

    surroundings = from_process()
    environment, warnings = effective_environment(surroundings.environment)
    settings = read_otlp_settings(environment)

    def print_error(line: str) -> None:
        click.echo(f"otel-memeval: {visible(redact(line, surroundings.secrets))}", err=True)

    for warning in (*warnings, *settings.warnings):
        print_error(warning)
    if not settings.destinations:
        raise UsageError("no receiver is configured", "set OTEL_EXPORTER_OTLP_ENDPOINT, such as http://localhost:4318")
    missing = [file for file in files if not Path(file).is_file()]
    if missing:
        raise UsageError(f"{missing[0]}: there is no such file", "name OTLP-JSON files, or no file to send the spool")
    stop = threading.Event()
    replay = Replay(settings, timeout, print_error, stop)
    with _stopped_by_signals(stop), contextlib.closing(replay):
        try:
            if files:
                replay.send_files([Path(file) for file in files])
            else:
                replay.send_spool(Path(spool) if spool else spool_folder(environment))
        except OSError as error:
            raise UsageError(f"{error.filename}: {error.strerror}") from None
    if not quiet:
        click.echo(_summary(replay.counts))
    if stop.is_set():
        click.echo("interrupted", err=True)
        return INTERRUPTED
    return NOT_DELIVERED if replay.counts.undelivered or replay.counts.rejected else PASSED


def _summary(counts: ReplayCounts) -> str:
    parts = [f"{counts.delivered} delivered"]
    for number, outcome in (
        (counts.rejected, "rejected"),
        (counts.unsupported, "not accepted by the receiver"),
        (counts.undelivered, "not delivered"),
    ):
        if number:
            parts.append(f"{number} {outcome}")
    return "batches: " + ", ".join(parts)


@contextlib.contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Set ``stop`` at the first SIGINT or SIGTERM, so that the current batch ends and is not sent twice; a second raises."""

    def handle(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
