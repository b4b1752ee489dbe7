"""Readings that are several calls apart, for growth in the C heap that one call's step is too small to show. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from otel_memeval.analysis.assessment import Assessment
from otel_memeval.analysis.untraced import NATIVE_FLOOR_BYTES
from otel_memeval.verdicts import State

READINGS = 20
"""Readings of a wider look after its first."""

MIN_READINGS = 12
"""Fewer, where the time was up, tell nothing."""

LONGEST_CALL_SECONDS = 0.05
"""A call that takes longer is not made so often: it may ask a model, and that costs."""

MAX_SECONDS = 5.0
"""For all calls of a wider look together."""

MOST_CALLS = 64
"""Between two readings."""

MARGIN = 8
"""So many times the calls that would just do: how unsteady a heap is, twenty readings tell within a factor of three."""

MAY_HIDE: tuple[State, ...] = ("stable", "settling", "inconclusive")
"""Verdicts under which the C heap may grow unseen."""


def calls_between_readings(assessment: Assessment, durations_seconds: Sequence[float]) -> int:
    """How many calls should lie between two readings, so that a step of 64 bytes a call shows; 0 where the readings that
    are there show it, or where so many calls would take too long.

    The noise of a reading does not depend on how many calls lie before it: it counts for less, the more there are.
    ``durations_seconds``: of the measured iterations.
    """
    hidden = assessment.hidden_native_bytes
    if assessment.judgement.state not in MAY_HIDE or assessment.evidence.failed or not durations_seconds or not hidden:
        return 0
    usual = median(durations_seconds)
    if usual > LONGEST_CALL_SECONDS:
        return 0
    affordable = int(MAX_SECONDS / ((READINGS + 1) * max(usual, 1e-9)))
    calls = min(MOST_CALLS, affordable, MARGIN * math.ceil(hidden / NATIVE_FLOOR_BYTES))
    return calls if calls > 1 else 0
