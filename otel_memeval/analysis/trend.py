"""Find the shape of one series: flat, settled, returning, growing, or undecided.

A significance test alone is of no use on exact data: a warm-up is as significant as a leak, and so is the rise of a
sawtooth. Memory counts as retained if it is in the *lower envelope* of the series (the least value from an index on), and as
believed if it is older than the longest time for which any memory was held before it was given back. Whether believed memory
keeps growing is decided by ``rises``, and under noise by ``noise``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from otel_memeval.analysis.noise import noisy_growth, without_spike
from otel_memeval.analysis.rises import GrowthMode, has_levelled_off, is_ratcheting, keeps_growing
from otel_memeval.analysis.slope import theil_sen
from otel_memeval.records import Growth

Shape = Literal["flat", "settled", "returning", "growing", "undecided"]
"""flat: no growth above the floor. settled: grew, then levelled off. returning: rises and comes back down. growing: rises to
the end and keeps the rise. undecided: too short or too irregular to tell a leak from a warm-up."""

MAX_POINTS = 120
"""Values from which on a series is thinned: the time for the slopes of all pairs grows with the square."""

MIN_STEPS = 4
"""Steps below which growth cannot be told from a warm-up."""

SETTLED_LAST_STEP = 0.1
"""A short series has levelled off if its last step has less than this part of its rise."""

EVEN_TOLERANCE = 0.3
"""Growth is even if the mean slope and the median slope differ by at most this part of the mean slope."""

NOTABLE_FLOORS = 4.0
"""Floors from which on a rise that ended makes a series settled instead of flat."""

PATIENCE = 1.5
"""Memory is believed to be retained once it is older than the longest retention of returned memory times this factor."""

PROJECTIONS = (2, 3, 4, 6)
"""Multiples of an undecided series, continued as it went so far, that are judged to find the steps that it needs."""


class SeriesTraits(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of a series beside its values."""

    noisy: bool = False
    """Other code makes the series jitter: a trend under noise may be growth. Otherwise each byte and item is exact."""
    smoothed: bool = False
    """Each value is the mean of two neighbours."""
    single_block: bool = False
    """The memory is one block that grows."""
    growth_mode: GrowthMode = ""
    calls_before: float = 0
    """Warm-up calls."""
    calls_per_step: int = 1


