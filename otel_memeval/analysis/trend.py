"""What one series does: stay, level off, come back down, or go on growing.

A significance test alone is worthless on deterministic data: a warm-up is as significant as a leak, and so is the rise of a
sawtooth. What counts is what is *kept*: the lower envelope of the series (the least that is still there at any later
time), and of that only what is old enough to be believed. How old that is, the series says itself: longer than anything
that was given back took to be given back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist, median
from typing import Literal

import msgspec

from otel_memeval.analysis.slope import theil_sen
from otel_memeval.records import Growth

Shape = Literal["flat", "settled", "returning", "growing", "undecided"]
"""flat: no growth worth a word. settled: grew, then levelled. returning: rises and comes back down. growing: rises to the
end and keeps what it rose by. undecided: too short, or too irregular, to tell a leak from a warm-up."""

Noise = Literal["none", "level", "redrawn"]
"""What may make a series jitter. none: nothing does, it is counted exactly. level: something that wanders. redrawn: each
value anew, as a peak."""

MOST_POINTS = 120
"""Longer series are thinned to this: slopes between all pairs of thousands of points take minutes and say the same."""

FEWEST_STEPS = 4
"""Below this many steps growth cannot be told from a warm-up."""

FEWEST_RISES = 3
"""Rises of what is kept, evenly spaced, that make growth; a warm-up has one or two."""

FEWEST_IRREGULAR_RISES = 16
"""The same where their spacing varies: a cache keyed by chance fills like that, and slows down."""

FEWEST_RISES_APART = 4
"""The same where there are steps without a rise in between: a cache has three evenly spaced ones by chance."""

FEWEST_RISES_NEARLY_EVEN = 7
"""The same where their spacing differs by one."""

FEWEST_RISES_OF_A_BLOCK = 5
"""The same for one block, such as a buffer: it grows ahead of what it holds, in larger portions at wider spaces."""

LAST_PART = 0.1
"""A short series whose last step has less than this part of its rise has levelled off."""

OFF_THE_LINE = 0.2
"""How far such a block may be off a straight line, as a part of its growth."""

PERIODS = 2.5
"""A sawtooth that keeps some each time has to be seen this many times over."""

ALIKE = 0.1
"""Steps of a sawtooth repeat if they differ by less than this part of the largest."""

KEPT_PACE = 0.4
"""Growth of which the later half has less than this part of the earlier half's pace is levelling off."""

KEPT_PACE_IRREGULAR = 0.75
"""The same where rises come by chance."""

EVEN = 0.3
"""The mean slope and the robust one may differ by this part and still be of one even growth."""

CHANCE = 2e-5
"""How often noise alone may look like a trend."""

NOTABLE = 4.0
"""A rise that ended is worth a word from this many times the floor on; below, the series is flat."""

PATIENCE = 1.5
"""What is kept must have outlived, by this factor, the longest time that anything took to be given back."""


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """The shape of a series, its slope per step, and how many steps it would take to decide (if it is undecided)."""

    shape: Shape
    growth: Growth
    steps_needed: int | None = None


def kept(values: Sequence[float]) -> list[float]:
    """The lower envelope: at each place the least value from there on. It never falls."""
    envelope = list(values)
    for place in range(len(values) - 2, -1, -1):
        envelope[place] = min(envelope[place], envelope[place + 1])
    return envelope


def longest_stay(values: Sequence[float]) -> int:
    """The longest time, in steps, for which a rise was kept before it was given back; 0 if nothing was.

    A rise at one place is given back at the first later place where the value is no higher than it was before the rise
    (half of it, at least: noise on top of a level is not a return).
    """
    longest = 0
    for place in range(1, len(values)):
        rise = values[place] - values[place - 1]
        if rise <= 0:
            continue
        level = values[place - 1] + rise / 2
        for later in range(place + 1, len(values)):
            if values[later] <= level:
                longest = max(longest, later - place)
                break
    return longest


