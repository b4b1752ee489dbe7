"""What one series does: stay, level off, come back down, or go on growing.

A significance test alone is worthless on deterministic data: a warm-up is as significant as a leak. What tells them apart
is whether growth persists, so the series is cut into thirds and the last two must each have risen above what came before
and stayed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Literal

import msgspec

from otel_memeval.analysis.slope import theil_sen
from otel_memeval.records import Growth

Shape = Literal["flat", "settled", "returning", "growing", "undecided"]
"""flat: no growth worth a word. settled: grew, then levelled. returning: rises and comes back down. growing: rises to the
end and keeps what it rose by. undecided: too short to tell settled from growing."""

FEWEST_STEPS = 4
"""Below this many steps growth cannot be told from a warm-up."""

LEVELLED = 0.25
"""A last third that rises by less than this part of the middle third's rise has levelled off."""


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """The shape of a series and its slope per step, taken over the part that was judged."""

    shape: Shape
    growth: Growth


def slope_of(values: Sequence[float]) -> Growth:
    """Slope per step over the second half, at least ``FEWEST_STEPS`` steps of it if there are as many."""
    keep = max(FEWEST_STEPS + 1, len(values) // 2 + 1)
    return theil_sen(values[-keep:])


def shape_of(values: Sequence[float], floor_per_step: float) -> Shape:
    """The shape of ``values``; growth of less than ``floor_per_step`` a step counts as none.

    With a start value and n steps, ``values`` has n + 1 entries.
    """
    steps = len(values) - 1
    total = values[-1] - values[0] if values else 0.0
    if steps < 1 or max(values) - values[0] < floor_per_step * min(steps, 2):
        return "flat"
    if steps < FEWEST_STEPS:
        return "undecided" if total >= floor_per_step * steps else "flat"
    third = steps / 3
    first, second = values[round(third)], values[round(2 * third)]
    middle, last = second - first, values[-1] - second
    length = steps - round(2 * third)
    if last < floor_per_step * length:
        # Nothing, or not enough, in the last third: what was there before has levelled off or come back.
        return (
            "settled" if min(values[round(2 * third) :]) - values[0] >= floor_per_step * 2 else _back(values, floor_per_step)
        )
    if min(values[round(2 * third) :]) < max(values[: round(third) + 1]) or _falls(values):
        return "returning"
    if middle < floor_per_step or last < LEVELLED * middle:
        return "undecided"
    return "growing"


def _back(values: Sequence[float], floor_per_step: float) -> Shape:
    return "returning" if max(values) - values[-1] >= floor_per_step * 2 else "flat"


def _falls(values: Sequence[float]) -> bool:
    """Whether the series gives back, in single falls, most of what it gains: a sawtooth."""
    steps = [after - before for before, after in pairwise(values)]
    gained = sum(step for step in steps if step > 0)
    lost = -sum(step for step in steps if step < 0)
    return lost > 0.8 * gained


def trend_of(values: Sequence[float], floor_per_step: float) -> Trend:
    """Shape and slope of a series."""
    return Trend(shape=shape_of(values, floor_per_step), growth=slope_of(values))


def typical_step(values: Sequence[float]) -> float:
    """The median size of a step, whatever its sign: how noisy the series is."""
    return median([abs(after - before) for before, after in pairwise(values)]) if len(values) > 1 else 0.0