class Undecided(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an undecided series that more steps would decide."""

    window: Sequence[float]
    """Believed values of the lower envelope."""
    rises: Sequence[int]
    traits: SeriesTraits
    unbelieved: int
    """Steps after the window."""
    least: int
    """Least number of steps that decides."""


class SeriesTrend(msgspec.Struct, frozen=True, kw_only=True):
    """Shape of a series, and its slope per step."""

    shape: Shape
    growth: Growth
    undecided: Undecided | None = None
    early: bool = False
    """It grows, and more steps have to show whether the growth lasts."""
    stride: int = 1
    """Calls per judged step, of a series that was thinned or has several calls per step."""

    @property
    def steps_needed(self) -> int | None:
        """Return the length at which an undecided series would be growth if it continued as before, and none if not.

        None for a series that is decided.
        """
        return None if self.undecided is None else self.stride * _steps_needed(self.undecided)


def lower_envelope(values: Sequence[float]) -> list[float]:
    """Return the least value from each index on; the result never falls."""
    envelope = list(values)
    for index in range(len(values) - 2, -1, -1):
        envelope[index] = min(envelope[index], envelope[index + 1])
    return envelope


def rises_of(window: Sequence[float], floor_per_step: float) -> list[int]:
    """Return the indices of values that are above the value before by at least half of the floor."""
    return [index for index in range(1, len(window)) if window[index] - window[index - 1] >= floor_per_step / 2]


def longest_retention(values: Sequence[float], min_rise: float = 0.0) -> int:
    """Return the longest time, in steps, from a rise until it was given back; 0 if no rise was given back.

    A rise is given back at the first later value that is at most half of the rise above the value before it: noise on top of
    a level is not a return. Rises of less than ``min_rise`` are ignored.
    """
    longest = 0
    for index in range(1, len(values)):
        rise = values[index] - values[index - 1]
        if rise <= 0 or rise < min_rise:
            continue
        level = values[index - 1] + rise / 2
        for later in range(index + 1, len(values)):
            if values[later] <= level:
                longest = max(longest, later - index)
                break
    return longest


def trend_of(values: Sequence[float], floor_per_step: float, traits: SeriesTraits | None = None) -> SeriesTrend:
    """Return the shape and the slope of ``values``; growth of less than ``floor_per_step`` per step counts as none.

    With a start value and n steps, ``values`` has n + 1 entries, in any unit. Without traits the series is exact. Floor and
    slope are those of a call where a step has several calls (``calls_per_step``).
    """
    traits = traits or SeriesTraits()
    if traits.calls_per_step > 1:
        calls = traits.calls_per_step
        # In steps, with 1 / (step + calls_before + 1) as the chance that one of the calls of a step is a record (chance).
        before = (traits.calls_before + 1) / calls - 1
        per_step = msgspec.structs.replace(traits, calls_per_step=1, calls_before=before)
        return _per_call(trend_of(values, floor_per_step * calls, per_step), calls)
    if len(values) > MAX_POINTS:
        return _thinned(values, floor_per_step, traits)
    if traits.smoothed:
        values = without_spike(values)
    steps = len(values) - 1
    if steps < 1 or max(values) - values[0] < floor_per_step:
        return SeriesTrend(shape="flat", growth=theil_sen(values))
    envelope = lower_envelope(values)
    retention = longest_retention(values, floor_per_step / 2)
    believed = steps - (math.ceil(PATIENCE * retention) + 1 if retention else 0)
    if believed < MIN_STEPS:
        return _too_short(values, envelope, floor_per_step, retention)
    window = envelope[: believed + 1]
    rises = rises_of(window, floor_per_step)
    grown = window[-1] - window[0]
    if not rises or grown < floor_per_step * (believed - rises[0] + 1):
        return _under_noise(values, floor_per_step, traits) or _below_floor(values, window, rises, floor_per_step)
    growth = theil_sen(values) if retention else _even_growth(values[rises[0] - 1 :])
    fell = any(before - after >= floor_per_step / 2 for before, after in pairwise(values))
    if is_ratcheting(values, floor_per_step) if retention else _keeps_growing(window, rises, traits, fell=fell):
        return SeriesTrend(shape="growing", growth=growth)
    noisy = _under_noise(values, floor_per_step, traits)
    if noisy is not None:
        return noisy
    if retention and 2 * grown < max(values) - min(values):
        return SeriesTrend(shape="returning", growth=theil_sen(values))
    if has_levelled_off(window, rises):
        return SeriesTrend(shape="settled", growth=theil_sen(values[rises[-1] :]))
    least = max(2 * steps, 3 * MIN_STEPS)
    undecided = Undecided(window=window, rises=rises, traits=traits, unbelieved=steps - believed, least=least)
    return SeriesTrend(shape="undecided", growth=growth, undecided=undecided)


def _below_floor(
    values: Sequence[float], window: Sequence[float], rises: Sequence[int], floor_per_step: float
) -> SeriesTrend:
    """Return the trend of a series with growth below the floor: a rise that ended, memory that came back, or nothing."""
    shape: Shape = "returning" if max(values) - values[-1] >= floor_per_step else "flat"
    if rises and window[-1] - window[0] >= NOTABLE_FLOORS * floor_per_step and has_levelled_off(window, rises):
        shape = "settled"
    return SeriesTrend(shape=shape, growth=theil_sen(values))


def _keeps_growing(window: Sequence[float], rises: Sequence[int], traits: SeriesTraits, *, fell: bool = False) -> bool:
    return keeps_growing(
        window,
        rises,
        single_block=traits.single_block,
        smoothed=traits.smoothed,
        fell=fell,
        growth_mode=traits.growth_mode,
        calls_before=traits.calls_before,
    )


def _under_noise(values: Sequence[float], floor_per_step: float, traits: SeriesTraits) -> SeriesTrend | None:
    """Return a growing trend if a noisy series rises as noise does not; otherwise None."""
    if not traits.noisy:
        return None
    independent = traits.growth_mode == "independent"
    growth = noisy_growth(values, floor_per_step, independent=independent, smoothed=traits.smoothed)
    return None if growth is None else SeriesTrend(shape="growing", growth=growth)


def _steps_needed(undecided: Undecided) -> int:
    if not undecided.rises:
        return undecided.least
    steps = len(undecided.window) - 1
    grown = undecided.window[-1] - undecided.window[0]
    for times in PROJECTIONS:
        window = [value + turn * grown for turn in range(times) for value in undecided.window[:-1]]
        window.append(undecided.window[0] + times * grown)
        rises = [index + turn * steps for turn in range(times) for index in undecided.rises]
        if len(window) <= MAX_POINTS and _keeps_growing(window, rises, undecided.traits):
            return max(times * steps + undecided.unbelieved, undecided.least)
    return undecided.least


def _thinned(values: Sequence[float], floor_per_step: float, traits: SeriesTraits) -> SeriesTrend:
    """Return the trend of every n-th value, the last one included, with its slope per step of the full series."""
    stride = math.ceil(len(values) / MAX_POINTS)
    thin = values[(len(values) - 1) % stride :: stride]
    return _per_call(trend_of(thin, floor_per_step * stride, traits), stride)


def _per_call(trend: SeriesTrend, calls: int) -> SeriesTrend:
    """Return a trend with steps of several calls as one with a slope per call."""
    growth = Growth(
        bytes_per_iteration=trend.growth.bytes_per_iteration / calls,
        ci_low=trend.growth.ci_low / calls,
        ci_high=trend.growth.ci_high / calls,
    )
    return msgspec.structs.replace(trend, growth=growth, stride=trend.stride * calls)


def _too_short(values: Sequence[float], envelope: Sequence[float], floor_per_step: float, retention: int) -> SeriesTrend:
    """Return the trend of a series in which nothing is old enough to be believed: it comes back, or is undecided."""
    steps = len(values) - 1
    growth = theil_sen(values)
    if envelope[-1] - envelope[0] < floor_per_step:
        return SeriesTrend(shape="returning" if retention else "flat", growth=growth)
    last = values[-1] - values[-2]
    small = max(floor_per_step, SETTLED_LAST_STEP * (values[-1] - values[0]))
    if steps >= MIN_STEPS - 1 and not retention and last < small:
        return SeriesTrend(shape="settled", growth=growth)
    least = max(2 * steps, 3 * retention + MIN_STEPS, 3 * MIN_STEPS)
    undecided = Undecided(window=(), rises=(), traits=SeriesTraits(), unbelieved=0, least=least)
    return SeriesTrend(shape="undecided", growth=growth, undecided=undecided)


def _even_growth(values: Sequence[float]) -> Growth:
    """Return the mean slope if growth is even, so that no outlier has to be left out; otherwise the median slope."""
    robust = theil_sen(values)
    mean = (values[-1] - values[0]) / max(len(values) - 1, 1)
    if abs(mean - robust.bytes_per_iteration) > EVEN_TOLERANCE * abs(mean):
        return robust
    return Growth(bytes_per_iteration=mean, ci_low=min(mean, robust.ci_low), ci_high=max(mean, robust.ci_high))
