"""Measure on a Ray cluster: ``otel-memeval TARGET... --ray ADDRESS``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from rich.console import Console

    from otel_memeval.cli.interruption import Interruptions
    from otel_memeval.cli.options import MeasureOptions
    from otel_memeval.config import Settings
    from otel_memeval.fleet.exports import FleetExports
    from otel_memeval.fleet.messages import EvalMeasured
    from otel_memeval.records import Result
    from otel_memeval.run.observer import Observer
    from otel_memeval.run.plan import Options

PROGRESS_SECONDS = 10.0
"""Time between two lines about all evals."""


def measure_on_cluster(
    address: str,
    options: MeasureOptions,
    run_options: Options,
    settings: Settings,
    exports: FleetExports,
    consoles: tuple[Console, Console],
    report: Callable[[Result], None],
    comparing: Sequence[Observer],
    interruptions: Interruptions,
) -> None:
    """Measure all evals of the targets on the cluster, and export and report each as it ends.

    ``comparing``: the observers that compare a run with its baseline. A signal cancels what waits or runs. Raises
    ``UsageError`` if there is no cluster, and the first error of a target after all others were measured.
    """
    from otel_memeval.exporters.terminal.progress import TerminalObserver
    from otel_memeval.exporters.terminal.text import print_note
    from otel_memeval.fleet.cluster import Cluster
    from otel_memeval.fleet.driver import Driver
    from otel_memeval.fleet.messages import FleetRequest
    from otel_memeval.redact import Masker
    from otel_memeval.run.observer import ObserverGroup

    out, err = consoles
    mask = Masker(settings.secrets).text
    note = partial(print_note, err)
    interruptions.defer()
    with Cluster(address, settings.folder) as cluster:
        request = FleetRequest(
            target="",
            options=run_options,
            ignore=settings.project.ignore,
            folder=None if cluster.copies_folder else settings.folder,
            environment={name: settings.environment[name] for name in options.pass_env if name in settings.environment},
            git=settings.git,
            parent=exports.parent,
            content_capture=settings.content_capture,
            sampled=exports.sampled,
        )

        def take(measured: EvalMeasured) -> None:
            compared = ObserverGroup(comparing).with_comparison(measured.result)
            measured = msgspec.structs.replace(measured, result=compared)
            target = mask(measured.result.run.target)
            quiet, debug = options.quiet, options.debug
            exports.export(measured, TerminalObserver(target, out, err, quiet=quiet, debug=debug, shows_output=True))
            report(measured.result)

        driver = Driver(cluster, request, settings.project.resources, take, lambda line: note(mask(line)))
        if not options.quiet:
            note(f"measuring on {cluster.nodes()} node{'' if cluster.nodes() == 1 else 's'} of {mask(address)}")
        with _Progress(lambda: driver.queue.text(), note, hidden=options.quiet):
            left = driver.run(options.targets, lambda: bool(interruptions))
    if left:
        names = mask(", ".join(left[:5])) + (", ..." if len(left) > 5 else "")
        note(f"interrupted: {len(left)} of {len(left) + driver.queue.measured} evals were not measured: {names}")


class _Progress:
    """Prints a line about all evals every ten seconds."""

    def __init__(self, text: Callable[[], str], note: Callable[[str], None], *, hidden: bool) -> None:
        self._text = text
        self._note = note
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memeval-fleet-progress", daemon=True)
        self._hidden = hidden
        self._began = time.monotonic()

    def __enter__(self) -> None:
        if not self._hidden:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if not self._hidden:
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(PROGRESS_SECONDS):
            self._note(f"{self._text()}, {time.monotonic() - self._began:.0f} s")
