"""What is said of a run and of an iteration, in names and values. Pure; None is left out."""

from __future__ import annotations

from otel_memeval import telemetry as name
from otel_memeval.records import Growth, Iteration, Result
from otel_memeval.run.locations import SiteChange

Values = dict[str, object]
Error = tuple[str, str]
"""Type and description."""

ABORTED = "aborted"
"""Of ``test.suite.run.status``: the run was interrupted."""


def common_values(run_id: str, eval_name: str) -> Values:
    """On every span and record."""
    return {name.RUN_ID: run_id, name.SUITE_NAME: eval_name}


def iteration_values(iteration: Iteration, retained_growth_bytes: int | None) -> Values:
    """An iteration and the reading after it."""
    calls = iteration.gen_ai
    return {
        name.INDEX: iteration.index,
        name.PHASE: iteration.phase,
        name.CASE_NAME: f"{iteration.phase} {iteration.index}",
        name.CASE_STATUS: "pass" if iteration.status == "ok" else "fail",
        name.TRACED_CURRENT: iteration.traced_current_bytes,
        name.TRACED_PEAK: iteration.peak_bytes,
        name.RETAINED: iteration.retained_bytes,
        name.RETAINED_GROWTH: retained_growth_bytes,
        name.RETAINED_BLOCKS: iteration.retained_blocks,
        name.RSS: iteration.rss_bytes,
        name.USS: iteration.uss_bytes,
        name.NATIVE_HEAP: iteration.native_heap_bytes,
        name.CPU_SECONDS: iteration.cpu_seconds,
        name.MODEL_CALLS: None if calls is None else calls.model_calls,
        name.TOOL_CALLS: None if calls is None else calls.tool_calls,
        name.INPUT_TOKENS: None if calls is None else calls.input_tokens,
        name.OUTPUT_TOKENS: None if calls is None else calls.output_tokens,
    }


def iteration_error(iteration: Iteration) -> Error | None:
    """How an iteration failed."""
    if iteration.status == "ok":
        return None
    if iteration.error is None:
        return "_OTHER", ""
    return iteration.error.type, iteration.error.message


def growth_values(growing: SiteChange, rank: int, function: str) -> Values:
    """A line that has more alive than after the reading before; the first has rank 1."""
    return {
        name.FILE: growing.file,
        name.LINE: growing.line,
        name.FUNCTION: function or None,
        name.GROWTH_BYTES: growing.grown_bytes,
        name.GROWTH_BLOCKS: growing.grown_blocks,
        name.GROWTH_RANK: rank,
    }


def run_values(result: Result, *, passed: bool) -> Values:
    """A run that is over."""
    measured = sum(1 for one in result.iterations if one.phase == "measured")
    return {
        name.TARGET: result.run.target,
        name.SUITE_STATUS: _suite_status(result, passed=passed),
        name.VERDICT: result.verdict.state,
        name.VERDICT_SUMMARY: result.verdict.summary,
        name.RETAINED_PER_ITERATION: _slope(result.growth.retained),
        name.PEAK_PER_ITERATION: _slope(result.growth.peak),
        name.NATIVE_PER_ITERATION: _slope(result.growth.native),
        name.ITERATIONS: measured,
        name.WARMUPS: len(result.iterations) - measured,
        name.LIMITS_EXCEEDED: list(result.limits_exceeded) or None,
    }


def _suite_status(result: Result, *, passed: bool) -> str:
    """https://opentelemetry.io/docs/specs/semconv/registry/attributes/test/"""
    if result.failure is not None and result.failure.type == "Interrupted":
        return ABORTED
    if result.failure is not None and result.failure.type == "Timeout":
        return "timed_out"
    return "success" if passed else "failure"


def run_error(result: Result, *, passed: bool) -> Error | None:
    """Why a run did not pass: the scenario's error, else the verdict."""
    if passed:
        return None
    if result.failure is not None:
        return result.failure.type, result.failure.message
    error = next((one.error for one in result.iterations if one.error is not None), None)
    if error is not None:
        return error.type, result.verdict.summary
    if result.limits_exceeded:
        return "limit_exceeded", result.limits_exceeded[0]
    return result.verdict.state, result.verdict.summary


def evaluation_values(result: Result) -> Values:
    """The verdict as GenAI's conventions tell an evaluation."""
    return {
        name.EVALUATION_NAME: "memory growth",
        name.EVALUATION_VALUE: _slope(result.growth.retained),
        name.EVALUATION_LABEL: result.verdict.state,
        name.EVALUATION_EXPLANATION: result.verdict.summary,
    }


def _slope(growth: Growth | None) -> float | None:
    return None if growth is None else growth.bytes_per_iteration
