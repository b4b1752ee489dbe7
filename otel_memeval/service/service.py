"""Run the service of ``--every``: measure all targets again and again until a signal stops it."""

from __future__ import annotations

import contextlib
import platform
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import click

from otel_memeval.config import Settings, from_process, state_folder, with_secrets
from otel_memeval.errors import UsageError
from otel_memeval.exporters.builds.result_files import write_result_files
from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.history.keeper import HistoryKeeper, open_keeper, secrets_of
from otel_memeval.records import Result
from otel_memeval.redact import Masker, visible
from otel_memeval.run.plan import check
from otel_memeval.run.result import passes
from otel_memeval.service.eval_status import Overview, belongs, with_interval
from otel_memeval.service.history_reader import PATIENCE_SECONDS, HistoryReader
from otel_memeval.service.http.access import Access
from otel_memeval.service.http.server import Server, parse_address
from otel_memeval.service.links import read_links
from otel_memeval.service.loop import ServiceLoop
from otel_memeval.service.measuring import TargetRunner, otlp_settings
from otel_memeval.service.options import ServiceOptions, read_targets
from otel_memeval.service.pages import PageOptions, pages
from otel_memeval.service.schedule import Schedule
from otel_memeval.service.signals import Signals
from otel_memeval.service.state import ServiceState
from otel_memeval.service.state_file import StateFile, default_path
from otel_memeval.units import format_seconds

_SPARE_SECONDS = 0.3
"""Time in which a database that is too slow says so itself, with its reason."""


def run_service(options: ServiceOptions) -> None:
    """Measure the targets at their turns until SIGINT or SIGTERM. Raises ``UsageError`` before anything is measured."""
    check(options.run)
    if shutil.which(options.run.python) is None:
        raise UsageError(f"--python {options.run.python}: there is no such program", "name a Python interpreter")
    settings = with_secrets(from_process(), (*options.exports.gauges.secrets, *secrets_of(options.history)))
    mask = Masker(settings.secrets).text
    log = partial(_log, mask)
    targets = read_targets(options)
    keeper = open_keeper(options.history, options.baseline, options.exports.fail_on, settings, log)
    with contextlib.ExitStack() as closing:
        server = _open_server(options, log, closing)
        state_file = _open_state_file(options, settings, log, closing)
        signals = closing.enter_context(Signals())
        state = _restore_state(options, settings, targets, state_file, mask, log, keeper)
        runner = TargetRunner(options, state, signals, log, keeper.comparing)
        if server is not None:
            server.start(pages(state, _page_options(options, settings, log)))
            log(f"serving {server.url}/metrics")
        schedule = Schedule(
            start_seconds=time.monotonic(), interval_seconds=options.every_seconds, seed=secrets.randbits(32)
        )
        loop = ServiceLoop(schedule, state, runner, signals, lambda: read_targets(options), log)
        number = f"{len(targets)} target{'' if len(targets) == 1 else 's'}"
        log(f"measuring {number} every {format_seconds(options.every_seconds)}; state file: {state_file.path}")
        loop.run()
        log("stopped by a signal")


def _page_options(options: ServiceOptions, settings: Settings, log: Callable[[str], None]) -> PageOptions:
    """Return the options of the pages, with a history of their own: their patience is not that of a run."""
    reader = None
    if options.history is not None:
        from otel_memeval.history.address import open_history  # with a history only

        store = open_history(
            options.history, settings.environment, log, writes=False, command_seconds=PATIENCE_SECONDS - _SPARE_SECONDS
        )
        reader = HistoryReader(store)
    return PageOptions(reader, read_links(settings.environment), options.exports.fail_on)


def _open_server(options: ServiceOptions, log: Callable[[str], None], closing: contextlib.ExitStack) -> Server | None:
    if options.address is None:
        return None
    server = Server(parse_address(options.address), Access(options.web_config, log), log)
    closing.callback(server.stop)
    return server


def _open_state_file(
    options: ServiceOptions, settings: Settings, log: Callable[[str], None], closing: contextlib.ExitStack
) -> StateFile:
    default = default_path(state_folder(settings.environment), settings.folder, options.targets, options.targets_file)
    state_file = StateFile(Path(options.state_path) if options.state_path is not None else default, log)
    closing.callback(state_file.close)
    return state_file


def _restore_state(
    options: ServiceOptions,
    settings: Settings,
    targets: Sequence[str],
    state_file: StateFile,
    mask: Callable[[str], str],
    log: Callable[[str], None],
    keeper: HistoryKeeper,
) -> ServiceState:
    """Return the saved state of these targets, with the interval of the command line."""
    saved = state_file.read()
    masked = [mask(target) for target in targets]
    by_key = {status.key: status for status in saved.evals}
    evals = tuple(status for key, status in by_key.items() if any(belongs(key, target) for target in masked))
    labels = {status.label for status in evals}
    states = [with_interval(state, options.every_seconds) for state in saved.states if state.eval in labels]
    sends_spans = "traces" in otlp_settings(settings.environment).destinations
    board = Board(states, exemplars=sends_spans)
    for exporter, failures in saved.export_failures.items():
        board.add_failures(exporter, failures)
    return ServiceState(
        board,
        Overview(interval_seconds=options.every_seconds, evals=evals),
        state_file,
        mask=mask,
        passed=lambda result: passes(result, options.exports.fail_on),
        log=log,
        on_result=keeper.keep,
        on_cycle_end=partial(_write_results, options, settings.folder, log),
        python=platform.python_version() if options.run.python == sys.executable else "",
        step_seconds=options.run.timeout_seconds + options.run.follow_up_budget_seconds,
    )


def _write_results(options: ServiceOptions, folder: str, log: Callable[[str], None], results: list[Result]) -> None:
    """Replace the files of results with the results of the last cycle."""
    if results:
        for problem in write_result_files(options.result_paths, results, options.exports.fail_on, folder):
            log(problem)


def _log(mask: Callable[[str], str], line: str) -> None:
    """Print a line with the time (UTC) on standard error, without secrets."""
    now = datetime.now(timezone.utc)
    with contextlib.suppress(OSError, ValueError):  # standard error was closed
        click.echo(f"{now:%Y-%m-%dT%H:%M:%SZ} {visible(mask(line))}", err=True)
