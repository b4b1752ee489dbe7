"""How likely it is that rises which will end look like growth. Pure probability; no bytes here.

Rises are places 1..n of steps. Three harmless processes make rises that only a longer run would see end:

- *by chance*: with r rises among n steps, every choice of places is as likely as any other;
- *keyed*: a cache over a limited number of keys that are asked for at random; after t calls a key is new with a chance that
  has fallen to exp(-c t) (the coupon collector's problem);
- *records*: a pool as large as the largest demand so far; the t-th demand is the largest with chance 1 / t (Rényi, 1962).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

_PACES = 24
"""Paces of filling that are tried for the worst case, evenly on a scale of logarithms."""

MOST_KEYS = 2.0
"""Times the number of calls: of a cache of more keys than this, nothing shows an end within the run."""


def regular(count: int, widest: int, narrowest: int, steps: int) -> float:
    """The chance that ``count`` rises among ``steps`` are as evenly spaced as this, up to the end of the steps.

    With one width of gap g, the last rise has g places; with two neighbouring widths each gap has a choice besides.
    """
    patterns = widest * (2 ** (count - 1) if widest > narrowest else 1)
    return min(1.0, patterns / math.comb(steps, count))


def keyed(rises: Sequence[int], steps: int, calls_before: int) -> float:
    """The chance that a cache of limited keys has as few rises in the first half and as many in the second, at the most
    favourable number of keys (``MOST_KEYS`` at most). ``calls_before``: warm-up.

    Within a half each call counts as its mean; that makes the tails no lighter (Hoeffding, 1956).
    """
    half = steps // 2
    early = sum(place <= half for place in rises)
    late = len(rises) - early
    most = 0.0
    slowest = 1 / (MOST_KEYS * (steps + calls_before))
    for step in range(_PACES):
        pace = slowest ** (1 - step / _PACES)
        first = _mean_decay(pace, 1 + calls_before, half)
        second = _mean_decay(pace, 1 + calls_before + half, steps - half)
        if early >= first * half and late <= second * (steps - half):
            return 1.0
        at_most_early = _tail(half - early, half, 1 - first)
        most = max(most, at_most_early * _tail(late, steps - half, second))
    return most


def _mean_decay(pace: float, first: int, count: int) -> float:
    """The mean of exp(-pace t) over ``count`` whole t from ``first`` on."""
    return math.exp(-pace * first) * math.expm1(-pace * count) / (math.expm1(-pace) * max(count, 1))


def _tail(number: int, of: int, often: float) -> float:
    """The most that the chance of ``number`` or more events of ``of`` can be (Chernoff's bound, by Hoeffding, 1963)."""
    part = number / of
    if part <= often:
        return 1.0
    distance = part * math.log(part / often)
    if part < 1:
        distance += (1 - part) * math.log((1 - part) / (1 - often))
    return math.exp(-of * distance)


def records(rises: Sequence[int], steps: int, calls_before: int) -> float:
    """The chance of as many records as there are rises, and of as many in the second half of the steps."""
    half = steps // 2
    late = sum(place > half for place in rises)

    def rate(place: int) -> float:
        return 1 / (place + calls_before + 1)

    first = _counts(range(1, half + 1), rate)
    second = _counts(range(half + 1, steps + 1), rate)
    return sum(chance * sum(first[max(0, len(rises) - number) :]) for number, chance in enumerate(second) if number >= late)


def _counts(places: range, rate: Callable[[int], float]) -> list[float]:
    """The distribution of a number of independent events of unlike chances (Poisson's binomial distribution)."""
    chances = [1.0]
    for place in places:
        often = rate(place)
        chances = [a * (1 - often) + b * often for a, b in zip([*chances, 0.0], [0.0, *chances])]
    return chances
