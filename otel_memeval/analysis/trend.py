"""What one series does: stay, level off, come back down, or go on growing.

A significance test alone is worthless on deterministic data: a warm-up is as significant as a leak, and so is the rise of a
sawtooth. What counts is what is *kept*: the lower envelope of the series (the least that is still there at any later
time), and of that only what is old enough to be believed. How old that is, the series says itself: longer than anything
that was given back took to be given back. Whether its rises go on is for ``rises`` to say, and under noise for ``noise``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from otel_memeval.analysis.noise import noisy_growth
from otel_memeval.analysis.rises import Gathers, goes_on, have_stopped, repeats
from otel_memeval.analysis.slope import theil_sen
from otel_memeval.records import Growth

Shape = Literal["flat", "settled", "returning", "growing", "undecided"]
"""flat: no growth worth a word. settled: grew, then levelled. returning: rises and comes back down. growing: rises to the
end and keeps what it rose by. undecided: too short, or too irregular, to tell a leak from a warm-up."""

MOST_POINTS = 120
"""Longer series are thinned to this: slopes between all pairs of thousands of points take minutes and say the same."""

FEWEST_STEPS = 4
"""Below this many steps growth cannot be told from a warm-up."""

LAST_PART = 0.1
"""A short series whose last step has less than this part of its rise has levelled off."""

EVEN = 0.3
"""The mean slope and the robust one may differ by this part and still be of one even growth."""

NOTABLE = 4.0
"""A rise that ended is worth a word from this many times the floor on; below, the series is flat."""

PATIENCE = 1.5
"""What is kept must have outlived, by this factor, the longest time that anything took to be given back."""

REPEATS = (2, 3, 4, 6)
"""How many times over a series is continued, as it went so far, to find out how long it would have to be."""


class Nature(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a series beside its values."""

    noisy: bool = False
    """Other code makes it jitter: a trend under noise may be growth. Else each byte and item is counted exactly."""
    smoothed: bool = False
    """Each value is the mean of two neighbours."""
    one_block: bool = False
    """It is one block that grows."""
    gathers: Gathers = ""
    calls_before: int = 0
    """Warm-up iterations."""


EXACT = Nature()


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """What an undecided series leaves to be decided: what of it is believed, and the least number of steps that tells."""

    window: Sequence[float]
    rises: Sequence[int]
    nature: Nature
    unbelieved: int
    """Steps behind the window."""
    least: int


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """The shape of a series and its slope per step."""

    shape: Shape
    growth: Growth
    rest: Rest | None = None
    stride: int = 1
    """Every how many-th value was looked at."""

    @property
    def steps_needed(self) -> int | None:
        """How long an undecided series would have to be to be growth if it went on as it did so far, and to be none if
        it did not. None for any other.
        """
        return None if self.rest is None else self.stride * _steps_needed(self.rest)


def kept(values: Sequence[float]) -> list[float]:
    """The lower envelope: at each place the least value from there on. It never falls."""
    envelope = list(values)
    for place in range(len(values) - 2, -1, -1):
        envelope[place] = min(envelope[place], envelope[place + 1])
    return envelope


def rises_of(window: Sequence[float], floor_per_step: float) -> list[int]:
    """The places that are higher than the one before by half of the floor at least."""
    return [place for place in range(1, len(window)) if window[place] - window[place - 1] >= floor_per_step / 2]


def longest_stay(values: Sequence[float], least: float = 0.0) -> int:
    """The longest time, in steps, for which a rise was kept before it was given back; 0 if nothing was.

    A rise at one place is given back at the first later place where the value is no higher than it was before the rise
    (half of it, at least: noise on top of a level is not a return). Rises of less than ``least`` count for nothing.
    """
    longest = 0
    for place in range(1, len(values)):
        rise = values[place] - values[place - 1]
        if rise <= 0 or rise < least:
            continue
        level = values[place - 1] + rise / 2
        for later in range(place + 1, len(values)):
            if values[later] <= level:
                longest = max(longest, later - place)
                break
    return longest


