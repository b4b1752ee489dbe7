"""Compute how likely rises that will end look like growth. Probability only, no bytes.

The rises of a series are indices of steps, 1 to n. Three harmless processes make rises that only a longer run would see end:

- *regular spacing*: rises at random steps that happen to be evenly spaced; with r rises in n steps, each choice of r steps
  is as likely as any other;
- *keyed cache*: a cache over a limited number of keys that are requested at random; after t calls the chance that a key is
  new has fallen to exp(-c t) (the coupon collector's problem);
- *records*: a pool as large as the largest demand so far; demand t is the largest with chance 1 / t (A. Rényi, 1962).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

FILL_RATES = 24
"""Rates c of a filling cache that are tried for the worst case, evenly spaced on a logarithmic scale."""

MAX_KEYS_PER_CALL = 2.0
"""Keys of the largest cache that is considered, per call: a larger cache shows no end within the run."""


def regular_spacing_chance(count: int, widest: int, narrowest: int, steps: int) -> float:
    """Return the chance that ``count`` rises at random among ``steps`` are so evenly spaced, up to the last step.

    ``widest`` and ``narrowest``: the gaps between rises, in steps; they differ by 1 at most. With gaps of one width the last
    rise has ``widest`` possible steps; with two widths each gap has two choices besides.
    """
    patterns = widest * (2 ** (count - 1) if widest > narrowest else 1)
    return min(1.0, patterns / math.comb(steps, count))


def keyed_cache_chance(rises: Sequence[int], steps: int, calls_before: float) -> float:
    """Return the chance that a cache of limited keys has as few rises in the first half and as many in the second half.

    The number of keys is the worst case, ``MAX_KEYS_PER_CALL`` times the calls at most. ``calls_before``: warm-up calls.
    Within a half each call counts with the mean chance; that makes the tails no lighter (W. Hoeffding, 1956).
    """
    half = steps // 2
    early = sum(rise <= half for rise in rises)
    late = len(rises) - early
    worst = 0.0
    slowest = 1 / (MAX_KEYS_PER_CALL * (steps + calls_before))
    for index in range(FILL_RATES):
        rate = slowest ** (1 - index / FILL_RATES)
        first = _mean_decay(rate, 1 + calls_before, half)
        second = _mean_decay(rate, 1 + calls_before + half, steps - half)
        if early >= first * half and late <= second * (steps - half):
            return 1.0
        at_most_early = _tail_bound(half - early, half, 1 - first)
        worst = max(worst, at_most_early * _tail_bound(late, steps - half, second))
    return worst


def _mean_decay(rate: float, first: float, count: int) -> float:
    """Return the mean of exp(-rate t) over ``count`` integers t from ``first`` on."""
    return math.exp(-rate * first) * math.expm1(-rate * count) / (math.expm1(-rate) * max(count, 1))


def _tail_bound(events: int, trials: int, chance: float) -> float:
    """Return an upper bound on the chance of ``events`` or more events (Chernoff's bound, by W. Hoeffding, 1963)."""
    part = events / trials
    if part <= chance:
        return 1.0
    distance = part * math.log(part / chance)
    if part < 1:
        distance += (1 - part) * math.log((1 - part) / (1 - chance))
    return math.exp(-trials * distance)


def record_chance(rises: Sequence[int], steps: int, calls_before: float) -> float:
    """Return the chance of at least as many records as rises, in all steps and in the second half of the steps."""
    half = steps // 2
    late = sum(rise > half for rise in rises)

    def chance_of_record(step: int) -> float:
        return 1 / (step + calls_before + 1)

    first = _count_distribution(range(1, half + 1), chance_of_record)
    second = _count_distribution(range(half + 1, steps + 1), chance_of_record)
    return sum(chance * sum(first[max(0, len(rises) - count) :]) for count, chance in enumerate(second) if count >= late)


def _count_distribution(steps: range, chance_of: Callable[[int], float]) -> list[float]:
    """Return the distribution of the number of independent events with unequal chances (Poisson binomial distribution)."""
    distribution = [1.0]
    for step in steps:
        chance = chance_of(step)
        shifted = zip([*distribution, 0.0], [0.0, *distribution])
        distribution = [same * (1 - chance) + fewer * chance for same, fewer in shifted]
    return distribution
