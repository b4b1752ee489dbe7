"""Runs in which memory is read after some of the iterations only. The scenario makes the budget small, so as to be short."""

from __future__ import annotations

import pytest

from otel_memeval.worker import reading_interval
from tests.cli.conftest import Call, Tool

SOURCE = """
    import sys
    from otel_memeval import PerformanceEval

    for name in ("_memeval_worker.reading_interval", "otel_memeval.worker.reading_interval"):
        if name in sys.modules:
            sys.modules[name].BUDGET_SECONDS = 1e-9

    KEPT = []
    SIZES = iter(range(10_000, 10_000_000, 1000))

    def leak():
        KEPT.append(bytearray(1000))

    def nothing():
        pass

    def creep():
        return len(bytearray(next(SIZES)))

    def late():
        if len(KEPT) == 3:
            raise ValueError("no")
        KEPT.append(1)

    some = PerformanceEval(nothing, num_iterations=105, warmup_runs=3)
"""


@pytest.fixture(autouse=True)
def budget_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore the budget: with ``--in-process`` the scenario changes that of the tests' process."""
    monkeypatch.setattr(reading_interval, "BUDGET_SECONDS", reading_interval.BUDGET_SECONDS)


@pytest.mark.parametrize("options", [[], ["--in-process"]])
def test_leak_is_the_same_when_each_fifth_iteration_is_read(tool: Tool, call: Call, options: list[str]) -> None:
    """Bytes per iteration, line and holder are as ever; iterations without a reading have their peak and no memory."""
    tool.write("scenario.py", SOURCE)
    done = call("scenario.py:leak", "--iterations", "103", "--warmup", "3", "--fail-on", "never", *options)
    result = done.result
    assert result.run.readings_every == 5
    assert result.verdict.state == "leaking"
    assert result.growth.retained is not None
    assert 1057 <= result.growth.retained.bytes_per_iteration <= 1080
    assert (result.holders[0].path, result.holders[0].length) == ("scenario.KEPT", 106)
    assert result.holders[0].items_per_iteration == pytest.approx(1)
    assert "scenario.py:" in result.verdict.summary
    measured = [iteration for iteration in result.iterations if iteration.phase == "measured"]
    assert [each.index for each in measured if each.retained_bytes is not None] == list(range(3, 104, 5))
    for iteration in measured:
        is_read = iteration.retained_bytes is not None
        assert (iteration.uss_bytes is not None) == (iteration.retained_blocks is not None) == is_read
        assert iteration.peak_bytes is not None
        assert iteration.traced_current_bytes
    assert "memory was read once every 5 iterations: a reading takes longer than an iteration" in done.text
    rows = [line.split()[0] for line in done.stdout.splitlines() if "KiB" in line and line.split()[0].isdigit()]
    assert rows[:3] == ["3", "8", "13"]


def test_nothing_is_zero_bytes_and_a_growing_peak_creeps(tool: Tool, call: Call) -> None:
    """What is not read leaves nothing behind; each peak counts; a failure ends the run where it happens."""
    tool.write("scenario.py", SOURCE)
    result = call("scenario.py:some", "--fail-on", "never").result
    assert (result.run.readings_every, len(result.iterations)) == (5, 108)
    assert result.growth.retained is not None
    assert result.growth.retained.bytes_per_iteration == 0
    assert {each.retained_bytes for each in result.iterations if each.phase == "measured"} == {
        result.iterations[-1].retained_bytes,
        None,
    }
    assert (result.sites, result.holders) == ([], [])
    result = call("scenario.py:creep", "--iterations", "100", "--warmup", "0", "--fail-on", "never").result
    assert result.run.readings_every == 5
    assert result.verdict.state == "creeping"
    assert result.growth.peak is not None
    assert result.growth.peak.bytes_per_iteration == pytest.approx(1000, rel=0.02)
    result = call("scenario.py:late", "--iterations", "100", "--warmup", "0").result
    assert (result.verdict.state, len(result.iterations)) == ("failed", 4)
    assert result.iterations[-1].error is not None