def trend_of(values: Sequence[float], floor_per_step: float, *, noise: Noise = "none", one_block: bool = False) -> Trend:
    """The shape of ``values``, growth of less than ``floor_per_step`` a step counting as none, and its slope.

    With a start value and n steps, ``values`` has n + 1 entries. Nothing here depends on the unit. ``noise`` says whether a
    trend under noise may be growth, and of which kind the noise is; ``one_block``, that it is one block that grows.
    """
    if len(values) > MOST_POINTS:
        return _thinned(values, floor_per_step, noise, one_block)
    steps = len(values) - 1
    if steps < 1 or max(values) - values[0] < floor_per_step:
        return Trend(shape="flat", growth=theil_sen(values))
    envelope = kept(values)
    stay = longest_stay(values)
    believed = steps - (math.ceil(PATIENCE * stay) + 1 if stay else 0)
    if believed < min(FEWEST_STEPS, steps) or steps < FEWEST_STEPS:
        return _too_short(values, envelope, floor_per_step, stay)
    window = envelope[: believed + 1]
    rises = [place for place in range(1, len(window)) if window[place] - window[place - 1] >= floor_per_step / 2]
    grown = window[-1] - window[0]
    if not rises or grown < floor_per_step * (believed - rises[0] + 1):
        noisy = _noisy_growth(values, floor_per_step, noise) if noise != "none" else None
        notable = bool(rises) and grown >= NOTABLE * floor_per_step and _has_stopped(window, rises, believed)
        return noisy or Trend(shape="settled" if notable else _level(values, floor_per_step), growth=theil_sen(values))
    growth = _mean_where_even(values[rises[0] - 1 :]) if stay == 0 else theil_sen(values)
    goes_on = _repeats(values, floor_per_step) if stay else _goes_on(window, rises, believed, one_block)
    if goes_on:
        return Trend(shape="growing", growth=growth)
    if stay:
        noisy = _noisy_growth(values, floor_per_step, noise) if noise != "none" else None
        if noisy is not None:
            return noisy
        if 2 * grown < max(values) - min(values):
            return Trend(shape="returning", growth=theil_sen(values))
    if _has_stopped(window, rises, believed):
        return Trend(shape="settled", growth=theil_sen(values[rises[-1] :]))
    return Trend(shape="undecided", growth=growth, steps_needed=max(2 * steps, 3 * FEWEST_STEPS))


def _thinned(values: Sequence[float], floor_per_step: float, noise: Noise, one_block: bool) -> Trend:
    """The trend of every n-th value, the last one among them, told per step of the whole."""
    stride = math.ceil(len(values) / MOST_POINTS)
    thin = values[(len(values) - 1) % stride :: stride]
    trend = trend_of(thin, floor_per_step * stride, noise=noise, one_block=one_block)
    growth = Growth(
        bytes_per_iteration=trend.growth.bytes_per_iteration / stride,
        ci_low=trend.growth.ci_low / stride,
        ci_high=trend.growth.ci_high / stride,
    )
    return Trend(shape=trend.shape, growth=growth, steps_needed=2 * len(values) if trend.steps_needed else None)


def _too_short(values: Sequence[float], envelope: Sequence[float], floor_per_step: float, stay: int) -> Trend:
    """Nothing is old enough to be believed: it comes back, or it cannot be told."""
    steps = len(values) - 1
    growth = theil_sen(values)
    if envelope[-1] - envelope[0] < floor_per_step:
        return Trend(shape="returning" if stay else "flat", growth=growth)
    last = values[-1] - values[-2]
    if steps >= FEWEST_STEPS - 1 and not stay and last < max(floor_per_step, LAST_PART * (values[-1] - values[0])):
        return Trend(shape="settled", growth=growth)
    return Trend(shape="undecided", growth=growth, steps_needed=max(2 * steps, 3 * stay + FEWEST_STEPS, 3 * FEWEST_STEPS))


def _level(values: Sequence[float], floor_per_step: float) -> Shape:
    return "returning" if max(values) - values[-1] >= floor_per_step else "flat"


def _pace(window: Sequence[float], first: int) -> float:
    """Growth per step in the last third of ``window[first:]``, as a part of that in the middle third.

    The first third is left out: behind a large warm-up a leak looks like levelling off.
    """
    length = len(window) - 1 - first
    first += length // 3
    middle = first + (len(window) - 1 - first) // 2
    early = (window[middle] - window[first]) / max(middle - first, 1)
    late = (window[-1] - window[middle]) / max(len(window) - 1 - middle, 1)
    return math.inf if early <= 0 else late / early


def _goes_on(window: Sequence[float], rises: Sequence[int], believed: int, one_block: bool) -> bool:
    """Whether what is kept rises evenly to the end, without slowing down."""
    if len(rises) < FEWEST_RISES:
        return False
    gaps = [after - before for before, after in pairwise(rises)]
    if believed - rises[-1] > max(gaps):
        return False
    pace = _pace(window, rises[0] - 1)
    if max(gaps) == 1:
        return pace >= KEPT_PACE
    enough = FEWEST_RISES_APART if max(gaps) == min(gaps) else FEWEST_RISES_NEARLY_EVEN
    if len(rises) >= enough and max(gaps) - min(gaps) <= 1:
        return pace >= KEPT_PACE
    if one_block and len(rises) >= FEWEST_RISES_OF_A_BLOCK:
        return _even(window, rises)
    return len(rises) >= FEWEST_IRREGULAR_RISES and pace >= KEPT_PACE_IRREGULAR


