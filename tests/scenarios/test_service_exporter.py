"""The service passes its own verdict: its work for a run and a scrape retains no memory."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from otel_memeval.config import Settings, from_process
from otel_memeval.records import Result
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.run.worker_run import run_target
from tests.cli.receivers import Receiver

LEAKY = """
from scenarios import service_exporter

class Leaky(service_exporter.Exporter):
    KEPT = []
    def work(self):
        super().work()
        self.KEPT.append(service_exporter.result(self._count))

EXPORTERS = []

def setup():
    EXPORTERS.append(Leaky())

def run():
    EXPORTERS[0].work()

def teardown():
    EXPORTERS.pop().close()
"""


def measured(target: str, iterations: int, warmup: int = 6, settings: Settings | None = None) -> Result:
    """Measure a target and return the result of its only eval."""
    results: list[Result] = []
    options = Options(iterations=iterations, warmup=warmup, python=sys.executable, timeout_seconds=60)
    run_target(target, options, lambda _: Observer(), settings or from_process(), results.append)
    return results[0]


def test_service_exporter_is_stable() -> None:
    """Finished runs, skipped runs and scrapes retain no memory."""
    result = measured("scenarios.service_exporter", 12)
    assert result.verdict.state == "stable", result.verdict


def test_exporter_that_keeps_results_is_leaking(tmp_path: Path) -> None:
    """The scenario can detect a leak: an exporter that keeps every result in a list leaks in that list."""
    path = tmp_path / "leaky_exporter.py"
    path.write_text(LEAKY, encoding="utf-8")
    result = measured(str(path), 12)
    assert result.verdict.state == "leaking"
    assert any("KEPT" in holder.path for holder in result.holders), result.holders


SERVICE_LOOP = """
import tempfile
from pathlib import Path
from otel_memeval.exporters.pipeline import ExportOptions
from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.run.plan import Options
from otel_memeval.service.eval_status import Overview
from otel_memeval.service.loop import ServiceLoop
from otel_memeval.service.measuring import TargetRunner
from otel_memeval.service.options import ServiceOptions, read_targets
from otel_memeval.service.schedule import Schedule
from otel_memeval.service.signals import Signals
from otel_memeval.service.state import ServiceState
from otel_memeval.service.state_file import StateFile

LOOPS = []

def quiet(*_):
    pass

def setup():
    folder = tempfile.TemporaryDirectory()
    options = ServiceOptions(
        targets=["none.py"], targets_file=None, every_seconds=9.0, address=None, web_config=None, state_path=None,
        result_paths={}, run=Options(), exports=ExportOptions(),
    )
    overview, file = Overview(interval_seconds=9), StateFile(Path(folder.name, "state.json"), quiet)
    state = ServiceState(Board(), overview, file, mask=str, passed=bool, log=quiet, on_result=quiet, on_cycle_end=quiet)
    signals = Signals().__enter__()
    runner = TargetRunner(options, state, signals, quiet)
    schedule = Schedule(start_seconds=0, interval_seconds=1e9, seed=1)
    LOOPS.append((folder, runner, ServiceLoop(schedule, state, runner, signals, lambda: read_targets(options), quiet)))

def run():
    _, runner, loop = LOOPS[0]
    loop.run_cycle()
    runner.clean_up()
"""


def test_runs_sent_over_otlp_retain_no_memory(tmp_path: Path) -> None:
    """A run that is sent over OTLP retains no memory: each run has its own exporters, which are closed after it."""
    path = tmp_path / "service_loop.py"
    path.write_text(SERVICE_LOOP, encoding="utf-8")
    receiver = Receiver()
    try:
        settings = from_process()
        more = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "MEMEVAL_SPOOL": str(tmp_path / "spool")}
        settings = msgspec.structs.replace(settings, environment={**settings.environment, **more})
        result = measured(str(path), 8, 4, settings)
    finally:
        receiver.close()
    assert len(receiver.spans) >= 8
    # Threads end at any time, so few iterations say nothing about the C heap. A hook of the SDK once leaked 800 B in Python.
    assert "retained" not in result.verdict.channels, result.verdict
    assert result.growth.retained is not None
    assert result.growth.retained.bytes_per_iteration < 200
