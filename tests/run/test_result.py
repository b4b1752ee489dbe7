"""From the judgement to the verdict, the limits and the exit status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest

from otel_memeval.analysis.judge import Judgement
from otel_memeval.records import Channels, Eval, Failure, Growth, Iteration, Limits, Result, Verdict
from otel_memeval.run import result as outcome
from otel_memeval.run.result import exceeded, exit_status, first_error, summarize, verdict
from otel_memeval.verdicts import FAILING_STATES, STATES, State

ERROR = Failure(type="ValueError", message="no")


def saying(state: State, **parts: Any) -> dict[str, Any]:
    """The parts of a result with this verdict."""
    return {"verdict": Verdict(state=state, summary="", reasons=[]), **parts}


@pytest.mark.parametrize("state", STATES)
def test_each_verdict_has_its_status(state: State, make_result: Callable[..., Result]) -> None:
    """By default leaking, native-leak and idle fail the run; failed is the scenario's own status; the rest passes."""
    expected = 3 if state == "failed" else 1 if state in ("leaking", "native-leak", "idle") else 0
    assert exit_status([make_result(**saying(state))], FAILING_STATES) == expected


@pytest.mark.parametrize("state", STATES)
def test_fail_on_says_which_verdicts_fail(state: State, make_result: Callable[..., Result]) -> None:
    """Each verdict fails the run when it is named and does not when none is; a failed scenario always has status 3."""
    result = [make_result(**saying(state))]
    assert exit_status(result, [state]) == (3 if state == "failed" else 1)
    assert exit_status(result, []) == (3 if state == "failed" else 0)


def test_the_worst_of_several_runs_counts(make_result: Callable[..., Result]) -> None:
    """Interrupted goes before a failed scenario, that before a verdict or a limit, that before passing; in any order."""
    passed = make_result(**saying("stable"))
    limited = make_result(**saying("stable", limits_exceeded=["past"]))
    leaking = make_result(**saying("leaking"))
    failed = make_result(**saying("failed", failure=Failure(type="Crash", message="")))
    interrupted = make_result(**saying("failed", failure=Failure(type="Interrupted", message="")))
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


def test_a_passed_limit_fails_whatever_fail_on_says(make_result: Callable[..., Result]) -> None:
    """A limit of the user's own is not switched off with the verdicts."""
    assert exit_status([make_result(**saying("stable", limits_exceeded=["past"]))], []) == 1


def test_the_statuses_are_the_contracts() -> None:
    """The numbers that scripts rely on."""
    assert (outcome.PASSED, outcome.VERDICT_FAILED, outcome.WRONG_USAGE, outcome.SCENARIO_FAILED) == (0, 1, 2, 3)
    assert (outcome.NOT_DELIVERED, outcome.INTERRUPTED) == (4, 130)


@pytest.mark.parametrize(
    ("growth", "limit", "passed"),
    [
        (1023.0, 1024, False),
        (1024.0, 1024, False),
        (1024.5, 1024, True),
        (0.0, 0, False),
        (0.1, 0, True),
        (-5.0, 0, False),
        (1e9, None, False),
    ],
)
@pytest.mark.parametrize("channel", ["retained", "peak"])
def test_a_limit_is_passed_above_it_only(
    channel: Literal["retained", "peak"], growth: float, limit: int | None, passed: bool
) -> None:
    """Just below, at and just above each limit; 0 is a limit, none is not; each channel has its own."""
    grown = Growth(bytes_per_iteration=growth, ci_low=growth, ci_high=growth)
    channels = Channels(retained=grown) if channel == "retained" else Channels(peak=grown)
    retained = channel == "retained"
    limits = Limits(max_growth_bytes=limit) if retained else Limits(max_peak_growth_bytes=limit)
    others = Limits(max_peak_growth_bytes=0) if retained else Limits(max_growth_bytes=0)
    sentences = exceeded(channels, limits)
    assert bool(sentences) == passed
    assert exceeded(channels, others) == []
    if passed:
        option = "--max-growth" if retained else "--max-peak-growth"
        assert sentences[0].endswith(f"an iteration; {option} allows {'1.00 KiB' if limit else '0 B'}")


