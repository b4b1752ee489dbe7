"""Rises of retained memory: both sides of each limit between growth and harmless rises."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

import pytest

from otel_memeval.analysis.rises import has_levelled_off
from otel_memeval.analysis.trend import SeriesTraits, Shape, trend_of

FLOOR = 8
AFTER_A_LONG_WARM_UP = 1_000
SMOOTHED = SeriesTraits(smoothed=True)


def levels(*steps: float) -> list[float]:
    """Return a series from its steps, from 0 on."""
    return list(accumulate(steps, initial=0.0))


def rising_at(steps: int, rises: Iterable[int], size: float = 1_000) -> list[float]:
    """Return a series of ``steps`` steps that rises at these."""
    at = set(rises)
    return levels(*(size if index in at else 0 for index in range(1, steps + 1)))


@pytest.mark.parametrize(("rises", "shape"), [((18, 20), "undecided"), ((16, 18, 20), "growing")])
def test_three_rises_are_needed(rises: tuple[int, ...], shape: Shape) -> None:
    """Two late rises in a list are no growth, even after so long a warm-up that chance hardly explains them."""
    traits = SeriesTraits(growth_mode="appended", calls_before=AFTER_A_LONG_WARM_UP)
    assert trend_of(rising_at(20, rises), FLOOR, traits).shape == shape


@pytest.mark.parametrize(("late_rises", "shape"), [(3, "undecided"), (4, "growing")])
def test_late_start_needs_four_rises(late_rises: int, shape: Shape) -> None:
    """Growth that begins after three level steps needs four rises in a row."""
    assert trend_of(levels(*[0] * 3, *[1_000] * late_rises), FLOOR).shape == shape


@pytest.mark.parametrize(("steps_in_a_row", "shape"), [(3, "undecided"), (4, "growing")])
def test_block_that_grows_ahead_needs_five_rises(steps_in_a_row: int, shape: Shape) -> None:
    """A single block that skips a step follows a straight line, but counts only from five rises on."""
    values = levels(*[500] * steps_in_a_row, 0, 500)
    assert trend_of(values, FLOOR, SeriesTraits(single_block=True)).shape == shape


@pytest.mark.parametrize(("off_line", "shape"), [(0.19, "growing"), (0.21, "undecided")])
def test_block_may_be_a_fifth_of_its_growth_off_a_straight_line(off_line: float, shape: Shape) -> None:
    """A single block is growing if it is nowhere further than 0.2 of its growth from a straight line."""
    early = 1_000 + 2_000 * off_line
    late = (10_000 - 5 * early) / 4
    values = levels(*[early] * 5, 0, *[late] * 4)
    assert trend_of(values, FLOOR, SeriesTraits(single_block=True)).shape == shape


@pytest.mark.parametrize(("steps", "shape"), [(18, "undecided"), (19, "growing")])
def test_five_rises_at_even_gaps_need_nineteen_steps(steps: int, shape: Shape) -> None:
    """Rises on each fourth step have chance 4 in 8,568 in 18 steps, 4 in 11,628 in 19: the limit is 4 in 10,000."""
    assert trend_of(rising_at(steps, range(steps - 16, steps + 1, 4)), FLOOR).shape == shape


@pytest.mark.parametrize(("steps", "shape"), [(19, "undecided"), (20, "growing")])
def test_three_equal_rises_of_a_peak_need_twenty_steps(steps: int, shape: Shape) -> None:
    """Equal rises on each fifth step have chance 5 in 969 in 19 steps, 5 in 1,140 in 20: the limit is 5 in 1,000."""
    traits = SeriesTraits(growth_mode="independent")
    assert trend_of(rising_at(steps, range(steps - 10, steps + 1, 5)), FLOOR, traits).shape == shape


@pytest.mark.parametrize(("last", "shape"), [(900, "growing"), (890, "undecided")])
def test_rises_are_equal_if_they_differ_by_a_tenth(last: int, shape: Shape) -> None:
    """Three rises in a list are growing if the smallest has at least 0.9 of the largest."""
    values = rising_at(20, (10, 15))
    values[20] += last
    assert trend_of(values, FLOOR, SeriesTraits(growth_mode="appended", calls_before=3)).shape == shape


@pytest.mark.parametrize(("late_step", "shape"), [(400, "growing"), (390, "undecided")])
def test_growth_may_slow_down_to_two_fifths(late_step: int, shape: Shape) -> None:
    """The last third needs 0.4 of the pace of the middle third."""
    assert trend_of(levels(*[1_000] * 13, *[late_step] * 7), FLOOR).shape == shape


@pytest.mark.parametrize(("late_step", "shape"), [(600, "growing"), (590, "undecided")])
def test_untraced_growth_may_slow_down_to_three_fifths(late_step: int, shape: Shape) -> None:
    """For untraced memory the last third needs 0.6 of the pace of the middle third."""
    assert trend_of(levels(*[1_000] * 13, *[late_step] * 7), FLOOR, SMOOTHED).shape == shape


@pytest.mark.parametrize(
    ("early_step", "unevenness", "shape"),
    [(2_010, 240, "undecided"), (2_010, 230, "growing"), (1_990, 240, "growing")],
)
def test_untraced_growth_fades_when_it_was_twice_as_fast_and_is_uneven(
    early_step: int, unevenness: int, shape: Shape
) -> None:
    """Untraced growth ends if its first third was more than twice as fast and its last steps differ by more than 0.2."""
    late = [1_000 - unevenness, 1_000 + unevenness] * 3
    values = levels(*[early_step] * 7, *[1_000] * 7, *late, 1_000)
    assert trend_of(values, FLOOR, SMOOTHED).shape == shape


@pytest.mark.parametrize(("steps", "growing"), [(9, False), (10, True)])
def test_ratcheting_needs_two_and_a_half_periods(steps: int, growing: bool) -> None:
    """A sawtooth of four steps that keeps 100 each time is growing from ten steps on."""
    values = levels(*([100, 100, 100, -200] * 3)[:steps])
    assert (trend_of(values, FLOOR).shape == "growing") is growing


@pytest.mark.parametrize(("late_growth", "levelled_off"), [(90, True), (110, False)])
def test_growth_has_levelled_off_when_the_later_half_has_less_than_a_tenth(late_growth: int, levelled_off: bool) -> None:
    """With a level last step, growth has ended if the later half has less than 0.1 of it."""
    window = levels(*[(1_000 - late_growth) / 10] * 10, *[late_growth / 9] * 9, 0)
    assert has_levelled_off(window, range(1, 20)) is levelled_off


@pytest.mark.parametrize(("level_steps", "levelled_off"), [(5, False), (6, True)])
def test_growth_has_levelled_off_after_a_third_of_the_steps(level_steps: int, levelled_off: bool) -> None:
    """Growth that speeds up has ended after a third of the steps without a rise."""
    sizes = [1_000 * 2**index for index in range(20 - level_steps)]
    window = levels(*sizes, *[0] * level_steps)
    assert has_levelled_off(window, range(1, len(sizes) + 1)) is levelled_off
