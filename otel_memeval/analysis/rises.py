"""Decide whether retained memory keeps growing, from the steps at which it rises and the sizes of the rises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from otel_memeval.analysis.chance import keyed_cache_chance, record_chance, regular_spacing_chance

GrowthMode = Literal["", "appended", "keyed", "independent"]
"""Way in which a series may rise by chance. appended: a list or queue gains an item with each event. keyed: a dict gains an
item with a new key. independent: each value is made anew, as a peak. Empty: unknown."""

MIN_RISES = 3
"""Rises below which no series keeps growing; a warm-up has one or two."""

MIN_LATE_RISES = 4
"""Rises in every step from a late start on that are growth; they have to fill half of the steps as well."""

MIN_BLOCK_RISES = 5
"""Rises of a single block, such as a buffer, below which it is judged as several blocks are."""

HARMLESS_CHANCE = 4e-4
"""Largest chance with which a harmless series may have rises as regular, or slow down as little."""

EQUAL_SIZES_CHANCE = 5e-3
"""The same for rises of equal size in a list or a peak: a pool gains the size of the demand, which differs."""

EQUAL_SIZE_TOLERANCE = 0.1
"""Sizes are equal if they differ by at most this part of the largest."""

MIN_PACE = 0.4
"""Growth is levelling off if its last third has less than this part of the pace of its middle third."""

UNTRACED_MIN_PACE = 0.6
"""The same for untraced memory: pages that are used for the first time become fewer and fewer."""

FADING_FACTOR = 2.0
"""Untraced memory fades if its first third rose more than this many times as far as its last, with uneven steps there."""

UNEVEN_PART = 0.2
"""Steps are uneven if they differ from their mean by more than this part of it, on average."""

OFF_LINE_PART = 0.2
"""Largest distance of a growing block from a straight line, as a part of its growth."""

MIN_PERIODS = 2.5
"""Periods of a ratcheting series that have to be seen."""

NEGLIGIBLE_PART = 0.1
"""Part of the growth, or of its pace, that is next to nothing."""


def keeps_growing(
    window: Sequence[float],
    rises: Sequence[int],
    *,
    single_block: bool,
    smoothed: bool,
    fell: bool,
    growth_mode: GrowthMode,
    calls_before: float,
) -> bool:
    """Return whether retained memory rises to the end, without slowing down, in a way that chance does not explain.

    ``window``: the lower envelope from the first value on; ``rises``: indices of values above the one before. ``smoothed``:
    each value is the mean of two, so one step makes two rises. ``fell``: the series also went down, so jitter may have made
    the rises. ``calls_before``: warm-up calls.
    """
    steps = len(window) - 1
    count = len(rises)
    if count < MIN_RISES:
        return False
    gaps = [after - before for before, after in pairwise(rises)]
    if steps - rises[-1] > max(gaps):
        return False
    if single_block and count >= MIN_BLOCK_RISES and max(gaps) > 1:
        return _is_straight(window, rises)
    if _pace(window, rises[0] - 1) < (UNTRACED_MIN_PACE if smoothed else MIN_PACE):
        return growth_mode == "appended" and _exceeds_records(window, rises, calls_before)
    if smoothed and _fades(window):
        return False
    to_the_end = max(gaps) == 1 and (smoothed or rises[-1] == steps)
    if to_the_end and (count == steps or count >= max(MIN_LATE_RISES + smoothed, steps / 2)):
        return True
    if smoothed:
        if fell:
            return False
        rises = _unsmoothed(rises)
        gaps = [after - before for before, after in pairwise(rises)] or [1]
    by_event = growth_mode in ("appended", "independent") and rises[0] <= steps / 2 and _equal_sizes(window, rises)
    limit = EQUAL_SIZES_CHANCE if by_event else HARMLESS_CHANCE
    if max(gaps) - min(gaps) <= 1 and regular_spacing_chance(len(rises), max(gaps), min(gaps), steps) <= limit:
        return True
    if growth_mode == "appended":
        return _exceeds_records(window, rises, calls_before)
    return keyed_cache_chance(rises, steps, calls_before) <= HARMLESS_CHANCE


def _fades(window: Sequence[float]) -> bool:
    """Return whether the first third rose far faster than the last and the steps of the last are uneven.

    Growth that ends by chance does so; a leak behind a warm-up has even steps once the warm-up is over.
    """
    third = (len(window) - 1) // 3
    if third < 2:
        return False
    late = [after - before for before, after in pairwise(window[-third - 1 :])]
    mean = sum(late) / third
    unevenness = sum(abs(step - mean) for step in late) / third
    return window[third] - window[0] > FADING_FACTOR * mean * third and unevenness > UNEVEN_PART * mean


def _unsmoothed(rises: Sequence[int]) -> list[int]:
    """Return the steps behind the rises of means of two: one step makes two rises, two steps in a row make three."""
    return [index for index in rises if index + 1 in rises or index - 1 not in rises]


def _exceeds_records(window: Sequence[float], rises: Sequence[int], calls_before: float) -> bool:
    """Return whether records of a harmless pool would hardly be as many and as late as the rises."""
    limit = EQUAL_SIZES_CHANCE if _equal_sizes(window, rises) else HARMLESS_CHANCE
    return record_chance(rises, len(window) - 1, calls_before) <= limit


def _equal_sizes(window: Sequence[float], rises: Sequence[int]) -> bool:
    sizes = [window[index] - window[index - 1] for index in rises]
    return max(sizes) - min(sizes) <= EQUAL_SIZE_TOLERANCE * max(sizes)


def _pace(window: Sequence[float], first: int) -> float:
    """Return the growth per step in the last third of ``window[first:]``, as a part of that in the middle third.

    The first third is left out: behind a large warm-up a leak seems to level off.
    """
    length = len(window) - 1 - first
    first += length // 3
    middle = first + (len(window) - 1 - first) // 2
    early = (window[middle] - window[first]) / max(middle - first, 1)
    late = (window[-1] - window[middle]) / max(len(window) - 1 - middle, 1)
    return math.inf if early <= 0 else late / early


def is_ratcheting(values: Sequence[float], floor_per_step: float) -> bool:
    """Return whether the series is a sawtooth that keeps some memory each time.

    The same steps come again for ``MIN_PERIODS`` periods at least, and each value is higher than that of one period before,
    by at least half of the largest gain and by at least the floor.
    """
    steps = [after - before for before, after in pairwise(values)]
    tolerance = EQUAL_SIZE_TOLERANCE * max(map(abs, steps))
    for period in range(2, int(len(steps) / MIN_PERIODS) + 1):
        if all(abs(steps[index + period] - steps[index]) <= tolerance for index in range(len(steps) - period)):
            gains = [values[index + period] - values[index] for index in range(len(values) - period)]
            return min(gains) >= max(floor_per_step * period, max(gains) / 2)
    return False


def _is_straight(window: Sequence[float], rises: Sequence[int]) -> bool:
    """Return whether growth follows a straight line from the first rise on, as a buffer that grows ahead of its contents."""
    first, last = rises[0] - 1, len(window) - 1
    grown, length = window[-1] - window[first], last - first
    distances = (abs((window[index] - window[first]) / grown - (index - first) / length) for index in range(first, last + 1))
    return max(distances) <= OFF_LINE_PART


def has_levelled_off(window: Sequence[float], rises: Sequence[int]) -> bool:
    """Return whether the rises have ended.

    They have after a time without rises that is longer than any gap between two rises and than a third of the steps; or
    when the growth of the later half, or the pace of the last third, is next to nothing.
    """
    steps = len(window) - 1
    quiet = steps - rises[-1]
    longest_gap = max((after - before for before, after in pairwise(rises)), default=1)
    if quiet > max(longest_gap, steps / 3):
        return True
    total = window[-1] - window[0]
    first_half = window[len(window) // 2] - window[0]
    last_third = window[-1] - window[steps - steps // 3]
    return quiet >= 1 and (
        total - first_half < NEGLIGIBLE_PART * total or last_third < NEGLIGIBLE_PART * total * (steps // 3) / steps
    )
