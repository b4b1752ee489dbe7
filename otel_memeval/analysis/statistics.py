"""Compute the statistics that agno prints, for any series."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, median, quantiles, stdev

from otel_memeval.records import Statistics


def describe(values: Sequence[float]) -> Statistics | None:
    """Return mean, minimum, maximum, sample standard deviation, median and 95th percentile; None for an empty series.

    The percentile is the inclusive one, as in agno: it lies within the observed values.
    """
    if not values:
        return None
    several = len(values) > 1
    return Statistics(
        mean=mean(values),
        min=min(values),
        max=max(values),
        stdev=stdev(values) if several else 0.0,
        median=median(values),
        p95=quantiles(values, n=100, method="inclusive")[94] if several else values[0],
    )
