"""``otel-memeval replay``: send what receivers did not take."""

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
Where to send is read from the OTEL_* variables, as in a run.

\b
Exit status: 0 everything was delivered; 2 wrong usage; 4 something still is
not; 130 interrupted. What was delivered is not sent again."""


@click.command(
    name="otel-memeval replay",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option("--spool", metavar="DIR", help="The spool.  [default: $MEMEVAL_SPOOL, else below the user's state folder]")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, max=86_400),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to go on asking a receiver that does not answer.",
)
@click.option("-q", "--quiet", is_flag=True, help="Only what went wrong.")
def replay_command(files: tuple[str, ...], spool: str | None, timeout: float, quiet: bool) -> int:
    """Send the spans, metrics and log records that earlier runs could not deliver, in order, and take them away.

    With FILE: send these OTLP-JSON files instead, and leave them as they are.
    """
    from otel_memeval.config import from_process, spool_folder
    from otel_memeval.exporters.otlp.config_file import effective_environment
    from otel_memeval.exporters.otlp.delivery.replay import Replay
    from otel_memeval.exporters.otlp.settings import read_otlp_settings
    from otel_memeval.redact import redact, visible

    surroundings = from_process()
    environment, warnings = effective_environment(surroundings.environment)
    settings = read_otlp_settings(environment)

    def tell(line: str) -> None:
        click.echo(f"otel-memeval: {visible(redact(line, surroundings.secrets))}", err=True)

    for warning in (*warnings, *settings.warnings):
        tell(warning)
    if not settings.destinations:
        raise UsageError("there is nowhere to send to", "set OTEL_EXPORTER_OTLP_ENDPOINT, such as http://localhost:4318")
    missing = [file for file in files if not Path(file).is_file()]
    if missing:
        raise UsageError(f"{missing[0]}: there is no such file", "name OTLP-JSON files, or none for the spool")
    stop = threading.Event()
    replay = Replay(settings, timeout, tell, stop)
    with _stopped_by_signals(stop):
        try:
            if files:
                replay.send_files([Path(file) for file in files])
            else:
                root = Path(spool) if spool else spool_folder(environment)
                replay.send_spool(root)
        except OSError as error:
            raise UsageError(f"{error.filename}: {error.strerror}") from None
        finally:
            replay.close()
    if not quiet:
        click.echo(_summary(replay.counts))
    if stop.is_set():
        click.echo("interrupted", err=True)
        return INTERRUPTED
    return NOT_DELIVERED if replay.counts.undelivered or replay.counts.rejected else PASSED


def _summary(counts: ReplayCounts) -> str:
    parts = [f"{counts.delivered} delivered"]
    for number, what in (
        (counts.rejected, "rejected"),
        (counts.unsupported, "not wanted by the receiver"),
        (counts.undelivered, "still waiting"),
    ):
        if number:
            parts.append(f"{number} {what}")
    return "batches: " + ", ".join(parts)


@contextlib.contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """The first SIGINT or SIGTERM lets the batch at hand be answered, so that it is not sent twice; a second does not."""

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
