"""The budget of wall time after the last measured iteration."""

from __future__ import annotations

import time

import pytest

from otel_memeval.run.follow_up.budget import FollowUpBudget, StepLeftOutError


def test_step_is_left_out_once_the_budget_is_used_up() -> None:
    """The sentence has the step, the budget and the option."""
    FollowUpBudget.begin(60).begin_step("the search")
    for budget in (FollowUpBudget.begin(0), FollowUpBudget(2.5, time.monotonic() - 3)):
        with pytest.raises(StepLeftOutError) as left_out:
            budget.begin_step("the search")
        reason = f"the follow-up budget of {budget.seconds:g} s was used up (--follow-up-budget)"
        assert str(left_out.value) == f"the search was left out: {reason}"
        assert budget.remaining_seconds == 0


@pytest.mark.parametrize(
    ("seconds", "wanted", "call_seconds", "expected"),
    [(60, 4, 0.0, 4), (60, 4, 7.0, 4), (60, 20, 2.0, 14), (60, 4, 40.0, 2), (0, 4, 1.0, 2), (0, 1, 1.0, 1)],
)
def test_as_many_calls_are_planned_as_fit(seconds: float, wanted: int, call_seconds: float, expected: int) -> None:
    """Further calls take up to twice as long as measured ones; two are the fewest that say anything."""
    assert FollowUpBudget.begin(seconds).calls(wanted, call_seconds) == expected
