"""Whether what is kept goes on rising: the places of its rises, and their sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from otel_memeval.analysis import chance

Gathers = Literal["", "appended", "keyed", "redrawn"]
"""How a series may come to rise by chance. appended: a list or a queue, to which each event adds. keyed: by a key that may
come again, as in a dict. redrawn: each value is made anew, as a peak. Empty: not known."""

FEWEST_RISES = 3
"""Rises in each step from the first on that make growth, when there are no others; a warm-up has one or two."""

FEWEST_LATE_RISES = 4
"""The same where it begins late, in at most half of the steps; below half, chance decides."""

FEWEST_RISES_OF_A_BLOCK = 5
"""The same for one block, such as a buffer: it grows ahead of what it holds, in larger portions at wider spaces."""

CHANCE = 4e-4
"""How often a harmless series of as many rises may be as regular, or slow down as little."""

CHANCE_ALIKE = 5e-3
"""The same for a list that gains the same number of items with each rise, where a pool gains what is asked for; and for
peaks that rise by the same each time."""

KEPT_PACE_OUTSIDE = 0.6
"""The same outside of the traced heap, where pages that are used for the first time become fewer and fewer."""

FADED = 2.0
UNEVEN = 0.2
"""Outside of the traced heap, growth that was faster than this at first has fallen off; its steps are uneven if they differ
from their mean by this part of it, on average."""

OFF_THE_LINE = 0.2
"""How far a block may be off a straight line, as a part of its growth."""

PERIODS = 2.5
"""A sawtooth that keeps some each time has to be seen this many times over."""

ALIKE = 0.1
"""Steps are of one size if they differ by less than this part of the largest."""

LEFT = 0.1
"""A part of the growth, or of its pace, that is next to nothing."""

KEPT_PACE = 0.4
"""Growth of which the later part has less than this part of the earlier one's pace is levelling off."""


def goes_on(
    window: Sequence[float],
    rises: Sequence[int],
    *,
    one_block: bool,
    smoothed: bool,
    fell: bool,
    gathers: Gathers,
    calls_before: int,
) -> bool:
    """Whether what is kept rises to the end, without slowing down, in a way that chance does not explain.

    ``window``: what is kept, from the first value on; ``rises``: places in it that are higher than the one before.
    ``smoothed``: each is the mean of two values, so that one step makes two rises; ``fell``: the series went down as well,
    so that what jitters, and not what is counted, may have made the rises.
    """
    steps = len(window) - 1
    count = len(rises)
    if count < FEWEST_RISES:
        return False
    gaps = [after - before for before, after in pairwise(rises)]
    if steps - rises[-1] > max(gaps):
        return False
    if one_block and count >= FEWEST_RISES_OF_A_BLOCK and max(gaps) > 1:
        return _even(window, rises)
    if _pace(window, rises[0] - 1) < (KEPT_PACE_OUTSIDE if smoothed else KEPT_PACE):
        return gathers == "appended" and _appended(window, rises, calls_before)
    if smoothed and _fades(window):
        return False
    to_the_end = max(gaps) == 1 and (smoothed or rises[-1] == steps)
    if to_the_end and (count == steps or count >= max(FEWEST_LATE_RISES + smoothed, steps / 2)):
        return True
    if smoothed:
        if fell:
            return False
        rises = _unsmoothed(rises)
        gaps = [after - before for before, after in pairwise(rises)] or [1]
    by_events = gathers in ("appended", "redrawn") and rises[0] <= steps / 2 and _alike(window, rises)
    limit = CHANCE_ALIKE if by_events else CHANCE
    if max(gaps) - min(gaps) <= 1 and chance.regular(len(rises), max(gaps), min(gaps), steps) <= limit:
        return True
    if gathers == "appended":
        return _appended(window, rises, calls_before)
    return chance.keyed(rises, steps, calls_before) <= CHANCE


def _fades(window: Sequence[float]) -> bool:
    """Whether the first third rose far faster than the last, in which steps are uneven: what becomes less and less by
    chance does so; a leak behind a warm-up has even steps once that is over.
    """
    third = (len(window) - 1) // 3
    if third < 2:
        return False
    late = [after - before for before, after in pairwise(window[-third - 1 :])]
    mean = sum(late) / third
    uneven = sum(abs(step - mean) for step in late) / third
    return window[third] - window[0] > FADED * mean * third and uneven > UNEVEN * mean


def _unsmoothed(rises: Sequence[int]) -> list[int]:
    """The steps behind the rises of means of two: one step makes two rises, two steps in a row three."""
    return [place for place in rises if place + 1 in rises or place - 1 not in rises]


def _appended(window: Sequence[float], rises: Sequence[int], calls_before: int) -> bool:
    limit = CHANCE_ALIKE if _alike(window, rises) else CHANCE
    return chance.records(rises, len(window) - 1, calls_before) <= limit


def _alike(window: Sequence[float], rises: Sequence[int]) -> bool:
    sizes = [window[place] - window[place - 1] for place in rises]
    return max(sizes) - min(sizes) <= ALIKE * max(sizes)


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


def repeats(values: Sequence[float], floor_per_step: float) -> bool:
    """A sawtooth that keeps some each time: the same steps over and over, two and a half times at least, and each value
    higher than that of one period before, by about the same.
    """
    steps = [after - before for before, after in pairwise(values)]
    slack = ALIKE * max(map(abs, steps))
    for period in range(2, int(len(steps) / PERIODS) + 1):
        if all(abs(steps[place + period] - steps[place]) <= slack for place in range(len(steps) - period)):
            gains = [values[place + period] - values[place] for place in range(len(values) - period)]
            return min(gains) >= max(floor_per_step * period, max(gains) / 2)
    return False


def _even(window: Sequence[float], rises: Sequence[int]) -> bool:
    """Whether growth keeps to a straight line from the first rise on: a buffer that grows ahead of what it holds."""
    first, last = rises[0] - 1, len(window) - 1
    grown, length = window[-1] - window[first], last - first
    off = max(abs((window[p] - window[first]) / grown - (p - first) / length) for p in range(first, last + 1))
    return off <= OFF_THE_LINE


def have_stopped(window: Sequence[float], rises: Sequence[int]) -> bool:
    """Whether the rises ended: nothing more for longer than between any two of them, and for a third of the time; or
    next to nothing in the later half, or in the last third at a pace that is next to nothing.
    """
    steps = len(window) - 1
    quiet = steps - rises[-1]
    longest = max((after - before for before, after in pairwise(rises)), default=1)
    if quiet > max(longest, steps / 3):
        return True
    total = window[-1] - window[0]
    half = window[len(window) // 2] - window[0]
    third = window[-1] - window[steps - steps // 3]
    return quiet >= 1 and (total - half < LEFT * total or third < LEFT * total * (steps // 3) / steps)
