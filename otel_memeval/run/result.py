"""Verdict, limits and statistics of a run, and whether a result passes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from otel_memeval.analysis.judge import Judgement
from otel_memeval.analysis.statistics import describe
from otel_memeval.records import (
    CHILD_MEMORY,
    Channels,
    Eval,
    Failure,
    Holder,
    Iteration,
    Limits,
    Result,
    Site,
    Summary,
    Suppressed,
    Verdict,
)
from otel_memeval.run.sentence import verdict_sentence
from otel_memeval.units import format_bytes, format_items
from otel_memeval.verdicts import REGRESSED


def summarize(iterations: Sequence[Iteration], *, without_first: bool = False) -> Summary:
    """Return statistics over the measured iterations; an iteration without a reading counts for no memory statistic."""
    measured = [iteration for iteration in iterations if iteration.phase == "measured"][without_first:]
    return Summary(
        runtime_seconds=describe([iteration.duration_seconds for iteration in measured if iteration.status == "ok"]),
        peak_bytes=describe([float(peak) for iteration in measured if (peak := iteration.peak_bytes) is not None]),
        retained_bytes=describe([float(kept) for iteration in measured if (kept := iteration.retained_bytes) is not None]),
        without_first=without_first,
    )


def exceeded(growth: Channels, limits: Limits) -> list[str]:
    """Return one sentence for each limit that the growth exceeds."""
    sentences = []
    for name, channel, limit, option in (
        ("retained memory", growth.retained, limits.max_growth_bytes, "--max-growth"),
        ("the peak", growth.peak, limits.max_peak_growth_bytes, "--max-peak-growth"),
    ):
        if channel is not None and limit is not None and channel.bytes_per_iteration > limit:
            grown = format_bytes(channel.bytes_per_iteration)
            sentences.append(f"{name} grew by {grown} per iteration; {option} allows {format_bytes(limit)}")
    return sentences


def first_error(iterations: Sequence[Iteration]) -> str:
    """Return the first failed iteration with its error, such as ``iteration 3: ValueError: no``; empty if none failed."""
    for iteration in iterations:
        if iteration.error is not None:
            phase = "warm-up iteration" if iteration.phase == "warmup" else "iteration"
            text = f": {iteration.error.message}" if iteration.error.message else ""
            return f"{phase} {iteration.index}: {iteration.error.type}{text}"
    return ""


def verdict(
    judgement: Judgement,
    eval_: Eval,
    iterations: Sequence[Iteration],
    sites: Sequence[Site],
    holders: Sequence[Holder],
    failure: Failure | None,
    suppressed: Sequence[Suppressed] = (),
    missing_channels: Sequence[str] = (),
) -> Verdict:
    """Return the verdict with its sentence. A failure of the scenario takes precedence over the judgement."""
    measured = sum(1 for iteration in iterations if iteration.phase == "measured")
    error = first_error(iterations)
    if failure is not None and not error:
        error = f"{failure.type}: {failure.message}"
    if error:
        reasons = [error, f"{measured} of {eval_.iterations} measured iterations were started"]
        return Verdict(state="failed", summary=error, reasons=reasons)
    reasons = [*judgement.reasons, *map(_suppression_reason, suppressed)]
    return Verdict(
        state=judgement.state,
        summary=verdict_sentence(judgement, sites, holders, measured, len(suppressed), missing_channels),
        reasons=reasons,
        iterations_needed=judgement.iterations_needed,
        channels=list(judgement.leaking_channels),
    )


def _suppression_reason(growth: Suppressed) -> str:
    is_number = growth.resource not in ("", CHILD_MEMORY)
    size = format_items(growth.bytes_per_iteration) if is_number else format_bytes(growth.bytes_per_iteration, signed=True)
    return f"not judged: {growth.site or growth.path or growth.resource}, {size} per iteration: {growth.reason}"


def without_judgement_of_memory(result: Result) -> Result:
    """Return the result without growth, and ``inconclusive`` unless the scenario failed or was idle."""
    judged = result.verdict
    if judged.state not in ("failed", "idle"):
        judged = Verdict(state="inconclusive", summary="memory is not judged: measure_memory is False", reasons=[])
    return Result(
        run=result.run,
        eval=result.eval,
        iterations=result.iterations,
        growth=Channels(),
        sites=[],
        holders=[],
        verdict=judged,
        statistics=result.statistics,
        initial_reading=result.initial_reading,
        failure=result.failure,
    )


def passes(result: Result, fail_on: Collection[str]) -> bool:
    """Return whether nothing of the scenario failed, limits hold, and ``fail_on`` has neither verdict nor regression."""
    failed = result.failure is not None and result.failure.type != "Interrupted"
    regressed = result.regressed and REGRESSED in fail_on
    return not failed and not regressed and result.verdict.state not in ("failed", *fail_on) and not result.limits_exceeded
