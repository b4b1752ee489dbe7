"""Growth under noise: how noisy a series is, and whether chance explains its rise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist, median

from otel_memeval.analysis.slope import theil_sen
from otel_memeval.records import Growth

CHANCE = 2e-5
"""How often noise alone may look like a trend."""

STRAIGHT = 9.5
STRAIGHT_THEN = 5.0
STRAIGHT_LATER = 2.5
"""How many standard errors above 0 a straight line through values that are made anew has to rise: through all, without
the first third, in which a window of messages fills, and in the later half."""

STRAIGHT_ALIKE = 12.0
"""How many more, through all, times the resemblance of neighbours: a window of messages shares all messages but one with
the next, and while it fills it rises like creep."""

CHANCE_REDRAWN_WALK = 1e-6
"""How often a level that wanders may rise so far, of values that are made anew: a window of messages does not wander."""

CHANCE_LATER = 0.01
"""The same for the later half alone: what rose and then levelled off is as significant as a leak."""

CHANCE_LATER_WALK = 1e-3
"""The same of the later half's mean step, which what levels off slowly has above 0 as well."""

CHANCE_WALK = 0.1
"""The same for a level that wanders, where nothing looks like one."""

FEWEST_VALUES = 12
"""Below this many values noise hides everything."""

NO_WALK = 0.2
"""Up to this resemblance of neighbours, values are taken for no walk: it is within the error of its estimate from twenty
values."""

KEPT_PACE = 0.5
"""The last third has to rise by at least this part of what the middle third rose by."""


def noisy_growth(
    values: Sequence[float], floor_per_step: float, *, redrawn: bool = False, smoothed: bool = False
) -> Growth | None:
    """The slope of a rise that chance does not explain, that goes on in the later half, at a like pace; else None.

    ``redrawn``: each value is made anew, so that neighbours resemble each other only if they are seen to. ``smoothed``:
    each is the mean of two neighbours.
    """
    count = len(values)
    if count < FEWEST_VALUES:
        return None
    later = values[count // 2 :]
    alike = resemblance(values)
    if redrawn:
        drawn = line_strength(values) >= STRAIGHT + STRAIGHT_ALIKE * max(0.0, alike)
        drawn = drawn and line_strength(values[count // 3 :]) >= STRAIGHT_THEN
        drawn = drawn and line_strength(later) >= STRAIGHT_LATER
    else:
        inflated = _inflation(alike, count)
        drawn = mann_kendall_chance(values, inflated) <= CHANCE and mann_kendall_chance(later, inflated) <= CHANCE_LATER
        drawn = drawn and walk_chance(values) <= (CHANCE if alike > NO_WALK else CHANCE_WALK)
    # Steps of a mean of two resemble each other: their sum is twice as spread as they are.
    limit = CHANCE_REDRAWN_WALK if redrawn else CHANCE
    walked = walk_chance(values, 1 + smoothed) <= limit and walk_chance(later, 1 + smoothed) <= CHANCE_LATER_WALK
    if not drawn and not walked:
        return None
    growth = theil_sen(values)
    if growth.ci_low <= 0 or growth.bytes_per_iteration < floor_per_step:
        return None
    third = count // 3
    low, middle, high = median(values[:third]), median(values[third : count - third]), median(values[count - third :])
    if middle <= low or high - middle < KEPT_PACE * (middle - low):
        return None
    return growth


def line_strength(values: Sequence[float]) -> float:
    """The slope of the least-squares line in standard errors of its own (Student's t, n - 2 degrees of freedom)."""
    count = len(values)
    middle, mean = (count - 1) / 2, sum(values) / count
    spread = count * (count * count - 1) / 12
    slope = sum((place - middle) * (value - mean) for place, value in enumerate(values)) / spread
    off = sum((value - mean - slope * (place - middle)) ** 2 for place, value in enumerate(values))
    if off <= 0 or count < 3:
        return math.inf if slope > 0 else 0.0
    return slope * math.sqrt(spread * (count - 2) / off)


def mann_kendall_chance(values: Sequence[float], inflated: float | None = None) -> float:
    """How likely a series without a trend is to rise as consistently as this one, one-sided.

    Mann (1945), Kendall (1975), with the correction for ties and for continuity; the normal approximation holds from
    about ten values on. ``inflated``: by what to multiply the variance, if not by the ``inflation`` of the values.
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
    deviation = math.sqrt(variance / 18 * (inflation(values) if inflated is None else inflated))
    return 1 - NormalDist().cdf((score - 1) / deviation)


def inflation(values: Sequence[float]) -> float:
    """By how much neighbours that resemble each other count for fewer independent values: the variance of a sum under a
    first-order autoregression, (1 + r) / (1 - r).
    """
    return _inflation(resemblance(values), len(values))


def _inflation(alike: float, count: int) -> float:
    # An estimate from so few values is low, by about (1 + 4 r) / n (Kendall, 1954).
    alike = min(0.9, max(0.0, alike + (1 + 4 * alike) / count))
    return (1 + alike) / (1 - alike)


def resemblance(values: Sequence[float]) -> float:
    """The correlation of neighbouring values, once the trend is taken out."""
    slope = theil_sen(values).bytes_per_iteration
    rest = [value - slope * place for place, value in enumerate(values)]
    middle = sum(rest) / len(rest)
    spread = sum((value - middle) ** 2 for value in rest)
    if spread <= 0:
        return 0.0
    return sum((before - middle) * (after - middle) for before, after in pairwise(rest)) / spread


def walk_chance(values: Sequence[float], inflated: float = 1.0) -> float:
    """How likely a level that wanders, each step as likely up as down, comes to lie as high as this: normal
    approximation, the usual step's size taken from the steps themselves and its variance multiplied by ``inflated``.
    """
    steps = [after - before for before, after in pairwise(values)]
    mean = sum(steps) / len(steps)
    spread = sum((step - mean) ** 2 for step in steps) / max(len(steps) - 1, 1)
    if spread <= 0:
        return 0.0 if mean > 0 else 1.0
    return 1 - NormalDist().cdf(mean * math.sqrt(len(steps) / (spread * inflated)))


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
