"""List the gauges of a run, named by ``telemetry``, for every exporter. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from otel_memeval import telemetry
from otel_memeval.records import WORDS, Iteration, Result
from otel_memeval.telemetry import Metric
from otel_memeval.units import format_location
from otel_memeval.verdicts import STATES
from otel_memeval.version import __version__

Labels = tuple[tuple[str, str], ...]


class Sample(msgspec.Struct, frozen=True):
    """One series of a gauge; ``metric`` is a name in ``telemetry``, labels are in the metric's order."""

    metric: str
    labels: Labels
    value: float | int


def gauge_samples(
    result: Result, ended_at_seconds: float, *, passed: bool, interval_seconds: float | None = None
) -> list[Sample]:
    """Return the gauges of a run that ended at ``ended_at_seconds`` (since 1970), without values that were not measured.

    ``interval_seconds``: how often the eval is meant to run; None: unknown.
    """
    samples: list[Sample] = []
    eval_ = result.eval.name

    def gauge(metric: Metric, value: float | int | None, **labels: str) -> None:
        if value is not None:
            given = {"eval": eval_, **labels}
            samples.append(Sample(metric.name, tuple((name, given[name]) for name in metric.labels), value))

    last = next((found for found in reversed(result.iterations) if found.retained_bytes is not None), None)
    if last is not None:
        gauge(telemetry.RETAINED_BYTES, last.retained_bytes)
        gauge(telemetry.PEAK_BYTES, last.peak_bytes)
        gauge(telemetry.RSS_BYTES, last.rss_bytes)
    for metric, total in zip(telemetry.GENAI_METRICS, _gen_ai_totals(result.iterations)):
        gauge(metric, total)
    growth = result.growth
    slopes = {"retained": growth.retained, "peak": growth.peak, "native": growth.native, "process": growth.process}
    for kind, slope in slopes.items():
        gauge(telemetry.GROWTH, None if slope is None else slope.bytes_per_iteration, kind=kind)
    gauge(telemetry.GROWTH_LIMIT, result.eval.limits.max_growth_bytes, kind="retained")
    gauge(telemetry.GROWTH_LIMIT, result.eval.limits.max_peak_growth_bytes, kind="peak")
    for (file, line, function), site in {(site.file, site.line, site.function): site for site in result.sites}.items():
        gauge(telemetry.SITE_GROWTH, site.bytes_per_iteration, file=file, line=str(line), function=function)
    for (path, type_), holder in {(holder.path, holder.type): holder for holder in result.holders}.items():
        gauge(telemetry.HOLDER_GROWTH, holder.items_per_iteration, path=path, type=type_)
    for name in WORDS:
        resource = getattr(result.resources, name, None)
        if resource is not None and resource.growing:
            gauge(telemetry.RESOURCE_GROWTH, resource.per_iteration, resource=name)
    children = None if result.resources is None else result.resources.child_memory_bytes
    if children is not None and children.growing:
        gauge(telemetry.CHILD_MEMORY_GROWTH, children.per_iteration)
    gauge(telemetry.SUPPRESSED_LEAKS, len(result.suppressed))
    _comparison_gauges(gauge, result)
    for state in STATES:
        gauge(telemetry.VERDICT_STATE, int(state == result.verdict.state), state=state)
    gauge(telemetry.LAST_RUN_INFO, 1, **_info_labels(result))
    gauge(telemetry.LAST_RUN, ended_at_seconds)
    gauge(telemetry.LAST_SUCCESS, ended_at_seconds if passed else None)
    gauge(telemetry.LAST_RUN_SUCCESS, int(passed))
    gauge(telemetry.LAST_RUN_DURATION, result.run.duration_seconds)
    gauge(telemetry.EXPECTED_INTERVAL, interval_seconds)
    gauge(telemetry.BUILD_INFO, 1, version=__version__, python=result.run.python)
    return samples


def _comparison_gauges(gauge: Callable[[Metric, float | int | None], None], result: Result) -> None:
    """Add the gauges of a comparison that could be made."""
    comparison = result.baseline_comparison
    if comparison is None or comparison.outcome == "unknown":
        return
    gauge(telemetry.RUN_REGRESSED, int(comparison.outcome == "regressed"))
    gauge(telemetry.REGRESSED_SINCE, comparison.since_seconds)


def _gen_ai_totals(iterations: Iterable[Iteration]) -> tuple[int | None, ...]:
    """Return model calls, tool calls, input and output tokens of the last traced iteration; empty without one."""
    traced = [iteration.gen_ai for iteration in iterations if iteration.gen_ai is not None]
    if not traced:
        return ()
    return (traced[-1].model_calls, traced[-1].tool_calls, traced[-1].input_tokens, traced[-1].output_tokens)


def _info_labels(result: Result) -> Mapping[str, str]:
    git = result.run.git
    site = result.sites[0] if result.sites else None
    return {
        "target": result.run.target,
        "revision": "" if git is None else git.commit[:12] + ("-dirty" if git.dirty else ""),
        "site": "" if site is None else format_location(site.file, site.line),
        "holder": next((holder.path for holder in result.holders if holder.path), ""),
    }
