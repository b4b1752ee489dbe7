"""``otel-memeval replay``: send telemetry that was not delivered."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import click

from otel_memeval.cli.exit_codes import INTERRUPTED, NOT_DELIVERED, PASSED
from otel_memeval.errors import UsageError

if TYPE_CHECKING:
    from otel_memeval.exporters.otlp.delivery.replay import ReplayCounts

_EPILOG = """\b
Batches go to --endpoint, else to the receiver in the OTEL_* variables, else to
the one that the run sent to. Headers and certificates are read from the
variables only: they are never written.

\b
Exit status: 0 everything was delivered; 2 wrong usage, or no receiver is known;
4 some batches were not delivered; 130 interrupted. Delivered batches are not
sent again."""

_OWN_ENDPOINTS = ("_TRACES_ENDPOINT", "_METRICS_ENDPOINT", "_LOGS_ENDPOINT")
_NO_RECEIVER_REMEDY = "set OTEL_EXPORTER_OTLP_ENDPOINT, such as http://localhost:4318, or use --endpoint"
_LAST_BATCH_SECONDS = 2.0
"""After an interruption, the batch under way has so long to be confirmed; it is sent again later otherwise."""


@click.command(
    name="otel-memeval replay",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option("--endpoint", metavar="URL", help="Receiver, such as http://localhost:4318.  [default: as below]")
@click.option(
    "--spool",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="The spool.  [default: $MEMEVAL_SPOOL, else in the user's state folder]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, max=86_400),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to retry a receiver that does not answer.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print only errors.")
def replay_command(files: tuple[str, ...], endpoint: str | None, spool: str | None, timeout: float, quiet: bool) -> int:
    """Send spans, metrics and log records that earlier runs could not deliver, in order, and delete them.

    With FILE: send these OTLP-JSON files instead, and keep them.
    """
    from otel_memeval.config import from_process, spool_folder
    from otel_memeval.exporters.otlp.config_file import effective_environment
    from otel_memeval.exporters.otlp.delivery.replay import Replay
    from otel_memeval.exporters.otlp.settings import read_otlp_settings
    from otel_memeval.redact import redact, visible

    if math.isnan(timeout):  # it is in no range, and beyond none
        raise UsageError("--timeout nan is no number of seconds", "write a number, such as 30")
    surroundings = from_process()
    environment, warnings = effective_environment(surroundings.environment)
    if endpoint is not None:
        environment = {name: value for name, value in environment.items() if not name.endswith(_OWN_ENDPOINTS)}
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    settings = read_otlp_settings(environment)
    if endpoint is not None and not settings.destinations:
        raise UsageError("--endpoint names no address that something is sent to", "write http://HOST:PORT")

    def print_error(line: str) -> None:
        click.echo(f"otel-memeval: {visible(redact(line, surroundings.secrets))}", err=True)

    for warning in (*warnings, *settings.warnings):
        print_error(warning)
    paths = [_checked(file) for file in files]
    stop = threading.Event()
    replay = Replay(environment, timeout, print_error, stop)
    with contextlib.closing(replay), _stopped_by_signals(stop, replay.close):
        if files:
            replay.send_files(paths)
        else:
            try:
                replay.send_spool(Path(spool) if spool else spool_folder(environment))
            except OSError as error:
                raise UsageError(f"{error.filename}: {error.strerror}", "name a spool that can be searched") from None
        counts = replay.counts
        if counts.unaddressed and not counts.delivered:
            raise UsageError(f"no receiver is known for {counts.unaddressed} batches", _NO_RECEIVER_REMEDY)
        if not quiet:
            click.echo(_summary(counts))
        if stop.is_set():
            click.echo("interrupted", err=True)
            return INTERRUPTED
    return NOT_DELIVERED if counts.undelivered or counts.rejected or counts.unreadable else PASSED


def _checked(file: str) -> Path:
    """Return the path. Raises ``UsageError`` if it is no regular file that can be read."""
    from otel_memeval.files import open_regular

    try:
        open_regular(Path(file)).close()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{file}: {reason}", "name OTLP-JSON files, or no file to send the spool") from None
    return Path(file)


def _summary(counts: ReplayCounts) -> str:
    parts = [f"{counts.delivered} delivered"]
    for number, outcome in (
        (counts.rejected, "rejected"),
        (counts.unreadable, "unreadable"),
        (counts.unsupported, "not accepted by the receiver"),
        (counts.undelivered, "not delivered"),
    ):
        if number:
            parts.append(f"{number} {outcome}")
    return "batches: " + ", ".join(parts)


@contextlib.contextmanager
def _stopped_by_signals(stop: threading.Event, cancel: Callable[[], None]) -> Iterator[None]:
    """Set ``stop`` at the first SIGINT or SIGTERM, so that the current batch ends and is not sent twice.

    ``cancel`` is called at the second, or if the batch has not ended some seconds after the first.
    """
    signals: SimpleQueue[bool] = SimpleQueue()  # the only thing that a handler can use at any moment

    def watch() -> None:
        if signals.get():
            stop.set()
            with contextlib.suppress(Empty):
                if not signals.get(timeout=_LAST_BATCH_SECONDS):
                    return
            cancel()

    watcher = threading.Thread(target=watch, name="replay-signals", daemon=True)
    watcher.start()
    before = {number: signal.signal(number, lambda *_: signals.put(True)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signals.put(False)
        watcher.join()
