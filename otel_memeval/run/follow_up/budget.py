"""Wall time for the steps after the measured iterations."""

from __future__ import annotations

import time

import msgspec

FEWEST_CALLS = 2
"""Further iterations that still tell memory that is kept, added in the second half, from memory that is replaced."""

CALL_FACTOR = 2.0
"""Part of the time that further iterations are planned for: they are traced with more frames than the measured ones."""


class StepLeftOutError(Exception):
    """Raised instead of a step that is not begun; the text is the sentence for the result."""


class FollowUpBudget(msgspec.Struct, frozen=True):
    """A budget that began at ``start_seconds`` of the monotonic clock."""

    seconds: float
    start_seconds: float

    @classmethod
    def begin(cls, seconds: float) -> FollowUpBudget:
        """Return a budget that begins now."""
        return cls(seconds, time.monotonic())

    @property
    def remaining_seconds(self) -> float:
        """Seconds that are left, 0 once the budget is used up."""
        return max(0.0, self.start_seconds + self.seconds - time.monotonic())

    def begin_step(self, step: str) -> None:
        """Raise ``StepLeftOutError`` if the budget is used up; ``step`` is the subject of its sentence."""
        if not self.remaining_seconds:
            raise StepLeftOutError(f"{step} was left out: {self.reason}")

    @property
    def reason(self) -> str:
        """The clause that says why a step is missing."""
        return f"the follow-up budget of {self.seconds:g} s was used up (--follow-up-budget)"

    def calls(self, wanted: int, call_seconds: float) -> int:
        """Return how many calls of the scenario to plan: those that are wanted, or as many as fit, at least two."""
        fitting = self.remaining_seconds / max(CALL_FACTOR * call_seconds, 1e-9)
        return min(wanted, max(FEWEST_CALLS, int(fitting)))