def test_what_was_not_measured_passes_no_limit() -> None:
    """Without a channel there is nothing to be past."""
    assert exceeded(Channels(), Limits(max_growth_bytes=0, max_peak_growth_bytes=0)) == []


def test_both_limits_may_be_passed() -> None:
    """One sentence each."""
    grown = Growth(bytes_per_iteration=2048.0, ci_low=0.0, ci_high=0.0)
    channels = Channels(retained=grown, peak=grown)
    assert exceeded(channels, Limits(max_growth_bytes=1024, max_peak_growth_bytes=0)) == [
        "retained memory grew by 2.00 KiB an iteration; --max-growth allows 1.00 KiB",
        "the peak grew by 2.00 KiB an iteration; --max-peak-growth allows 0 B",
    ]


def decided(iterations: list[Iteration], failure: Failure | None = None, state: State = "stable") -> Verdict:
    """The verdict over these iterations of five, judged as ``state``."""
    judgement = Judgement(state=state, reasons=("why",), growth=Channels(), sites=(), holders=(), iterations_needed=9)
    eval_ = Eval(name="e", iterations=5, warmup=1, limits=Limits())
    return verdict(judgement, eval_, iterations, [], [], failure)


def test_a_failure_goes_before_what_was_measured(make_iteration: Callable[..., Iteration]) -> None:
    """An iteration that raised makes the run failed, with the first error, its place and how many were begun."""
    iterations = [make_iteration(1, "warmup"), make_iteration(1), make_iteration(2, "measured", ERROR)]
    failed = decided([*iterations, make_iteration(3, "measured", Failure(type="Other", message=""))], state="leaking")
    assert (failed.state, failed.summary) == ("failed", "failed in iteration 2: ValueError: no")
    assert failed.reasons == ["iteration 2: ValueError: no", "3 of 5 measured iterations were begun"]
    warmup = decided([make_iteration(1, "warmup", Failure(type="KeyError", message=""))])
    assert warmup.summary == "failed in warm-up iteration 1: KeyError"


def test_a_failure_outside_of_iterations_is_the_summary(make_iteration: Callable[..., Iteration]) -> None:
    """A set-up that raised, or a crash after the last iteration, is told as it is."""
    failed = decided([make_iteration(1)], Failure(type="ValueError", message="setup failed: no"))
    assert (failed.state, failed.summary) == ("failed", "ValueError: setup failed: no")


def test_without_a_failure_the_judgement_stands(make_iteration: Callable[..., Iteration]) -> None:
    """State, reasons and how many more iterations it takes are passed on."""
    stable = decided([make_iteration(1)], state="inconclusive")
    assert (stable.state, stable.reasons, stable.iterations_needed) == ("inconclusive", ["why"], 9)
    assert first_error([make_iteration(1)]) == ""


def test_statistics_are_of_what_was_measured(make_iteration: Callable[..., Iteration]) -> None:
    """Warm-ups do not count, failed iterations not for the duration, unread ones not for memory; of none there are none."""
    unread = Iteration(index=4, phase="measured", started_at="", duration_seconds=9.0, status="error", error=ERROR)
    iterations = [make_iteration(7, "warmup"), make_iteration(1), make_iteration(3), unread]
    summary = summarize(iterations)
    assert summary.runtime_seconds is not None
    assert (summary.runtime_seconds.mean, summary.runtime_seconds.max) == (0.5, 0.5)
    assert summary.retained_bytes is not None
    assert (summary.retained_bytes.min, summary.retained_bytes.max) == (1_004_096, 1_012_288)
    empty = summarize([make_iteration(1, "warmup")])
    assert (empty.runtime_seconds, empty.peak_bytes, empty.retained_bytes) == (None, None, None)
