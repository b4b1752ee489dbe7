"""Plan batched readings: several calls apart, they show growth of the C heap that the step of one call does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from otel_memeval.analysis.assessment import Assessment
from otel_memeval.analysis.untraced import MIN_NOISE_ITERATIONS, NATIVE_FLOOR_BYTES
from otel_memeval.verdicts import State

READINGS = 20
"""Batched readings after the first."""

MAX_CALL_SECONDS = 0.05
"""Median duration of a call, in seconds, above which calls are not repeated: it may ask a model, and that costs."""

MAX_SECONDS = 5.0
"""Seconds for all calls of the batched readings."""

MAX_CALLS = 64
"""Calls between two readings."""

CALLS_FACTOR = 8
"""Factor on the calls that would just be enough: twenty readings show noise only within a factor of three."""

MAY_HIDE: tuple[State, ...] = ("stable", "settling", "inconclusive")
"""Verdicts under which the C heap may grow unseen."""


def calls_between_readings(assessment: Assessment, durations_seconds: Sequence[float]) -> int:
    """Return the calls between two batched readings with which growth of 64 bytes per call shows.

    0 where the measured iterations show such growth, or where so many calls would take too long. The noise of a reading does
    not depend on the calls before it, so it counts for less with more calls. The C heap is also read again if it rose by
    more than its floor and is undecided or came back. ``durations_seconds``: of the measured iterations.
    """
    native = assessment.growth.native
    enough = len(assessment.evidence.native) > MIN_NOISE_ITERATIONS
    rose = enough and native is not None and native.ci_low > NATIVE_FLOOR_BYTES
    hidden = assessment.hidden_native_bytes or (NATIVE_FLOOR_BYTES if rose else 0)
    if assessment.judgement.state not in MAY_HIDE or assessment.evidence.failed or not durations_seconds or not hidden:
        return 0
    usual = median(durations_seconds)
    if usual > MAX_CALL_SECONDS:
        return 0
    affordable = int(MAX_SECONDS / ((READINGS + 1) * max(usual, 1e-9)))
    calls = min(MAX_CALLS, affordable, CALLS_FACTOR * math.ceil(hidden / NATIVE_FLOOR_BYTES))
    return calls if calls > 1 else 0
