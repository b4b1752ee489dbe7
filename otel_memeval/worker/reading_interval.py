"""Decide after which iterations memory is read: after each, or after every k-th where readings would take most of a run."""

from __future__ import annotations

import math

BUDGET_SECONDS = 5.0
"""Processor time for the readings of a run that is never saved: less than a person waits for a report without asking why."""

MIN_READINGS = 20
"""Readings of the measured iterations that stay: the iterations of a run without numbers of its own (``run.plan``), from
which on the analysis judges small slopes and noise (``SMALL_SLOPE_ITERATIONS`` 20, ``noise.MIN_VALUES`` 12)."""

TRIALS = 3
"""Iterations whose costs decide: the median of three is without the first one, which may import and connect."""


def readings_every(iterations: int, reading_seconds: float, iteration_seconds: float) -> int:
    """Return k: memory is read after every k-th of the ``iterations``. Pure.

    k is 1 unless a reading takes longer than an iteration and all readings together take more than ``BUDGET_SECONDS``. Else
    k is the least with which they take no longer than the iterations, or than the budget if that is more, and
    ``MIN_READINGS`` readings are left.
    """
    affordable_seconds = max(BUDGET_SECONDS, iterations * iteration_seconds)
    needed = math.ceil(iterations * reading_seconds / affordable_seconds)
    return max(1, min(needed, iterations // MIN_READINGS))


class ReadingInterval:
    """The interval between the readings of one run. It is decided once, from the costs of the first iterations.

    Costs are the processor time of a reading and the duration of an iteration: one that waits for a model is no shorter than
    its wait.
    """

    def __init__(self) -> None:
        self.every = 1
        """Measured iterations from one reading to the next."""
        self._last = 0
        self._is_decided = False
        self._reading_seconds: tuple[float, ...] = ()
        self._iteration_seconds: tuple[float, ...] = ()

    def plan(self, last: int) -> None:
        """Take the number of the last measured iteration that was asked for at first; it is always read."""
        if not self._last:
            self._last = last
            self._decide()

    def is_due(self, index: int) -> bool:
        """Return whether memory is read after the measured iteration ``index``: intervals are counted back from the last."""
        return (self._last - index) % self.every == 0

    def add_costs(self, reading_seconds: float, iteration_seconds: float) -> None:
        """Take the costs of an iteration that was read. Once the interval is decided, nothing is kept."""
        if not self._is_decided:
            self._reading_seconds = (*self._reading_seconds[1 - TRIALS :], reading_seconds)
            self._iteration_seconds = (*self._iteration_seconds[1 - TRIALS :], iteration_seconds)
            self._decide()

    def _decide(self) -> None:
        if self._last and len(self._reading_seconds) == TRIALS:
            self._is_decided = True
            self.every = readings_every(self._last, _median(self._reading_seconds), _median(self._iteration_seconds))


def _median(costs: tuple[float, ...]) -> float:
    return sorted(costs)[TRIALS // 2]
