"""The difference of one quantity between a run and earlier runs."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.analysis.differences import DECISION_CHANCE, LEAST_SPREAD, Measured, Quantity, difference
from otel_memeval.analysis.quantities import LEVEL_FLOOR_BYTES, MIN_EFFECT
from otel_memeval.analysis.student import two_sided_quantile
from otel_memeval.records.comparison import Difference

LEVEL = Quantity("peak", "bytes", LEVEL_FLOOR_BYTES, MIN_EFFECT)
MIB = 1 << 20


def compared(value: float, values: Sequence[float], spread: float = 0.0) -> Difference:
    """Return the difference of a level whose standard error within each run is ``spread``."""
    return difference(LEVEL, Measured(value, spread), [Measured(each, spread) for each in values])


def test_difference_has_the_median_its_interval_and_the_relative_effect() -> None:
    """The baseline is the median; the interval is around the difference; an effect on 0 has no size."""
    found = compared(150_000.0, [100_000.0, 100_000.0, 400_000.0])
    assert (found.baseline, found.difference, found.effect) == (100_000.0, 50_000.0, 0.5)
    assert found.ci_low is not None
    assert found.ci_high is not None
    assert found.ci_low + found.ci_high == pytest.approx(2 * 50_000)
    assert compared(8192.0, [0.0]).effect is None


@pytest.mark.parametrize(("grown", "outcome"), [(4095, "unchanged"), (4096, "regressed"), (-4096, "improved")])
def test_change_counts_from_the_floor_on(grown: int, outcome: str) -> None:
    """A level of 10 KiB changes by 4 KiB at least."""
    assert compared(10_240.0 + grown, [10_240.0] * 10).outcome == outcome


@pytest.mark.parametrize(("part", "outcome"), [(0.049, "unchanged"), (0.051, "regressed")])
def test_change_counts_from_a_twentieth_on(part: float, outcome: str) -> None:
    """An exact quantity without a floor changes by 5% at least; one of 1,000 runs has almost no spread left."""
    assert compared(MIB * (1 + part), [float(MIB)] * 1000).outcome == outcome


@pytest.mark.parametrize(("count", "unseen", "seen"), [(1, 0.25, 0.26), (3, 0.15, 0.16), (10, 0.088, 0.089)])
def test_least_spread_decides_where_runs_are_equal(count: int, unseen: float, seen: float) -> None:
    """A spread of 2% with eight degrees of freedom: the fewer runs, the larger the change that counts."""
    assert compared(MIB * (1 + unseen), [float(MIB)] * count).outcome == "unchanged"
    assert compared(MIB * (1 + seen), [float(MIB)] * count).outcome == "regressed"


@pytest.mark.parametrize(("spread", "outcome"), [(LEAST_SPREAD / 2, "regressed"), (LEAST_SPREAD * 2, "unchanged")])
def test_spread_within_the_runs_counts_where_it_is_larger(spread: float, outcome: str) -> None:
    """A change of 30% against one run counts where the iterations of both differ little."""
    assert compared(1.3 * MIB, [float(MIB)], spread * MIB).outcome == outcome


def test_quantile_decides_with_the_chance_of_a_change_without_a_reason() -> None:
    """The reach of one run against one is the quantile with eight degrees, of twice the variance."""
    reach = two_sided_quantile(DECISION_CHANCE, 8) * LEAST_SPREAD * math.sqrt(2)
    assert compared(MIB * (1 + reach * 0.999), [float(MIB)]).outcome == "unchanged"
    assert compared(MIB * (1 + reach * 1.001), [float(MIB)]).outcome == "regressed"


@pytest.mark.parametrize(("count", "outcome"), [(4, "unchanged"), (5, "regressed")])
def test_value_farthest_from_the_median_does_not_count_from_five_runs_on(count: int, outcome: str) -> None:
    """One unusual run of the baseline, far below, does not hide a change."""
    assert compared(1.3 * MIB, [0.3 * MIB, *[float(MIB)] * (count - 1)]).outcome == outcome


def test_value_that_the_baseline_has_had_is_no_change() -> None:
    """A second mode that one earlier run had is no regression."""
    values = [float(MIB)] * 9 + [1.5 * MIB]
    assert compared(1.5 * MIB, values).outcome == "unchanged"
    assert compared(1.51 * MIB, values).outcome == "regressed"


def test_noise_is_no_change() -> None:
    """Runs that differ by 3% from one another are never regressed, from one run of a baseline to ten."""
    chance = random.Random(1)
    values: list[float] = []
    for _ in range(1500):
        value = MIB * (1 + chance.gauss(0, 0.03))
        if values:
            assert compared(value, values[-10:]).outcome == "unchanged"
        values.append(value)


@given(st.floats(0, 1e12), st.lists(st.floats(0, 1e12), min_size=1, max_size=10), st.floats(0, 1e9), st.floats(0.5, 2.0))
def test_outcome_does_not_depend_on_order_and_follows_the_sign(
    value: float, values: list[float], spread: float, factor: float
) -> None:
    """The baseline has no order; more is never an improvement; a larger value has no better outcome."""
    order = ("improved", "unchanged", "regressed")
    found = compared(value, values, spread)
    assert compared(value, values[::-1], spread) == found
    assert found.outcome != "improved" or value < median(values)
    assert found.outcome != "regressed" or value > median(values)
    larger = compared(max(value, value * factor), values, spread)
    assert order.index(larger.outcome) >= order.index(found.outcome)
