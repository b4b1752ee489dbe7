"""From the judgement to the result: the sentence, the limits, what failed, and whether it passes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from otel_memeval.analysis.judge import Judgement
from otel_memeval.analysis.statistics import describe
from otel_memeval.records import Channels, Eval, Failure, Holder, Iteration, Limits, Result, Site, Summary, Verdict
from otel_memeval.run.sentence import phrase
from otel_memeval.units import format_bytes


def summarize(iterations: Sequence[Iteration]) -> Summary:
    """Statistics over the measured iterations; only what was read counts."""
    measured = [one for one in iterations if one.phase == "measured"]
    return Summary(
        runtime_seconds=describe([one.duration_seconds for one in measured if one.status == "ok"]),
        peak_bytes=describe([float(one.peak_bytes) for one in measured if one.peak_bytes is not None]),
        retained_bytes=describe([float(one.retained_bytes) for one in measured if one.retained_bytes is not None]),
    )


def exceeded(growth: Channels, limits: Limits) -> list[str]:
    """One sentence for each limit that was passed."""
    passed = []
    for name, channel, limit, option in (
        ("retained memory", growth.retained, limits.max_growth_bytes, "--max-growth"),
        ("the peak", growth.peak, limits.max_peak_growth_bytes, "--max-peak-growth"),
    ):
        if channel is not None and limit is not None and channel.bytes_per_iteration > limit:
            grown = format_bytes(channel.bytes_per_iteration)
            passed.append(f"{name} grew by {grown} an iteration; {option} allows {format_bytes(limit)}")
    return passed


def first_error(iterations: Sequence[Iteration]) -> str:
    """The first iteration that failed, in words; empty if none did."""
    for one in iterations:
        if one.error is not None:
            phase = "warm-up iteration" if one.phase == "warmup" else "iteration"
            text = f": {one.error.message}" if one.error.message else ""
            return f"{phase} {one.index}: {one.error.type}{text}"
    return ""


def verdict(
    judgement: Judgement,
    eval_: Eval,
    iterations: Sequence[Iteration],
    sites: Sequence[Site],
    holders: Sequence[Holder],
    failure: Failure | None,
) -> Verdict:
    """The verdict with its sentence. A failure of the scenario goes before anything that was measured."""
    measured = sum(1 for one in iterations if one.phase == "measured")
    error = first_error(iterations)
    if failure is not None and not error:
        error = f"{failure.type}: {failure.message}"
    if error:
        reasons = [error, f"{measured} of {eval_.iterations} measured iterations were begun"]
        return Verdict(state="failed", summary=f"failed in {error}" if "iteration" in error else error, reasons=reasons)
    reasons = list(judgement.reasons)
    return Verdict(
        state=judgement.state,
        summary=phrase(judgement.state, judgement.growth, sites, holders, reasons, measured, judgement.leaking_channels),
        reasons=reasons,
        iterations_needed=judgement.iterations_needed,
        channels=list(judgement.leaking_channels),
    )


def passes(result: Result, fail_on: Collection[str]) -> bool:
    """Return whether the scenario did not fail, its verdict is not in ``fail_on``, and no limit was exceeded."""
    return result.verdict.state not in ("failed", *fail_on) and not result.limits_exceeded
