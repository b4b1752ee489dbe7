"""Compare one quantity of a run with that of earlier runs, robustly and with few runs. Pure.

The centre of the baseline is its median. The spread from run to run is a moderated variance (G. K. Smyth, 2004, "Linear
models and empirical Bayes methods", section 3): that of the runs, together with a least spread that counts as much as
``LEAST_SPREAD_DEGREES`` runs. So a run can be compared with a single one, and equal runs do not make every change
significant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from otel_memeval.analysis.student import two_sided_quantile
from otel_memeval.records.comparison import Difference, Outcome, Unit

LEAST_SPREAD = 0.02
"""Spread from run to run, as a part of the median, that is assumed before runs show theirs."""

LEAST_SPREAD_DEGREES = 8
"""Degrees of freedom with which the least spread counts."""

DECISION_CHANCE = 2e-5
"""Chance of a change without a reason, for each quantity of each run: 30 commits, 20 times, with two levels and both sides
are 2,400 of them."""

INTERVAL_CHANCE = 0.05
"""Chance that the interval of a difference is beside it."""

MIN_TRIMMED_RUNS = 5
"""Runs from which on the value that is farthest from the median does not count for the spread."""


class Quantity(NamedTuple):
    """A quantity and the smallest change of it that counts."""

    name: str
    unit: Unit
    floor: float
    """In its unit."""
    min_effect: float
    """Part of the median of the baseline."""
    decides: bool = True


class Measured(NamedTuple):
    """A quantity of one run."""

    value: float
    spread: float
    """Standard error within the run."""


def difference(quantity: Quantity, run: Measured, baseline: Sequence[Measured]) -> Difference:
    """Return the difference between a run and one or more others.

    A change is as large as the smallest that counts, is beyond all values of the baseline, and is beyond the spread from run
    to run with ``DECISION_CHANCE``.
    """
    values = [measured.value for measured in baseline]
    centre = median(values)
    variance, degrees = _variance(values, centre, median([measured.spread for measured in (*baseline, run)]))
    error = math.sqrt(variance / len(values) + max(variance, run.spread**2))
    changed = run.value - centre
    reach = two_sided_quantile(INTERVAL_CHANCE, degrees) * error
    return Difference(
        quantity=quantity.name,
        unit=quantity.unit,
        outcome=_outcome(quantity, run.value, values, two_sided_quantile(DECISION_CHANCE, degrees) * error),
        value=run.value,
        baseline=centre,
        difference=changed,
        ci_low=changed - reach,
        ci_high=changed + reach,
        effect=changed / centre if centre >= quantity.floor > 0 else None,  # less than the floor counts as 0
        decides=quantity.decides,
    )


def unknown_difference(quantity: Quantity, run: Measured | None, baseline: Sequence[Measured]) -> Difference:
    """Return what is known of a quantity that cannot be compared."""
    return Difference(
        quantity=quantity.name,
        unit=quantity.unit,
        outcome="unknown",
        value=None if run is None else run.value,
        baseline=median([measured.value for measured in baseline]) if baseline else None,
        decides=quantity.decides,
    )


def _outcome(quantity: Quantity, value: float, values: Sequence[float], reach: float) -> Outcome:
    centre = median(values)
    changed = value - centre
    least = max(quantity.floor, quantity.min_effect * abs(centre))
    if abs(changed) < least or abs(changed) <= reach or min(values) <= value <= max(values):
        return "unchanged"
    return "regressed" if changed > 0 else "improved"


def _variance(values: Sequence[float], centre: float, spread_within: float) -> tuple[float, float]:
    """Return the variance from run to run and its degrees of freedom."""
    least = max(LEAST_SPREAD * abs(centre), spread_within) ** 2
    squares = sorted((value - centre) ** 2 for value in values)
    factor = 1.0
    if len(squares) >= MIN_TRIMMED_RUNS:
        factor = 1 + 4.5 / len(squares)  # fitted to 20,000 normal samples of 5 to 10 values each
        squares = squares[:-1]
    degrees = len(squares) - 1
    between = factor * sum(squares)
    return (LEAST_SPREAD_DEGREES * least + between) / (LEAST_SPREAD_DEGREES + degrees), LEAST_SPREAD_DEGREES + degrees
