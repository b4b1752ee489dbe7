"""The gauges that a run leaves to be seen, by the names of ``telemetry``: one list for every exporter. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from otel_memeval import telemetry
from otel_memeval.records import Channels, Growth, Iteration, Result
from otel_memeval.telemetry import Metric
from otel_memeval.verdicts import STATES
from otel_memeval.version import __version__

Labels = tuple[tuple[str, str], ...]


class Sample(msgspec.Struct, frozen=True):
    """One series of a gauge: ``metric`` by its name in ``telemetry``, labels in the metric's order."""

    metric: str
    labels: Labels
    value: float | int


def samples(result: Result, ended_at_seconds: float, *, passed: bool, interval_seconds: float | None = None) -> list[Sample]:
    """Gauges of a run that ended at ``ended_at_seconds`` (since 1970); what was not measured has none.

    ``interval_seconds``: how often the eval is meant to run, where that is known.
    """
    made: list[Sample] = []
    eval_ = result.eval.name

    def gauge(metric: Metric, value: float | int | None, **labels: str) -> None:
        if value is not None:
            given = {"eval": eval_, **labels}
            made.append(Sample(metric.name, tuple((name, given[name]) for name in metric.labels), value))

    last = next((one for one in reversed(result.iterations) if one.retained_bytes is not None), None)
    if last is not None:
        gauge(telemetry.RETAINED_BYTES, last.retained_bytes)
        gauge(telemetry.PEAK_BYTES, last.peak_bytes)
        gauge(telemetry.RSS_BYTES, last.rss_bytes)
    for metric, total in zip(telemetry.GENAI_METRICS, _gen_ai(result.iterations)):
        gauge(metric, total)
    for kind, slope in channels(result.growth).items():
        gauge(telemetry.GROWTH, slope, kind=kind)
    gauge(telemetry.GROWTH_LIMIT, result.eval.limits.max_growth_bytes, kind="retained")
    gauge(telemetry.GROWTH_LIMIT, result.eval.limits.max_peak_growth_bytes, kind="peak")
    for (file, line, function), site in {(one.file, one.line, one.function): one for one in result.sites}.items():
        gauge(telemetry.SITE_GROWTH, site.bytes_per_iteration, file=file, line=str(line), function=function)
    for (path, type_), holder in {(one.path, one.type): one for one in result.holders}.items():
        gauge(telemetry.HOLDER_GROWTH, holder.items_per_iteration, path=path, type=type_)
    for state in STATES:
        gauge(telemetry.VERDICT_STATE, int(state == result.verdict.state), state=state)
    gauge(telemetry.LAST_RUN_INFO, 1, **_info(result))
    gauge(telemetry.LAST_RUN, ended_at_seconds)
    gauge(telemetry.LAST_SUCCESS, ended_at_seconds if passed else None)
    gauge(telemetry.LAST_RUN_SUCCESS, int(passed))
    gauge(telemetry.LAST_RUN_DURATION, result.run.duration_seconds)
    gauge(telemetry.EXPECTED_INTERVAL, interval_seconds)
    gauge(telemetry.BUILD_INFO, 1, version=__version__, python=result.run.python)
    return made


def channels(growth: Channels) -> dict[str, float]:
    """Growth by channel, in bytes per iteration, where it is known."""
    slopes = {
        "retained": _slope(growth.retained),
        "peak": _slope(growth.peak),
        "native": _slope(growth.native),
        "process": _slope(growth.process),
    }
    return {kind: slope for kind, slope in slopes.items() if slope is not None}


def _slope(growth: Growth | None) -> float | None:
    return None if growth is None else growth.bytes_per_iteration


def _gen_ai(iterations: Iterable[Iteration]) -> tuple[int, ...]:
    """Model calls, tool calls, tokens in and out of the last traced iteration; nothing if none was."""
    traced = [one.gen_ai for one in iterations if one.gen_ai is not None]
    if not traced:
        return ()
    return (traced[-1].model_calls, traced[-1].tool_calls, traced[-1].input_tokens, traced[-1].output_tokens)


def _info(result: Result) -> Mapping[str, str]:
    git = result.run.git
    site = result.sites[0] if result.sites else None
    return {
        "target": result.run.target,
        "revision": "" if git is None else git.commit[:12] + ("-dirty" if git.dirty else ""),
        "site": "" if site is None else f"{site.file}:{site.line}",
        "holder": next((one.path for one in result.holders if one.path), ""),
    }