def _repeats(values: Sequence[float], floor_per_step: float) -> bool:
    """A sawtooth that keeps some each time: the same steps over and over, two and a half times at least, with a gain."""
    steps = [after - before for before, after in pairwise(values)]
    slack = ALIKE * max(map(abs, steps))
    for period in range(2, int(len(steps) / PERIODS) + 1):
        if all(abs(steps[place + period] - steps[place]) <= slack for place in range(len(steps) - period)):
            return sum(steps[-period:]) >= floor_per_step * period
    return False


def _even(window: Sequence[float], rises: Sequence[int]) -> bool:
    """Whether growth keeps to a straight line from the first rise on: a buffer that grows ahead of what it holds."""
    first, last = rises[0] - 1, len(window) - 1
    grown, length = window[-1] - window[first], last - first
    off = max(abs((window[p] - window[first]) / grown - (p - first) / length) for p in range(first, last + 1))
    return off <= OFF_THE_LINE


def _mean_where_even(values: Sequence[float]) -> Growth:
    """The robust slope; the mean one where both nearly agree, because then nothing has to be left out of it."""
    robust = theil_sen(values)
    mean = (values[-1] - values[0]) / max(len(values) - 1, 1)
    if abs(mean - robust.bytes_per_iteration) > EVEN * abs(mean):
        return robust
    return Growth(bytes_per_iteration=mean, ci_low=min(mean, robust.ci_low), ci_high=max(mean, robust.ci_high))


def _has_stopped(window: Sequence[float], rises: Sequence[int], believed: int) -> bool:
    """Whether the rises ended: nothing more for longer than between any two of them, and for a third of the time."""
    quiet = believed - rises[-1]
    longest = max((after - before for before, after in pairwise(rises)), default=1)
    if quiet > max(longest, believed / 3):
        return True
    total = window[-1] - window[0]
    half = window[len(window) // 2] - window[0]
    return quiet >= 1 and total - half < 0.1 * total


def _noisy_growth(values: Sequence[float], floor_per_step: float, noise: Noise) -> Trend | None:
    """Growth under noise: a trend that chance explains once in ``1 / CHANCE`` series, in all thirds at a like pace."""
    count = len(values)
    if count < 3 * FEWEST_STEPS or mann_kendall_chance(values, noise) > CHANCE:
        return None
    third = count // 3
    low, middle, high = median(values[:third]), median(values[third : count - third]), median(values[count - third :])
    growth = theil_sen(values)
    if growth.ci_low <= 0 or growth.bytes_per_iteration < floor_per_step:
        return None
    if middle <= low or high - middle < KEPT_PACE * (middle - low):
        return None
    return Trend(shape="growing", growth=growth)


def mann_kendall_chance(values: Sequence[float], noise: Noise = "level") -> float:
    """How likely a series without a trend is to rise as consistently as this one, one-sided.

    Mann (1945), Kendall (1975), with the correction for ties and for continuity; the normal approximation holds from
    about ten values on.
    """
    count = len(values)
    score = 0
    ties: dict[float, int] = {}
    for place, value in enumerate(values):
        ties[value] = ties.get(value, 0) + 1
        score += sum((later > value) - (later < value) for later in values[place + 1 :])
    variance = count * (count - 1) * (2 * count + 5)
    variance -= sum(times * (times - 1) * (2 * times + 5) for times in ties.values())
    if score <= 0 or variance <= 0:
        return 1.0
    deviation = math.sqrt(variance / 18 * (1.0 if noise == "redrawn" else _inflation(values)))
    return 1 - NormalDist().cdf((score - 1) / deviation)


def _inflation(values: Sequence[float]) -> float:
    """By how much neighbouring values resemble each other once the trend is taken out: a wandering level counts for
    fewer independent values (the variance of a sum under a first-order autoregression, (1 + r) / (1 - r)).
    """
    slope = theil_sen(values).bytes_per_iteration
    rest = [value - slope * place for place, value in enumerate(values)]
    middle = sum(rest) / len(rest)
    spread = sum((value - middle) ** 2 for value in rest)
    if spread <= 0:
        return 1.0
    resemblance = sum((before - middle) * (after - middle) for before, after in pairwise(rest)) / spread
    # An estimate from so few values is low, by about (1 + 4 r) / n (Kendall, 1954).
    resemblance = min(0.9, max(0.0, resemblance + (1 + 4 * resemblance) / len(values)))
    return (1 + resemblance) / (1 - resemblance)


def jitter(values: Sequence[float]) -> float:
    """How far a step usually is from the usual step: 0 for even growth, however steep."""
    steps = [after - before for before, after in pairwise(values)]
    if not steps:
        return 0.0
    usual = median(steps)
    return median([abs(step - usual) for step in steps])


def typical_step(values: Sequence[float]) -> float:
    """The median size of a step, whatever its sign: how noisy the series is."""
    return median([abs(after - before) for before, after in pairwise(values)]) if len(values) > 1 else 0.0
