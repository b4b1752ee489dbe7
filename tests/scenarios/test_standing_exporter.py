"""The exporter passes its own verdict: what it does for a run and a scrape keeps nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from otel_memeval.config import from_process
from otel_memeval.observer import Silent
from otel_memeval.plan import Options
from otel_memeval.records import Result
from otel_memeval.session import measure

LEAKY = """
from scenarios import standing_exporter as sound

class Leaky(sound.Exporter):
    KEPT = []
    def work(self):
        super().work()
        self.KEPT.append(sound.result(self._count))

EXPORTERS = []

def setup():
    EXPORTERS.append(Leaky())

def run():
    EXPORTERS[0].work()

def teardown():
    EXPORTERS.pop().close()
"""


def measured(target: str, iterations: int) -> Result:
    """The result of the target's only eval."""
    results: list[Result] = []
    options = Options(iterations=iterations, warmup=6, python=sys.executable, timeout_seconds=60)
    measure(target, options, lambda _: Silent(), from_process(), results.append)
    return results[0]


def test_the_exporter_is_stable() -> None:
    """Runs that end, turns that are missed, four scrapes each: nothing is kept."""
    result = measured("scenarios.standing_exporter", 12)
    assert result.verdict.state == "stable", result.verdict


def test_one_that_keeps_results_is_not(tmp_path: Path) -> None:
    """The same with every result held on to is a leak in that list: the scenario would see one."""
    path = tmp_path / "leaky_exporter.py"
    path.write_text(LEAKY, encoding="utf-8")
    result = measured(str(path), 12)
    assert result.verdict.state == "leaking"
    assert any("KEPT" in holder.path for holder in result.holders), result.holders
