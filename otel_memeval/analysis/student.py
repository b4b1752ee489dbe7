"""Quantiles of Student's t distribution, for intervals with few values."""

from __future__ import annotations

import math
from statistics import NormalDist


def two_sided_quantile(chance: float, degrees: float) -> float:
    """Return the value that ``|t|`` exceeds with this chance, for ``degrees`` of freedom from 1 on.

    G. W. Hill (1970), "Algorithm 396: Student's t-quantiles", Communications of the ACM 13 (10); its error is below 1e-5
    of the value from 5 degrees on.
    """
    if degrees == 1:
        return 1 / math.tan(chance * math.pi / 2)
    if degrees == 2:
        return math.sqrt(2 / (chance * (2 - chance)) - 2)
    a = 1 / (degrees - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * degrees
    x = d * chance
    y = x ** (2 / degrees)
    if y > 0.05 + a:
        x = NormalDist().inv_cdf(chance / 2)
        y = x * x
        if degrees < 5:
            c += 0.3 * (degrees - 4.5) * (x + 0.6)
        c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        factor = 1 / (((degrees + 6) / (degrees * y) - 0.089 * d - 0.822) * (degrees + 2) * 3)
        y = ((factor + 0.5 / (degrees + 4)) * y - 1) * (degrees + 1) / (degrees + 2) + 1 / y
    return math.sqrt(degrees * y)
