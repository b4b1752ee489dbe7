"""From the judgement to the verdict, the limits and whether a result passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
import pytest

from otel_memeval.analysis.judge import Judgement
from otel_memeval.records import Channels, Eval, Failure, Growth, Iteration, Limits, Result, Verdict
from otel_memeval.run.result import exceeded, first_error, passes, summarize, verdict, without_judgement_of_memory
from otel_memeval.verdicts import STATES, State

ERROR = Failure(type="ValueError", message="no")


@pytest.mark.parametrize("state", STATES)
def test_result_passes_unless_verdict_or_limit_fails_it(state: State, make_result: Callable[..., Result]) -> None:
    """A named verdict and an exceeded limit fail a result, a failed scenario always does."""
    result = make_result(verdict=Verdict(state=state, summary="", reasons=[]))
    assert passes(result, []) == (state != "failed")
    assert not passes(result, [state])
    assert not passes(msgspec.structs.replace(result, limits_exceeded=["past"]), [])


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
        assert sentences[0].endswith(f"per iteration; {option} allows {'1.00 KiB' if limit else '0 B'}")


def test_what_was_not_measured_passes_no_limit() -> None:
    """Without a channel there is nothing to be past."""
    assert exceeded(Channels(), Limits(max_growth_bytes=0, max_peak_growth_bytes=0)) == []


def test_both_limits_may_be_passed() -> None:
    """One sentence each."""
    grown = Growth(bytes_per_iteration=2048.0, ci_low=0.0, ci_high=0.0)
    channels = Channels(retained=grown, peak=grown)
    assert exceeded(channels, Limits(max_growth_bytes=1024, max_peak_growth_bytes=0)) == [
        "retained memory grew by 2.00 KiB per iteration; --max-growth allows 1.00 KiB",
        "the peak grew by 2.00 KiB per iteration; --max-peak-growth allows 0 B",
    ]


def decided(iterations: list[Iteration], failure: Failure | None = None, state: State = "stable") -> Verdict:
    """Return the verdict over these iterations of five, judged as ``state``."""
    judgement = Judgement(state=state, reasons=("why",), growth=Channels(), sites=(), holders=(), iterations_needed=9)
    eval_ = Eval(name="e", iterations=5, warmup=1, limits=Limits())
    return verdict(judgement, eval_, iterations, [], [], failure)


def test_a_failure_goes_before_what_was_measured(make_iteration: Callable[..., Iteration]) -> None:
    """An iteration that raised makes the run failed, with the first error, its place and how many were begun."""
    iterations = [make_iteration(1, "warmup"), make_iteration(1), make_iteration(2, "measured", ERROR)]
    failed = decided([*iterations, make_iteration(3, "measured", Failure(type="Other", message=""))], state="leaking")
    assert (failed.state, failed.summary) == ("failed", "iteration 2: ValueError: no")
    assert failed.reasons == ["iteration 2: ValueError: no", "3 of 5 measured iterations were started"]
    warmup = decided([make_iteration(1, "warmup", Failure(type="KeyError", message=""))])
    assert warmup.summary == "warm-up iteration 1: KeyError"


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


@pytest.mark.parametrize(
    ("state", "then"), [("leaking", "inconclusive"), ("stable", "inconclusive"), ("failed", "failed"), ("idle", "idle")]
)
def test_memory_that_is_not_judged_decides_nothing(state: State, then: State, make_result: Callable[..., Result]) -> None:
    """Neither growth nor an exceeded limit is left; a scenario that failed or did nothing stays that."""
    before = make_result(verdict=Verdict(state=state, summary="why", reasons=[]), limits_exceeded=["past"])
    after = without_judgement_of_memory(before)
    assert after.verdict.state == then
    assert (after.growth, after.sites, after.holders, after.limits_exceeded) == (Channels(), [], [], [])
    assert (after.iterations, after.statistics, after.run) == (before.iterations, before.statistics, before.run)
    assert passes(after, ["leaking"]) == (state != "failed")
