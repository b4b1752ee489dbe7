"""Build the attributes of a run, an iteration, a growing site and a verdict. Pure; attributes that are None are not sent."""

from __future__ import annotations

from collections.abc import Mapping

from otel_memeval import telemetry as name
from otel_memeval.records import Comparison, Growth, Iteration, Resources, Result
from otel_memeval.run.locations import SiteChange

Attributes = Mapping[str, object]
ErrorAttributes = tuple[str, str]
"""Type and description."""

ABORTED = "aborted"
"""Value of ``test.suite.run.status`` for a run that was interrupted."""


def common_attributes(run_id: str, eval_name: str) -> Attributes:
    """Return the attributes of every span and log record of a run."""
    return {name.RUN_ID: run_id, name.SUITE_NAME: eval_name}


def iteration_attributes(iteration: Iteration, retained_growth_bytes: int | None) -> Attributes:
    """Return the attributes of an iteration and of the reading after it."""
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


def iteration_error(iteration: Iteration) -> ErrorAttributes | None:
    """Return the error of a failed iteration."""
    if iteration.status == "ok":
        return None
    if iteration.error is None:
        return "_OTHER", ""
    return iteration.error.type, iteration.error.message


def growth_attributes(change: SiteChange, rank: int, function: str) -> Attributes:
    """Return the attributes of a site that grew since the reading before; the site that grew most has rank 1."""
    return {
        name.FILE: change.file,
        name.LINE: change.line,
        name.FUNCTION: function or None,
        name.GROWTH_BYTES: change.grown_bytes,
        name.GROWTH_BLOCKS: change.grown_blocks,
        name.GROWTH_RANK: rank,
    }


def run_attributes(result: Result, *, passed: bool) -> Attributes:
    """Return the attributes of a run that is over."""
    measured = sum(1 for iteration in result.iterations if iteration.phase == "measured")
    return {
        name.TARGET: result.run.target,
        name.SUITE_STATUS: _suite_status(result, passed=passed),
        name.VERDICT: result.verdict.state,
        name.VERDICT_SUMMARY: result.verdict.summary,
        name.RETAINED_PER_ITERATION: _slope(result.growth.retained),
        name.PEAK_PER_ITERATION: _slope(result.growth.peak),
        name.NATIVE_PER_ITERATION: _slope(result.growth.native),
        **_resource_attributes(result.resources),
        name.ITERATIONS: measured,
        name.WARMUPS: len(result.iterations) - measured,
        name.LIMITS_EXCEEDED: list(result.limits_exceeded) or None,
        **_comparison_attributes(result.baseline_comparison),
    }


def _comparison_attributes(comparison: Comparison | None) -> Attributes:
    """Return the comparison with the baseline; nothing without one."""
    if comparison is None:
        return {}
    since = comparison.since
    return {
        name.REGRESSED: None if comparison.outcome == "unknown" else comparison.outcome == "regressed",
        name.BASELINE_OUTCOME: comparison.outcome,
        name.BASELINE_SUMMARY: comparison.summary,
        name.BASELINE_RUNS: len(comparison.runs),
        name.BASELINE_SINCE: None if since is None else since.commit or since.run_id,
        name.BASELINE_NEW_LEAKS: [leak.location for leak in comparison.leaks if leak.status == "new"] or None,
    }


def _resource_attributes(resources: Resources | None) -> Attributes:
    """Return the growth of each resource that was read, and that of the memory of children."""
    children = None if resources is None else resources.child_memory_bytes
    growth = {
        attribute: None if resource is None else resource.per_iteration
        for key, attribute in name.RESOURCES_PER_ITERATION.items()
        for resource in [getattr(resources, key, None)]
    }
    return {**growth, name.CHILD_MEMORY_PER_ITERATION: None if children is None else children.per_iteration}


def _suite_status(result: Result, *, passed: bool) -> str:
    """Return the status of https://opentelemetry.io/docs/specs/semconv/registry/attributes/test/."""
    if result.failure is not None and result.failure.type == "Interrupted":
        return ABORTED
    if result.failure is not None and result.failure.type == "Timeout":
        return "timed_out"
    return "success" if passed else "failure"


def run_error(result: Result, *, passed: bool) -> ErrorAttributes | None:
    """Return the reason why a run did not pass: the scenario's error, else a limit, else the verdict."""
    if passed:
        return None
    if result.failure is not None:
        return result.failure.type, result.failure.message
    error = next((iteration.error for iteration in result.iterations if iteration.error is not None), None)
    if error is not None:
        return error.type, result.verdict.summary
    if result.limits_exceeded:
        return "limit_exceeded", result.limits_exceeded[0]
    return result.verdict.state, result.verdict.summary


def evaluation_attributes(result: Result) -> Attributes:
    """Return the verdict as an evaluation of OpenTelemetry's GenAI conventions."""
    return {
        name.EVALUATION_NAME: "memory growth",
        name.EVALUATION_VALUE: _slope(result.growth.retained),
        name.EVALUATION_LABEL: result.verdict.state,
        name.EVALUATION_EXPLANATION: result.verdict.summary,
    }


def _slope(growth: Growth | None) -> float | None:
    return None if growth is None else growth.bytes_per_iteration