def trend_of(values: Sequence[float], floor_per_step: float, nature: Nature = EXACT) -> Trend:
    """The shape of ``values``, growth of less than ``floor_per_step`` a step counting as none, and its slope.

    With a start value and n steps, ``values`` has n + 1 entries. Nothing here depends on the unit.
    """
    if len(values) > MOST_POINTS:
        return _thinned(values, floor_per_step, nature)
    steps = len(values) - 1
    if steps < 1 or max(values) - values[0] < floor_per_step:
        return Trend(shape="flat", growth=theil_sen(values))
    envelope = kept(values)
    stay = longest_stay(values, floor_per_step / 2)
    believed = steps - (math.ceil(PATIENCE * stay) + 1 if stay else 0)
    if believed < min(FEWEST_STEPS, steps) or steps < FEWEST_STEPS:
        return _too_short(values, envelope, floor_per_step, stay)
    window = envelope[: believed + 1]
    rises = rises_of(window, floor_per_step)
    grown = window[-1] - window[0]
    if not rises or grown < floor_per_step * (believed - rises[0] + 1):
        notable = bool(rises) and grown >= NOTABLE * floor_per_step and have_stopped(window, rises)
        shape: Shape = "settled" if notable else _level(values, floor_per_step)
        return _under_noise(values, floor_per_step, nature) or Trend(shape=shape, growth=theil_sen(values))
    growth = _mean_where_even(values[rises[0] - 1 :]) if stay == 0 else theil_sen(values)
    fell = any(before - after >= floor_per_step / 2 for before, after in pairwise(values))
    if repeats(values, floor_per_step) if stay else _goes_on(window, rises, nature, fell=fell):
        return Trend(shape="growing", growth=growth)
    noisy = _under_noise(values, floor_per_step, nature)
    if noisy is not None:
        return noisy
    if stay and 2 * grown < max(values) - min(values):
        return Trend(shape="returning", growth=theil_sen(values))
    if have_stopped(window, rises):
        return Trend(shape="settled", growth=theil_sen(values[rises[-1] :]))
    least = max(2 * steps, 3 * FEWEST_STEPS)
    rest = Rest(window=window, rises=rises, nature=nature, unbelieved=steps - believed, least=least)
    return Trend(shape="undecided", growth=growth, rest=rest)


def _goes_on(window: Sequence[float], rises: Sequence[int], nature: Nature, *, fell: bool = False) -> bool:
    return goes_on(
        window,
        rises,
        one_block=nature.one_block,
        smoothed=nature.smoothed,
        fell=fell,
        gathers=nature.gathers,
        calls_before=nature.calls_before,
    )


def _under_noise(values: Sequence[float], floor_per_step: float, nature: Nature) -> Trend | None:
    redrawn = nature.gathers == "redrawn"
    if not nature.noisy:
        return None
    growth = noisy_growth(values, floor_per_step, redrawn=redrawn, smoothed=nature.smoothed)
    return None if growth is None else Trend(shape="growing", growth=growth)


def _steps_needed(rest: Rest) -> int:
    if not rest.rises:
        return rest.least
    steps = len(rest.window) - 1
    grown = rest.window[-1] - rest.window[0]
    for times in REPEATS:
        window = [value + turn * grown for turn in range(times) for value in rest.window[:-1]]
        window.append(rest.window[0] + times * grown)
        rises = [place + turn * steps for turn in range(times) for place in rest.rises]
        if len(window) <= MOST_POINTS and _goes_on(window, rises, rest.nature):
            return max(times * steps + rest.unbelieved, rest.least)
    return rest.least


def _thinned(values: Sequence[float], floor_per_step: float, nature: Nature) -> Trend:
    """The trend of every n-th value, the last one among them, told per step of the whole."""
    stride = math.ceil(len(values) / MOST_POINTS)
    thin = values[(len(values) - 1) % stride :: stride]
    trend = trend_of(thin, floor_per_step * stride, nature)
    growth = Growth(
        bytes_per_iteration=trend.growth.bytes_per_iteration / stride,
        ci_low=trend.growth.ci_low / stride,
        ci_high=trend.growth.ci_high / stride,
    )
    return Trend(shape=trend.shape, growth=growth, rest=trend.rest, stride=stride)


def _too_short(values: Sequence[float], envelope: Sequence[float], floor_per_step: float, stay: int) -> Trend:
    """Nothing is old enough to be believed: it comes back, or it cannot be told."""
    steps = len(values) - 1
    growth = theil_sen(values)
    if envelope[-1] - envelope[0] < floor_per_step:
        return Trend(shape="returning" if stay else "flat", growth=growth)
    last = values[-1] - values[-2]
    if steps >= FEWEST_STEPS - 1 and not stay and last < max(floor_per_step, LAST_PART * (values[-1] - values[0])):
        return Trend(shape="settled", growth=growth)
    least = max(2 * steps, 3 * stay + FEWEST_STEPS, 3 * FEWEST_STEPS)
    return Trend(shape="undecided", growth=growth, rest=Rest(window=(), rises=(), nature=EXACT, unbelieved=0, least=least))


def _level(values: Sequence[float], floor_per_step: float) -> Shape:
    return "returning" if max(values) - values[-1] >= floor_per_step else "flat"


def _mean_where_even(values: Sequence[float]) -> Growth:
    """The robust slope; the mean one where both nearly agree, because then nothing has to be left out of it."""
    robust = theil_sen(values)
    mean = (values[-1] - values[0]) / max(len(values) - 1, 1)
    if abs(mean - robust.bytes_per_iteration) > EVEN * abs(mean):
        return robust
    return Growth(bytes_per_iteration=mean, ci_low=min(mean, robust.ci_low), ci_high=max(mean, robust.ci_high))
