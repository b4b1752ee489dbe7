"""The shape of a series: hand-written cases on both sides of each limit, and properties of any series."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval.analysis.trend import SeriesTraits, longest_retention, lower_envelope, trend_of

FLOOR = 32


def levels(*steps: int) -> list[int]:
    """Return a series from its steps, from 0 on."""
    return list(accumulate(steps, initial=0))


def sawtooth(period: int, offset: int, leak: int = 0) -> list[int]:
    """Return a series that grows by 100 per step and gives it back every ``period`` steps; ``leak`` stays."""
    return [((index + offset) % period) * 100 + leak * index for index in range(21)]


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (levels(*[100] * 20), "growing"),
        (levels(*[100] * 4), "growing"),
        (levels(*[100] * 3), "undecided"),
        (levels(*[0, 0, 300] * 7)[:21], "growing"),
        (levels(*[0] * 12, *[100] * 8), "growing"),
        (levels(*[0] * 19, 1000), "undecided"),
        (levels(*[0] * 19, 100), "undecided"),
        (levels(500, 300, 100, *[0] * 17), "settled"),
        (levels(*[100] * 10, *[0] * 10), "settled"),
        (levels(*[1000] * 2, *[100] * 18), "growing"),
        (levels(*[31] * 20), "flat"),
        (levels(*[32] * 20), "growing"),
        (levels(*[0] * 20), "flat"),
        (levels(*[-100] * 20), "flat"),
        ([5], "flat"),
        ([], "flat"),
    ],
)
def test_shape_of_plain_cases(values: list[int], shape: str) -> None:
    """Each hand-written series has the shape that a person would give it."""
    assert trend_of(values, FLOOR).shape == shape


@pytest.mark.parametrize(("rise", "shape"), [(127, "flat"), (128, "settled")])
def test_ended_rise_is_settled_from_four_floors_on(rise: int, shape: str) -> None:
    """A rise that ended makes a series settled from four floors on, and leaves it flat below."""
    assert trend_of(levels(rise, *[0] * 19), FLOOR).shape == shape


@pytest.mark.parametrize(("last", "shape"), [(99, "settled"), (100, "undecided")])
def test_three_steps_are_settled_when_the_last_is_less_than_a_tenth(last: int, shape: str) -> None:
    """Three steps have levelled off if the last one has less than a tenth of the rise."""
    assert trend_of(levels(600, 300, last), FLOOR).shape == shape


@pytest.mark.parametrize(("steps", "shape"), [(13, "undecided"), (14, "returning")])
def test_memory_is_believed_after_one_and_a_half_times_the_longest_retention(steps: int, shape: str) -> None:
    """After memory was given back after six steps, the last ten steps are not believed; four believed steps decide."""
    values = levels(1_000, 100, 100, 0, 0, 0, -1_000, *[0] * (steps - 7))
    assert longest_retention(values) == 6
    assert trend_of(values, FLOOR).shape == shape


def test_single_block_that_grows_ahead_is_growing() -> None:
    """A block that grows in larger portions at wider gaps is growing; several blocks with that series are undecided."""
    values = levels(*[512] * 6, 1093, 0, 1152, 0, 1152, 0, 1152, 0, 1152, 0, 0, 1728, 0, 0)
    assert trend_of(values, FLOOR, SeriesTraits(single_block=True)).shape == "growing"
    assert trend_of(values, FLOOR).shape == "undecided"


@pytest.mark.parametrize("period", [2, 3, 4, 5, 7, 8, 10])
def test_sawtooth_is_not_growing(period: int) -> None:
    """A sawtooth that comes down at least twice is neither growing nor undecided, wherever it begins."""
    shapes = {trend_of(sawtooth(period, offset), FLOOR).shape for offset in range(period)}
    assert shapes <= {"returning", "flat", "settled"}


@pytest.mark.parametrize("period", [2, 3, 4])
def test_leak_beneath_a_sawtooth_is_growing(period: int) -> None:
    """Memory that stays each time a short sawtooth comes down is growing."""
    for offset in range(period):
        trend = trend_of(sawtooth(period, offset, leak=64), FLOOR)
        assert trend.shape == "growing"
        assert trend.growth.bytes_per_iteration == pytest.approx(64, rel=0.25)


@pytest.mark.parametrize("late", range(1, 8))
def test_memory_that_is_freed_late_is_not_growing(late: int) -> None:
    """Memory that is freed some steps later rises at first and then stays level."""
    assert trend_of([min(index, late) * 1000 for index in range(21)], FLOOR).shape in ("settled", "flat")


@pytest.mark.parametrize("steps", [119, 120, 121, 1000, 10_000])
def test_long_series_keep_their_shape(steps: int) -> None:
    """A leak, a level and a sawtooth keep their shape and slope however long the series is."""
    trend = trend_of([100 * index for index in range(steps + 1)], FLOOR)
    assert (trend.shape, trend.growth.bytes_per_iteration) == ("growing", 100)
    assert trend_of([5000] * (steps + 1), FLOOR).shape == "flat"
    assert trend_of([index % 7 * 1000 for index in range(steps + 1)], FLOOR).shape in ("returning", "flat")


def test_slope_of_late_growth_is_counted_from_its_start() -> None:
    """The slope of growth that begins late leaves out the level before."""
    assert trend_of(levels(*[0] * 10, *[100] * 10), FLOOR).growth.bytes_per_iteration == 100


@pytest.mark.parametrize(("first", "slope"), [(900, 140), (1100, 100)])
def test_slope_is_the_mean_only_when_growth_is_even(first: int, slope: int) -> None:
    """The slope is the mean if it differs from the median slope by 30% at most, otherwise the median slope."""
    assert trend_of(levels(first, *[100] * 19), FLOOR).growth.bytes_per_iteration == slope


def test_undecided_series_has_the_steps_that_would_decide() -> None:
    """Only an undecided trend has a number of steps, more than the series has."""
    trend = trend_of(levels(100, 100, 100), FLOOR)
    assert trend.steps_needed is not None
    assert trend.steps_needed > 3
    assert trend_of(levels(*[100] * 20), FLOOR).steps_needed is None


@settings(deadline=None)
@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=40), st.integers(-(10**9), 10**9))
def test_shape_does_not_depend_on_the_level(values: list[int], shift: int) -> None:
    """Adding a constant changes no shape."""
    assert trend_of([value + shift for value in values], FLOOR).shape == trend_of(values, FLOOR).shape


@settings(deadline=None)
@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=40), st.sampled_from([2, 4, 1024]))
def test_shape_does_not_depend_on_the_unit(values: list[int], factor: int) -> None:
    """Multiplying the values and the floor changes no shape."""
    assert trend_of([value * factor for value in values], FLOOR * factor).shape == trend_of(values, FLOOR).shape


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40))
def test_lower_envelope_never_falls(values: list[int]) -> None:
    """The lower envelope rises, lies below the series, and ends where the series ends."""
    envelope = lower_envelope(values)
    assert envelope == sorted(envelope)
    assert all(low <= value for low, value in zip(envelope, values, strict=True))
    assert envelope[-1] == values[-1]


@pytest.mark.parametrize(
    ("values", "steps"), [([0, 1, 2, 3], 0), ([0, 9, 0], 1), ([0, 9, 9, 9, 0, 1], 3), ([3, 2, 1], 0), ([0, 9, 5], 0)]
)
def test_longest_retention_counts_steps_until_a_rise_is_given_back(values: list[int], steps: int) -> None:
    """The retention ends with the first value at half of the rise or below; a rise that lasts to the end does not count."""
    assert longest_retention(values) == steps
