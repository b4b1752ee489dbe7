"""Ctrl-C in the middle of telling: nothing is told by half."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from otel_memeval.config import Settings
from otel_memeval.records import Iteration, Result
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.run.worker_run import run_target


class Interrupting(Observer):
    """Interrupts this process while it is told of the second iteration, and then goes on."""

    def __init__(self, number: signal.Signals) -> None:
        self._number = number
        self.begun_with: list[int] = []
        self.done_with: list[int] = []

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:
        """As an exporter that makes a span and hands it on."""
        self.begun_with.append(iteration.index)
        if iteration.index == 2:
            os.kill(os.getpid(), self._number)
        self.done_with.append(iteration.index)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_iteration_is_told_whole_before_the_run_ends(tmp_path: Path, number: signal.Signals) -> None:
    """The iteration that is being told when somebody interrupts is told to its end, and then the run ends."""
    path = tmp_path / "scenario.py"
    path.write_text("import time\ndef run():\n    time.sleep(0.05)\n", encoding="utf-8")
    observer = Interrupting(number)
    results: list[Result] = []
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTHON"))}
    settings = Settings(environment=environment, folder=str(tmp_path))
    options = Options(iterations=200, warmup=0, timeout_seconds=60, follow_up=False)
    before = signal.signal(number, signal.default_int_handler)
    try:
        run_target(str(path), options, lambda _: observer, settings, results.append)
    finally:
        signal.signal(number, before)
    assert observer.begun_with == observer.done_with == [1, 2]
    failure = results[0].failure
    assert failure is not None
    assert failure.type == "Interrupted"
    assert 2 <= len(results[0].iterations) < 200
