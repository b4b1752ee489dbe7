"""The shape of one series: hand-written cases on both sides of each rule, properties, and measured rates of error."""

from __future__ import annotations

import random
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval.analysis.noise import line_strength, mann_kendall_chance
from otel_memeval.analysis.trend import Nature, kept, longest_stay, trend_of

FLOOR = 32
NOISY = Nature(noisy=True)
REDRAWN = Nature(noisy=True, gathers="redrawn")


def levels(*steps: int) -> list[int]:
    """A series from its steps, starting at 0."""
    return list(accumulate(steps, initial=0))


def sawtooth(period: int, offset: int, leak: int = 0) -> list[int]:
    """100 a step, given back every ``period`` steps; ``leak`` stays."""
    return [((place + offset) % period) * 100 + leak * place for place in range(21)]


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


def test_buffer_that_grows_ahead_is_growth() -> None:
    """One block that grows in larger portions at wider spaces is growing; several blocks that do are not told apart."""
    values = levels(*[512] * 6, 1093, 0, 1152, 0, 1152, 0, 1152, 0, 1152, 0, 0, 1728, 0, 0)
    assert trend_of(values, FLOOR, Nature(one_block=True)).shape == "growing"
    assert trend_of(values, FLOOR).shape == "undecided"


@pytest.mark.parametrize("period", [2, 3, 4, 5, 7, 8, 10])
def test_sawtooth_is_no_growth(period: int) -> None:
    """A sawtooth that comes down at least twice in the run is never growing nor undecided, wherever it begins."""
    shapes = {trend_of(sawtooth(period, offset), FLOOR).shape for offset in range(period)}
    assert shapes <= {"returning", "flat", "settled"}


@pytest.mark.parametrize("period", [2, 3, 4])
def test_leak_beneath_a_sawtooth_is_growth(period: int) -> None:
    """What stays each time a short sawtooth comes down is growing."""
    for offset in range(period):
        trend = trend_of(sawtooth(period, offset, leak=64), FLOOR)
        assert trend.shape == "growing"
        assert trend.growth.bytes_per_iteration == pytest.approx(64, rel=0.25)


@pytest.mark.parametrize("late", range(1, 8))
def test_memory_freed_late_is_no_growth(late: int) -> None:
    """What is freed some iterations later rises at first and then stays level: not growing."""
    assert trend_of([min(place, late) * 1000 for place in range(21)], FLOOR).shape in ("settled", "flat")


@pytest.mark.parametrize("steps", [119, 120, 121, 1000, 10_000])
def test_long_series_are_judged_alike(steps: int) -> None:
    """A leak, a level and a sawtooth keep their shapes and their slope however long the run is."""
    trend = trend_of([100 * place for place in range(steps + 1)], FLOOR)
    assert (trend.shape, trend.growth.bytes_per_iteration) == ("growing", 100)
    assert trend_of([5000] * (steps + 1), FLOOR).shape == "flat"
    assert trend_of([place % 7 * 1000 for place in range(steps + 1)], FLOOR).shape in ("returning", "flat")


def test_slope_of_growth_that_begins_late_is_that_of_the_growth() -> None:
    """The bytes an iteration are counted from where the growth began."""
    assert trend_of(levels(*[0] * 10, *[100] * 10), FLOOR).growth.bytes_per_iteration == 100


def test_undecided_says_how_many_steps_would_decide() -> None:
    """Only an undecided trend names steps, and more than there are."""
    trend = trend_of(levels(100, 100, 100), FLOOR)
    assert trend.steps_needed is not None
    assert trend.steps_needed > 3
    assert trend_of(levels(*[100] * 20), FLOOR).steps_needed is None


@settings(deadline=None)
@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=40), st.integers(-(10**9), 10**9))
def test_shape_ignores_the_level(values: list[int], shift: int) -> None:
    """Adding a constant changes no shape."""
    assert trend_of([value + shift for value in values], FLOOR).shape == trend_of(values, FLOOR).shape


