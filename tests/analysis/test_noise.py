"""Growth under noise: properties of its statistics, and measured rates of error."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval.analysis.noise import (
    MIN_VALUES,
    autocorrelation,
    line_t_statistic,
    mann_kendall_chance,
    noisy_growth,
    variance_inflation,
    without_spike,
)
from otel_memeval.analysis.trend import SeriesTraits, trend_of

FLOOR = 32
NOISY = SeriesTraits(noisy=True)
INDEPENDENT = SeriesTraits(noisy=True, growth_mode="independent")


def test_noise_is_not_growing() -> None:
    """At most one of 10,000 series of noise of many sizes and distributions is growing."""
    numbers = random.Random(7)
    growing = 0
    for seed in range(10_000):
        size = 10 ** numbers.uniform(1, 6)
        draw = numbers.gauss if seed % 2 else numbers.uniform
        values = [draw(0, size) for _ in range(21)]
        growing += trend_of(values, FLOOR, NOISY if seed % 3 else INDEPENDENT).shape == "growing"
    assert growing <= 1


def test_growth_under_noise_is_found() -> None:
    """A rise of 100 per step is found under noise of its own size in at least 95% of series of 20 steps."""
    numbers = random.Random(8)
    found = sum(
        trend_of([100 * index + numbers.gauss(0, 60) for index in range(21)], FLOOR, NOISY).shape == "growing"
        for _ in range(300)
    )
    assert found >= 285


@pytest.mark.parametrize(("rising_steps", "least", "most"), [(20, 270, 300), (7, 0, 0)])
def test_rising_peak_is_found_under_noise_unless_it_stops(rising_steps: int, least: int, most: int) -> None:
    """A rise of 10 KiB under 64 KiB of noise is found in 90% of series, and in none if it stops after seven steps."""
    numbers = random.Random(9)
    found = sum(
        trend_of(
            [10_240 * min(index, rising_steps) + numbers.uniform(0, 65_536) for index in range(20)], 256, INDEPENDENT
        ).shape
        == "growing"
        for _ in range(300)
    )
    assert least <= found <= most


def test_small_cache_that_fills_by_chance_is_rarely_growing() -> None:
    """A cache of eight random keys, after three warm-up calls, is growing in at most 5 of 500 series."""
    growing = 0
    for seed in range(500):
        numbers = random.Random(seed)
        seen = {numbers.randrange(8) for _ in range(3)}
        values = [len(seen) * 1000]
        for _ in range(20):
            seen.add(numbers.randrange(8))
            values.append(len(seen) * 1000)
        growing += trend_of(values, FLOOR).shape == "growing"
    assert growing <= 5


@pytest.mark.parametrize("independent", [True, False])
def test_fewer_than_twelve_values_are_not_growing_under_noise(independent: bool) -> None:
    """A straight line of twelve values is growth under noise, one of eleven values is not."""
    line = [100 * index for index in range(MIN_VALUES)]
    assert noisy_growth(line, FLOOR, independent=independent) is not None
    assert noisy_growth(line[:-1], FLOOR, independent=independent) is None


@pytest.mark.parametrize(("step", "found"), [(32, True), (31, False)])
def test_growth_below_the_floor_is_not_growing_under_noise(step: int, found: bool) -> None:
    """A straight line below the floor is not growth."""
    assert (noisy_growth([step * index for index in range(20)], FLOOR) is not None) is found


@pytest.mark.parametrize(("late_step", "found"), [(50, True), (35, False)])
def test_growth_that_slows_down_below_half_is_not_growing_under_noise(late_step: int, found: bool) -> None:
    """The last third has to rise by half of the rise of the middle third."""
    steps = [100] * 15 + [late_step] * 15
    values = [float(sum(steps[:index])) for index in range(31)]
    assert (noisy_growth(values, FLOOR) is not None) is found


def line_under_noise(
    noise: float, late_noise: float | None = None, late_step: float = 100, pattern: str = "+--+"
) -> list[float]:
    """Return a line of twenty values that rises by 100, under noise of a fixed pattern; its later half may be different."""
    values = []
    for index in range(20):
        late = max(0, index - 9)
        size = noise if late_noise is None or index < 10 else late_noise
        sign = 1 if pattern[index % len(pattern)] == "+" else -1
        values.append(100 * (index - late) + late_step * late + sign * size)
    return values


@pytest.mark.parametrize(("noise", "found"), [(250, True), (275, False)])
def test_peak_needs_a_line_of_nine_and_a_half_standard_errors(noise: float, found: bool) -> None:
    """Independent values on a line with 9.8 standard errors are growing, with 8.9 they are not."""
    values = line_under_noise(noise)
    assert 8.8 < line_t_statistic(values) < 9.9
    assert (noisy_growth(values, FLOOR, independent=True) is not None) is found


@pytest.mark.parametrize(("noise", "found"), [(140, True), (150, False)])
def test_peak_needs_a_steeper_line_when_neighbours_are_correlated(noise: float, found: bool) -> None:
    """With an autocorrelation of 0.35 a peak needs 16.8 standard errors: 17.2 are enough, 16.1 are not."""
    values = line_under_noise(noise, pattern="+++---")
    assert autocorrelation(values) == pytest.approx(0.35, abs=0.01)
    assert (noisy_growth(values, FLOOR, independent=True) is not None) is found


@pytest.mark.parametrize(("noise", "found"), [(350, True), (400, False)])
def test_peak_needs_a_line_without_its_first_third(noise: float, found: bool) -> None:
    """Without the first third a peak needs 5 standard errors: 5.7 are enough, 4.96 are not."""
    values = line_under_noise(0)
    values[7:13] = line_under_noise(noise)[7:13]
    assert (noisy_growth(values, FLOOR, independent=True) is not None) is found


@pytest.mark.parametrize(("noise", "found"), [(230, True), (240, False)])
def test_peak_needs_a_line_in_its_later_half(noise: float, found: bool) -> None:
    """In the later half a peak needs 2.5 standard errors: 2.6 are enough, 2.47 are not."""
    values = line_under_noise(20, late_noise=noise, late_step=70)
    assert (noisy_growth(values, FLOOR, independent=True) is not None) is found


@pytest.mark.parametrize(("noise", "found"), [(250, True), (260, False)])
def test_c_heap_needs_a_trend_in_its_later_half(noise: float, found: bool) -> None:
    """Chance may explain the rise of the later half with at most 1 in 100."""
    values = line_under_noise(noise / 4, late_noise=noise)
    assert (mann_kendall_chance(values[10:], variance_inflation(values)) <= 0.01) is found
    assert (noisy_growth(values, FLOOR) is not None) is found


@given(
    st.lists(st.integers(-1000, 1000), min_size=4, max_size=30), st.integers(-10_000, 10_000), st.sampled_from([2, 8, 64])
)
def test_line_t_statistic_has_no_unit(values: list[int], shift: int, scale: int) -> None:
    """Neither a shift nor a scale changes the statistic; a reversed series has the opposite; a line has an infinite one."""
    statistic = line_t_statistic(values)
    assert line_t_statistic([scale * value + shift for value in values]) == pytest.approx(statistic, rel=1e-6, abs=1e-6)
    if 0 < abs(statistic) < float("inf"):
        assert line_t_statistic(values[::-1]) == pytest.approx(-statistic, rel=1e-6)
    assert line_t_statistic([3 * index + shift for index in range(len(values))]) > 1e6


def test_mann_kendall_chance_of_a_perfect_rise_is_small_and_of_a_constant_is_1() -> None:
    """A perfect rise has a chance below one in a million; a constant and a fall have chance 1."""
    assert mann_kendall_chance(list(range(20))) < 1e-6
    assert mann_kendall_chance([4.0] * 20) == 1
    assert mann_kendall_chance(list(range(20, 0, -1))) == 1


SMOOTHED = SeriesTraits(noisy=True, smoothed=True)
C_HEAP_BYTES = 4_800_000


def _c_heap(slope: float, noise: list[float]) -> list[float]:
    return [C_HEAP_BYTES + slope * index + value for index, value in enumerate(noise)]


def _means(values: list[float]) -> list[float]:
    return [(before + after) / 2 for before, after in pairwise(values)]


@pytest.mark.parametrize("spike", [0, 5_000, 10_000, 44_000])
@pytest.mark.parametrize("place", [8, 15, 25])
def test_steady_growth_with_a_spike_is_growing(spike: int, place: int) -> None:
    """A C heap that grows by 400 bytes per step is growing, with a spike of any size, smoothed or not."""
    values = _c_heap(400, [(index * 37 % 5) * 20 for index in range(41)])
    values[place] += spike
    assert trend_of(values, 64, SMOOTHED).shape == "growing"
    assert trend_of(_means(values), 64, SMOOTHED).shape == "growing"


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.floats(-50, 50), min_size=31, max_size=80),
    st.floats(0, 1),
    st.floats(1, 1e9),
    st.sampled_from([200, 400, 5_000]),
)
def test_spike_does_not_change_the_shape_of_steady_growth(
    noise: list[float], place: float, spike: float, slope: float
) -> None:
    """Growth under noise of a quarter of a step is growing with one spike of any size at any place."""
    values = _c_heap(slope, noise)
    values[round(place * (len(values) - 1))] += spike
    assert trend_of(_means(values), 64, SMOOTHED).shape == "growing"


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(-50, 50), min_size=21, max_size=80), st.floats(0, 1), st.floats(1, 1e9))
def test_level_with_a_spike_is_not_growing(noise: list[float], place: float, spike: float) -> None:
    """A C heap that keeps its level is not growing with one spike of any size at any place."""
    values = _c_heap(0, noise)
    values[round(place * (len(values) - 1))] += spike
    assert trend_of(_means(values), 64, SMOOTHED).shape != "growing"


@given(st.lists(st.floats(-1e9, 1e9), max_size=40))
def test_series_without_its_spike_has_the_same_length_and_no_higher_value(values: list[float]) -> None:
    """Only values of a spike are replaced, two at most, and by lower ones."""
    replaced = without_spike(values)
    assert len(replaced) == len(values)
    changed = [(before, after) for before, after in zip(values, replaced, strict=True) if before != after]
    assert len(changed) <= 2
    assert all(after < before for before, after in changed)
