"""Tell growth under noise: how noisy a series is, and whether chance explains its rise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist, median

from otel_memeval.analysis.slope import theil_sen
from otel_memeval.records import Growth

MIN_VALUES = 12
"""Values below which noise hides everything."""

MIN_PACE = 0.5
"""The last third has to rise by at least this part of the rise of the middle third."""

TREND_CHANCE = 2e-5
"""Largest chance with which noise alone may look like a trend."""

LATER_TREND_CHANCE = 0.01
"""The same for the later half alone: a rise that then levelled off is as significant as a leak."""

MAX_AUTOCORRELATION = 0.9
"""Autocorrelation from which on more of it does not widen the variance any further."""

LATER_WALK_CHANCE = 1e-3
"""Largest chance with which a random walk may rise as far as the later half: the mean step of a series that levels off
slowly is above 0 as well."""

LINE_T = 9.5
"""Standard errors by which a straight line through independent values has to rise."""

LINE_T_PER_SQUARED_AUTOCORRELATION = 60.0
"""Standard errors more, times the square of the autocorrelation: a window of messages shares all messages but one with the
next value, and rises like a creeping peak while it fills. The square leaves a small autocorrelation, which chance makes."""

SETTLED_LINE_T = 5.0
"""The same without the first third, in which a window of messages fills."""

LATER_LINE_T = 2.5
"""The same in the later half."""

SPIKE_JITTERS = 3.0
"""Jitters by which a spike is higher than trend and neighbours: less does not disturb a trend."""

SPIKE_STEPS = 1.1
"""The same in steps of the trend: beside a rising trend, a level without a spike is one step high."""

SPIKE_WIDTH = 2
"""Values of one spike at most: the mean of two neighbours shows a single reading twice."""


def noisy_growth(
    values: Sequence[float], floor_per_step: float, *, independent: bool = False, smoothed: bool = False
) -> Growth | None:
    """Return the slope of a rise that chance does not explain and that continues in the later half at a similar pace.

    None if there is no such rise. ``independent``: each value is made anew, as a peak, so neighbours are correlated only if
    that is measured. ``smoothed``: each value is the mean of two neighbours.
    """
    if len(values) < MIN_VALUES:
        return None
    if not (_is_line(values) if independent else _is_trend(values) or _is_drift(values, smoothed)):
        return None
    growth = theil_sen(values)
    if growth.ci_low <= 0 or growth.bytes_per_iteration < floor_per_step or not _keeps_pace(values):
        return None
    return growth


def _is_line(values: Sequence[float]) -> bool:
    """Return whether independent values rise along a straight line: in all, without the first third, in the later half."""
    count = len(values)
    return (
        line_t_statistic(values) >= LINE_T + LINE_T_PER_SQUARED_AUTOCORRELATION * max(0.0, autocorrelation(values)) ** 2
        and line_t_statistic(values[count // 3 :]) >= SETTLED_LINE_T
        and line_t_statistic(values[count // 2 :]) >= LATER_LINE_T
    )


def _is_trend(values: Sequence[float]) -> bool:
    """Return whether correlated values rise more consistently than noise does, in all and in the later half."""
    inflation = variance_inflation(values)
    return (
        mann_kendall_chance(values, inflation) <= TREND_CHANCE
        and mann_kendall_chance(values[len(values) // 2 :], inflation) <= LATER_TREND_CHANCE
    )


def _is_drift(values: Sequence[float], smoothed: bool) -> bool:
    """Return whether the mean step is so far above 0 that not even a random walk would have it."""
    # Steps of a mean of two are correlated: the variance of their sum is twice that of independent steps.
    return (
        walk_chance(values, 1 + smoothed) <= TREND_CHANCE
        and walk_chance(values[len(values) // 2 :], 1 + smoothed) <= LATER_WALK_CHANCE
    )


def _keeps_pace(values: Sequence[float]) -> bool:
    """Return whether the last third rises by at least ``MIN_PACE`` of the rise of the middle third."""
    third = len(values) // 3
    low, middle, high = (median(part) for part in (values[:third], values[third:-third], values[-third:]))
    return middle > low and high - middle >= MIN_PACE * (middle - low)


def line_t_statistic(values: Sequence[float]) -> float:
    """Return the slope of the least-squares line in its own standard errors (Student's t, n - 2 degrees of freedom)."""
    count = len(values)
    middle, mean = (count - 1) / 2, sum(values) / count
    spread = count * (count * count - 1) / 12
    slope = sum((index - middle) * (value - mean) for index, value in enumerate(values)) / spread
    squared_error = sum((value - mean - slope * (index - middle)) ** 2 for index, value in enumerate(values))
    if squared_error <= 0 or count < 3:
        return math.inf if slope > 0 else 0.0
    return slope * math.sqrt(spread * (count - 2) / squared_error)


def mann_kendall_chance(values: Sequence[float], inflation: float | None = None) -> float:
    """Return the chance that a series without a trend rises as consistently as this one, one-sided.

    H. B. Mann (1945), M. G. Kendall (1975), with the corrections for ties and for continuity; the normal approximation holds
    from about ten values on. ``inflation``: factor of the variance, by default ``variance_inflation`` of the values.
    """
    count = len(values)
    score = 0
    ties: dict[float, int] = {}
    for index, value in enumerate(values):
        ties[value] = ties.get(value, 0) + 1
        score += sum((later > value) - (later < value) for later in values[index + 1 :])
    variance = count * (count - 1) * (2 * count + 5)
    variance -= sum(times * (times - 1) * (2 * times + 5) for times in ties.values())
    if score <= 0 or variance <= 0:
        return 1.0
    deviation = math.sqrt(variance / 18 * (variance_inflation(values) if inflation is None else inflation))
    return 1 - NormalDist().cdf((score - 1) / deviation)


def variance_inflation(values: Sequence[float]) -> float:
    """Return the factor by which correlation of neighbours widens the variance of a sum: (1 + r) / (1 - r).

    That is the factor of a first-order autoregression with autocorrelation r.
    """
    correlation = autocorrelation(values)
    # An estimate from so few values is low, by about (1 + 4 r) / n (M. G. Kendall, 1954).
    correlation = min(MAX_AUTOCORRELATION, max(0.0, correlation + (1 + 4 * correlation) / len(values)))
    return (1 + correlation) / (1 - correlation)


def autocorrelation(values: Sequence[float]) -> float:
    """Return the correlation of neighbouring values (lag 1) after the trend is taken out."""
    slope = theil_sen(values).bytes_per_iteration
    rest = [value - slope * index for index, value in enumerate(values)]
    middle = sum(rest) / len(rest)
    spread = sum((value - middle) ** 2 for value in rest)
    if spread <= 0:
        return 0.0
    return sum((before - middle) * (after - middle) for before, after in pairwise(rest)) / spread


def walk_chance(values: Sequence[float], inflation: float = 1.0) -> float:
    """Return the chance that a random walk, each step as likely up as down, rises as far as this series.

    Normal approximation; the spread of a step is that of the steps themselves, its variance times ``inflation``.
    """
    steps = [after - before for before, after in pairwise(values)]
    mean = sum(steps) / len(steps)
    spread = sum((step - mean) ** 2 for step in steps) / max(len(steps) - 1, 1)
    if spread <= 0:
        return 0.0 if mean > 0 else 1.0
    return 1 - NormalDist().cdf(mean * math.sqrt(len(steps) / (spread * inflation)))


def jitter(values: Sequence[float]) -> float:
    """Return the median distance of a step from the median step: 0 for even growth, however steep."""
    steps = [after - before for before, after in pairwise(values)]
    if not steps:
        return 0.0
    usual = median(steps)
    return median([abs(step - usual) for step in steps])


def without_spike(values: Sequence[float]) -> Sequence[float]:
    """Return the values with their highest spike replaced by a straight line between its neighbours.

    A spike rises above the trend for at most ``SPIKE_WIDTH`` values and is given back at once, so it says nothing about
    growth. A spike at either end is replaced by the trend: it is too short to be judged.
    """
    if len(values) < MIN_VALUES:
        return values
    slope = theil_sen(values).bytes_per_iteration
    rest = [-math.inf, *(value - slope * index for index, value in enumerate(values)), -math.inf]
    height, first, end = max(
        (min(rest[first:end]) - max(rest[first - 1], rest[end]), first, end)
        for width in range(1, SPIKE_WIDTH + 1)
        for first, end in enumerate(range(width + 1, len(rest)), start=1)
    )
    if height <= max(SPIKE_JITTERS * jitter(values), SPIKE_STEPS * abs(slope)):
        return values
    before = rest[end] if first == 1 else rest[first - 1]
    after = before if end == len(rest) - 1 else rest[end]
    part = (after - before) / (end - first + 1)
    line = [before + part * (index - first + 1) + slope * (index - 1) for index in range(first, end)]
    return [*values[: first - 1], *line, *values[end - 1 :]]


def typical_step(values: Sequence[float]) -> float:
    """Return the median size of a step, whatever its sign."""
    return median([abs(after - before) for before, after in pairwise(values)]) if len(values) > 1 else 0.0
