"""Decide whether the measurement of the service is overdue: the time limit of its current step has passed long ago."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from otel_memeval.units import format_seconds

GRACE_SECONDS = 60.0
"""Time beyond the limit of a step, to end its processes and to send telemetry: both have limits of their own, below this."""


class _Step(msgspec.Struct, frozen=True):
    """The current step, by the monotonic clock."""

    name: str
    start_seconds: float
    limit_seconds: float


class Progress:
    """The current step of the service. One thread writes it, others read it."""

    def __init__(self, limit_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """``limit_seconds``: the longest time of a step of a measurement, such as one iteration."""
        self._limit_seconds = limit_seconds + GRACE_SECONDS
        self._clock = clock
        self._step = _Step("the first measurement", clock(), self._limit_seconds)

    def begin(self, name: str = "", *, wait_seconds: float = 0.0) -> None:
        """Begin a step, of the same name as the last one if it has none, after ``wait_seconds``."""
        self._step = _Step(name or self._step.name, self._clock(), wait_seconds + self._limit_seconds)

    def problem(self) -> str:
        """Return a sentence about an overdue measurement; empty if it is on time."""
        step, now = self._step, self._clock()
        if now - step.start_seconds <= step.limit_seconds:
            return ""
        elapsed, limit = format_seconds(now - step.start_seconds), format_seconds(step.limit_seconds)
        return f"{step.name} is overdue: no progress for {elapsed}, and each step ends within {limit}; restart the service"
