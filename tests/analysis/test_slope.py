"""Slopes and their intervals."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval.analysis.slope import theil_sen

integers = st.integers(-(10**9), 10**9)
series = st.lists(integers, min_size=2, max_size=25)


@settings(deadline=None)
@given(series, integers)
def test_slope_ignores_the_level(values: list[int], shift: int) -> None:
    """Adding a constant to every value changes neither the slope nor its interval."""
    assert theil_sen([value + shift for value in values]) == theil_sen(values)


@settings(deadline=None)
@given(series, st.integers(1, 1000))
def test_slope_scales_with_the_unit(values: list[int], factor: int) -> None:
    """Multiplying every value multiplies the slope and its interval."""
    scaled, plain = theil_sen([value * factor for value in values]), theil_sen(values)
    assert scaled.bytes_per_iteration == pytest.approx(plain.bytes_per_iteration * factor, rel=1e-12, abs=1e-6)
    assert scaled.ci_low == pytest.approx(plain.ci_low * factor, rel=1e-12, abs=1e-6)
    assert scaled.ci_high == pytest.approx(plain.ci_high * factor, rel=1e-12, abs=1e-6)


@settings(deadline=None)
@given(series)
def test_slope_of_reversed_series_is_opposite(values: list[int]) -> None:
    """A reversed series has the opposite slope."""
    assert theil_sen(values[::-1]).bytes_per_iteration == -theil_sen(values).bytes_per_iteration


@settings(deadline=None)
@given(series)
def test_interval_contains_the_slope(values: list[int]) -> None:
    """The slope lies within its own interval."""
    growth = theil_sen(values)
    assert growth.ci_low <= growth.bytes_per_iteration <= growth.ci_high


@given(integers, st.integers(-(10**6), 10**6), st.integers(2, 25))
def test_slope_of_a_line_is_exact(start: int, step: int, count: int) -> None:
    """A straight line has its own slope and an interval without width."""
    growth = theil_sen([start + step * place for place in range(count)])
    assert (growth.ci_low, growth.bytes_per_iteration, growth.ci_high) == (step, step, step)


@pytest.mark.parametrize("values", [[], [5]])
def test_slope_of_fewer_than_two_points_is_0(values: list[int]) -> None:
    """Fewer than two points have slope 0."""
    assert theil_sen(values).bytes_per_iteration == 0


def test_slope_ignores_an_outlier() -> None:
    """An outlier, however large, moves the slope of a line by less than 5%."""
    values = [100 * place for place in range(20)]
    values[7] += 10**9
    assert theil_sen(values).bytes_per_iteration == pytest.approx(100, rel=0.05)


def test_interval_covers_at_its_stated_rate() -> None:
    """The 95% interval contains the true slope in 93% to 98.5% of 2,000 noisy lines."""
    chance = random.Random(20261123)
    covered = 0
    for _ in range(2000):
        growth = theil_sen([10 * place + chance.gauss(0, 40) for place in range(20)])
        covered += growth.ci_low <= 10 <= growth.ci_high
    assert 0.93 <= covered / 2000 <= 0.985
