"""Estimate slopes that outliers do not move, with intervals that need no normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, median

from otel_memeval.records import Growth


def theil_sen(values: Sequence[float], confidence: float = 0.95) -> Growth:
    """Return the median slope between all pairs of points, per step, with its confidence interval.

    The interval is Sen's, from the distribution of Kendall's score (P. K. Sen, 1968, "Estimates of the regression
    coefficient based on Kendall's tau", section 5). Fewer than two points have slope 0.
    """
    count = len(values)
    if count < 2:
        return Growth(bytes_per_iteration=0.0, ci_low=0.0, ci_high=0.0)
    slopes = sorted(
        (values[late] - values[early]) / (late - early) for early in range(count) for late in range(early + 1, count)
    )
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * deviation
    low = max(0, math.floor((len(slopes) - reach) / 2))
    high = min(len(slopes) - 1, math.ceil((len(slopes) + reach) / 2))
    return Growth(bytes_per_iteration=median(slopes), ci_low=slopes[low], ci_high=slopes[high])
