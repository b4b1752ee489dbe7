"""``otel-memeval TARGET... --every 15m``: the options of a standing exporter, and the exporter itself."""

from __future__ import annotations

import contextlib
import platform
import secrets
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from otel_memeval.errors import UsageError

if TYPE_CHECKING:
    from otel_memeval.exporters.prometheus.destinations import GaugeDestinations
    from otel_memeval.run.plan import Options


class Asked(NamedTuple):
    """What the command line says of a standing exporter."""

    every_seconds: float | None
    serve: str | None
    web_config: str | None
    state: str | None
    targets_file: str | None


def check_usage(asked: Asked, targets: Sequence[str], json_path: str | None, *, in_process: bool) -> None:
    """Raises ``UsageError`` for options that do not go together."""
    if asked.every_seconds is None:
        for name, value in (
            ("--serve", asked.serve),
            ("--web-config", asked.web_config),
            ("--state", asked.state),
            ("--targets", asked.targets_file),
        ):
            if value is not None:
                raise UsageError(f"{name} without --every", "say how often to measure, such as --every 15m")
    if not targets and asked.targets_file is None:
        raise click.UsageError("Missing argument 'TARGET...'.")
    if asked.every_seconds is None:
        return
    if asked.web_config is not None and asked.serve is None:
        raise UsageError("--web-config without --serve", "say where to serve, such as --serve 9464")
    if in_process:
        raise UsageError("--every with --in-process", "leave one out: what a scenario keeps would stay in the exporter")
    if json_path == "-":
        raise UsageError("--every with --json -", "name a file: it holds the results of the last round")


def stand(
    asked: Asked,
    targets: Sequence[str],
    options: Options,
    events: Literal["span", "log", "both"],
    fail_on: tuple[str, ...],
    json_path: str | None,
    gauges: GaugeDestinations,
) -> int:
    """Measure, tell, wait, until a signal ends it; the exit status. Raises ``UsageError`` before anything is measured."""
    from otel_memeval.config import from_process, state_folder
    from otel_memeval.exporters.prometheus.board import Board
    from otel_memeval.redact import redact, visible
    from otel_memeval.run.plan import check
    from otel_memeval.run.result import passes
    from otel_memeval.service.eval_status import View, belongs, with_interval
    from otel_memeval.service.http.access import Gate
    from otel_memeval.service.http.server import Server, parse_address
    from otel_memeval.service.loop import Loop
    from otel_memeval.service.measuring import Rounds, otlp_settings, write_results
    from otel_memeval.service.pages import pages
    from otel_memeval.service.schedule import Schedule
    from otel_memeval.service.signals import Signals
    from otel_memeval.service.state import Told, stamped
    from otel_memeval.service.state_file import StateFile, default_path
    from otel_memeval.units import format_seconds

    assert asked.every_seconds is not None
    every = asked.every_seconds
    settings = from_process()

    def tell(line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any longer
            click.echo(stamped(visible(redact(line, settings.secrets)), time.time()), err=True)

    def mask(text: str) -> str:
        return redact(text, settings.secrets)

    def read_targets() -> list[str]:
        return list(dict.fromkeys([*targets, *(_targets_in(asked.targets_file) if asked.targets_file else ())]))

    check(options)
    if shutil.which(options.python) is None:
        raise UsageError(f"--python {options.python}: there is no such program", "name a Python interpreter")
    named = read_targets()
    with contextlib.ExitStack() as closing:
        server: Server | None = None
        told: Told
        if asked.serve is not None:
            gate = Gate(asked.web_config, tell)
            server = Server(parse_address(asked.serve), gate, pages(lambda: told), tell)
            closing.callback(server.stop)
        path = default_path(state_folder(settings.environment), settings.folder, targets, asked.targets_file)
        state_file = StateFile(Path(asked.state) if asked.state is not None else path, tell)
        closing.callback(state_file.close)
        signals = closing.enter_context(Signals())
        saved = state_file.read()
        kept = [one for one in saved.evals if any(belongs(one.key, target) for target in named)]
        labels = {one.label for one in kept}
        sends_spans = "traces" in otlp_settings(settings.environment).destinations
        states = [with_interval(one, every) for one in saved.states if one.eval in labels]
        board = Board(mask, states, exemplars=sends_spans)
        for exporter, failures in saved.export_failures.items():
            board.add_failures(exporter, failures)
        told = Told(
            board,
            View(interval_seconds=every, evals=tuple(kept)),
            state_file,
            mask=mask,
            passed=lambda result: passes(result, fail_on),
            tell=tell,
            round_over=lambda results: write_results(json_path, results, tell),
            python=platform.python_version() if options.python == sys.executable else "",
        )
        rounds = Rounds(options, events, fail_on, gauges, every, told, signals, tell)
        schedule = Schedule(start_seconds=time.monotonic(), interval_seconds=every, seed=secrets.randbits(32))
        if server is not None:
            server.start()
            tell(f"serving {server.url}/metrics")
        tell(
            f"{len(named)} target{'' if len(named) == 1 else 's'} every {format_seconds(every)}; state in {state_file.path}"
        )
        Loop(schedule, told, rounds, signals, read_targets, tell).run()
        tell("told to end")
    return 0


def _targets_in(path: str) -> list[str]:
    """The targets of a file: one a line; empty lines and what follows a ``#`` at a line's beginning are none."""
    try:
        lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "this is no UTF-8"
        raise UsageError(f"--targets {path}: {reason}", "name a text file with a target a line") from None
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise UsageError(f"--targets {path}: there is no target in it", "write one a line")
    return found