@settings(deadline=None)
@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=40), st.sampled_from([2, 4, 1024]))
def test_shape_ignores_the_unit(values: list[int], factor: int) -> None:
    """Multiplying the values and the floor changes no shape."""
    assert trend_of([value * factor for value in values], FLOOR * factor).shape == trend_of(values, FLOOR).shape


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40))
def test_what_is_kept_never_falls_and_is_never_more_than_there_is(values: list[int]) -> None:
    """The lower envelope rises, lies below the series, and ends where it ends."""
    envelope = kept(values)
    assert envelope == sorted(envelope)
    assert all(low <= value for low, value in zip(envelope, values, strict=True))
    assert envelope[-1] == values[-1]


@pytest.mark.parametrize(("values", "stay"), [([0, 1, 2, 3], 0), ([0, 9, 0], 1), ([0, 9, 9, 9, 0, 1], 3), ([3, 2, 1], 0)])
def test_longest_stay(values: list[int], stay: int) -> None:
    """How long a rise lasted before it was given back; a rise that lasts to the end does not count."""
    assert longest_stay(values) == stay


def test_noise_is_not_growth() -> None:
    """Of 10,000 series of noise of many sizes and kinds at most one is called growing."""
    chance = random.Random(7)
    growing = 0
    for number in range(10_000):
        size = 10 ** chance.uniform(1, 6)
        draw = chance.gauss if number % 2 else chance.uniform
        values = [draw(0, size) for _ in range(21)]
        growing += trend_of(values, FLOOR, NOISY if number % 3 else REDRAWN).shape == "growing"
    assert growing <= 1


def test_growth_under_noise_is_found() -> None:
    """A rise of 100 a step is found under noise of its own size in at least 95 of 100 series of 20 steps."""
    chance = random.Random(8)
    found = sum(
        trend_of([100 * place + chance.gauss(0, 60) for place in range(21)], FLOOR, NOISY).shape == "growing"
        for _ in range(300)
    )
    assert found >= 285


@pytest.mark.parametrize(("climbs_for", "least", "most"), [(20, 270, 300), (7, 0, 0)])
def test_a_peak_that_climbs_under_large_noise_is_found_and_one_that_stops_is_not(
    climbs_for: int, least: int, most: int
) -> None:
    """10 KiB more each time under 64 KiB of noise: nine of ten series of 20 are found; none that stops after seven."""
    chance = random.Random(9)
    found = sum(
        trend_of([10_240 * min(place, climbs_for) + chance.uniform(0, 65_536) for place in range(20)], 256, REDRAWN).shape
        == "growing"
        for _ in range(300)
    )
    assert least <= found <= most


@given(
    st.lists(st.integers(-1000, 1000), min_size=4, max_size=30), st.integers(-10_000, 10_000), st.sampled_from([2, 8, 64])
)
def test_the_strength_of_a_line_has_no_unit(values: list[int], shift: int, scale: int) -> None:
    """Neither a shift nor a scale changes it, backwards it is the opposite; a straight line is infinitely strong."""
    strength = line_strength(values)
    assert line_strength([scale * value + shift for value in values]) == pytest.approx(strength, rel=1e-6, abs=1e-6)
    if 0 < abs(strength) < float("inf"):
        assert line_strength(values[::-1]) == pytest.approx(-strength, rel=1e-6)
    assert line_strength([3 * place + shift for place in range(len(values))]) > 1e6


def test_small_cache_that_fills_by_chance_is_rarely_growth() -> None:
    """A cache of eight keys asked for at random, after three warm-ups, is called growing in at most 5 of 500 series."""
    growing = 0
    for seed in range(500):
        chance = random.Random(seed)
        seen = {chance.randrange(8) for _ in range(3)}
        values = [len(seen) * 1000]
        for _ in range(20):
            seen.add(chance.randrange(8))
            values.append(len(seen) * 1000)
        growing += trend_of(values, FLOOR).shape == "growing"
    assert growing <= 5


def test_chance_of_a_perfect_rise_is_small_and_of_a_constant_is_one() -> None:
    """Mann and Kendall's test: a perfect rise is next to impossible by chance; a constant or a fall proves nothing."""
    assert mann_kendall_chance(list(range(20))) < 1e-6
    assert mann_kendall_chance([4.0] * 20) == 1
    assert mann_kendall_chance(list(range(20, 0, -1))) == 1
