"""Exit statuses of the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from otel_memeval.cli import exit_codes
from otel_memeval.cli.exit_codes import bisect_status, exit_status
from otel_memeval.records import Comparison, Failure, Result, Verdict
from otel_memeval.records.comparison import Outcome
from otel_memeval.run.result import passes
from otel_memeval.verdicts import FAILING_STATES, STATES, State


def with_verdict(state: State, **parts: Any) -> dict[str, Any]:
    """Return the parts of a result with this verdict."""
    return {"verdict": Verdict(state=state, summary="", reasons=[]), **parts}


@pytest.mark.parametrize("state", STATES)
def test_default_fail_on_maps_each_verdict_to_a_status(state: State, make_result: Callable[..., Result]) -> None:
    """By default leaking, native-leak and idle give 1, failed gives 3, and the other verdicts give 0."""
    expected = 3 if state == "failed" else 1 if state in ("leaking", "native-leak", "idle") else 0
    assert exit_status([make_result(**with_verdict(state))], FAILING_STATES) == expected


@pytest.mark.parametrize("state", STATES)
def test_fail_on_decides_which_verdicts_fail(state: State, make_result: Callable[..., Result]) -> None:
    """A verdict gives 1 if it is named and 0 if none is named; a failed scenario always gives 3."""
    result = [make_result(**with_verdict(state))]
    assert exit_status(result, [state]) == (3 if state == "failed" else 1)
    assert exit_status(result, []) == (3 if state == "failed" else 0)


def test_most_severe_status_of_several_results_counts(make_result: Callable[..., Result]) -> None:
    """Interrupted wins over a failed scenario, that over a verdict or a limit, that over passing, in any order."""
    passed = make_result(**with_verdict("stable"))
    limited = make_result(**with_verdict("stable", limits_exceeded=["past"]))
    leaking = make_result(**with_verdict("leaking"))
    failed = make_result(**with_verdict("failed", failure=Failure(type="Crash", message="")))
    interrupted = make_result(**with_verdict("failed", failure=Failure(type="Interrupted", message="")))
    for results, status in [
        ([], 0),
        ([passed], 0),
        ([passed, limited], 1),
        ([leaking, passed], 1),
        ([leaking, failed, passed], 3),
        ([failed, limited], 3),
        ([failed, interrupted, leaking], 130),
    ]:
        assert exit_status(results, FAILING_STATES) == status
        assert exit_status(results[::-1], FAILING_STATES) == status


def test_exceeded_limit_fails_whatever_fail_on_is(make_result: Callable[..., Result]) -> None:
    """``--fail-on never`` does not switch off limits."""
    assert exit_status([make_result(**with_verdict("stable", limits_exceeded=["past"]))], []) == 1


def test_statuses_are_those_of_the_contract() -> None:
    """Scripts rely on these numbers."""
    assert (exit_codes.PASSED, exit_codes.VERDICT_FAILED, exit_codes.WRONG_USAGE, exit_codes.SCENARIO_FAILED) == (0, 1, 2, 3)
    assert (exit_codes.NOT_DELIVERED, exit_codes.INTERRUPTED) == (4, 130)


def test_bisect_takes_only_a_verdict_for_good_or_bad(make_result: Callable[..., Result]) -> None:
    """Failed, interrupted and inconclusive runs skip the commit; telemetry that was not delivered does not."""
    for state, status, expected in [
        ("stable", 0, 0),
        ("creeping", 0, 0),
        ("stable", 4, 0),
        ("leaking", 1, 1),
        ("inconclusive", 1, 1),
        ("inconclusive", 0, 125),
        ("inconclusive", 4, 125),
        ("failed", 3, 125),
        ("stable", 3, 125),
        ("stable", 130, 125),
    ]:
        assert bisect_status(status, [make_result(**with_verdict(cast("State", state)))]) == expected, (state, status)
    assert bisect_status(0, []) == 125


def test_regression_fails_the_run_where_it_is_asked_for(make_result: Callable[..., Result]) -> None:
    """A run that could not be compared passes, and says nothing about a commit."""
    for outcome, fail_on, status, bisected in (
        ("regressed", ("regressed",), 1, 1),
        ("regressed", (), 0, 0),
        ("improved", ("regressed",), 0, 0),
        ("unknown", ("regressed",), 0, 125),
        ("unknown", (), 0, 0),
    ):
        comparison = Comparison(outcome=cast("Outcome", outcome), summary="")
        result = make_result(**with_verdict("stable"), baseline_comparison=comparison)
        assert exit_status([result], fail_on) == status
        assert passes(result, fail_on) is (status == 0)
        assert bisect_status(status, [result], fail_on) == bisected
