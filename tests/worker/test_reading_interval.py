"""The interval between readings: both sides of each limit, and the iterations that are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.worker.reading_interval import BUDGET_SECONDS, MIN_READINGS, TRIALS, ReadingInterval, readings_every


@pytest.mark.parametrize(
    ("iterations", "reading_seconds", "iteration_seconds", "every"),
    [
        (1000, 0.1, 0.0002, 20),
        (1000, 0.005, 0.0002, 1),
        (1000, 0.0051, 0.0002, 2),
        (1000, 0.1, 0.1, 1),
        (1000, 0.1, 0.099, 2),
        (1000, 1.0, 0.0002, 50),
        (39, 10.0, 0.0002, 1),
        (40, 10.0, 0.0002, 2),
        (20, 2.0, 0.5, 1),
        (1, 100.0, 0.0, 1),
    ],
)
def test_each_kth_iteration_is_read_when_readings_cost_most(
    iterations: int, reading_seconds: float, iteration_seconds: float, every: int
) -> None:
    """Readings are saved above five seconds in all and above the time of the iterations, down to twenty readings."""
    assert readings_every(iterations, reading_seconds, iteration_seconds) == every


@given(st.integers(1, 100_000), st.floats(0, 100), st.floats(0, 100))
def test_enough_readings_are_left_and_they_are_affordable(iterations: int, reading: float, iteration: float) -> None:
    """At least twenty readings are left, and if more are, then they take no longer than the budget or the iterations."""
    every = readings_every(iterations, reading, iteration)
    assert every >= 1
    if every > 1:
        assert iterations // every >= MIN_READINGS
        assert reading > iteration
        assert iterations * reading > BUDGET_SECONDS
    if every < iterations // MIN_READINGS:
        affordable = max(BUDGET_SECONDS, iterations * iteration)
        assert iterations * reading / every <= affordable * 1.000001


def interval(warmups: int, iterations: int, reading_seconds: float = 0.1) -> tuple[list[int], int]:
    """Return the measured iterations that are read, and the interval."""
    found = ReadingInterval()
    for _ in range(warmups):
        assert found.is_due(1)
        found.add_costs(reading_seconds, 0.0002)
    found.plan(iterations)
    read = []
    for index in range(1, iterations + 1):
        if found.is_due(index):
            read.append(index)
            found.add_costs(reading_seconds, 0.0002)
    return read, found.every


@pytest.mark.parametrize("warmups", [0, 1, 3, 10])
def test_first_iterations_decide_and_the_last_is_read(warmups: int) -> None:
    """Warm-up iterations count among the three whose costs decide; intervals are counted back from the last iteration."""
    read, every = interval(warmups, 1003)
    trials = max(0, TRIALS - warmups)
    assert every == 21
    assert read == [*range(1, trials + 1), *(index for index in range(trials + 1, 1004) if (1003 - index) % 21 == 0)]
    assert read[-1] == 1003


def test_cheap_readings_are_all_made() -> None:
    """Each iteration is read where that costs little."""
    assert interval(3, 200, 0.001) == (list(range(1, 201)), 1)


def test_one_odd_cost_does_not_decide() -> None:
    """The median of three counts: an iteration that imports, or a reading that was disturbed, changes nothing."""
    found = ReadingInterval()
    found.plan(1000)
    for reading_seconds, iteration_seconds in ((0.1, 3.0), (5.0, 0.0002), (0.1, 0.0002)):
        assert found.every == 1
        found.add_costs(reading_seconds, iteration_seconds)
    assert found.every == readings_every(1000, 0.1, 0.0002)


def test_interval_stays_when_the_run_is_extended() -> None:
    """More iterations continue the intervals, and later costs change nothing."""
    found = ReadingInterval()
    found.plan(100)
    for _ in range(5):
        found.add_costs(1.0, 0.0)
    assert found.every == 5
    found.plan(150)
    assert [index for index in range(95, 151) if found.is_due(index)] == list(range(95, 151, 5))
    assert found.every == 5
