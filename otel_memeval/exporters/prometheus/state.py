"""Compute the Prometheus state of one eval: the gauges of its last run, and counters over all its runs. Pure.

A state is an immutable record: a scrape never sees half of a run, and its JSON (msgspec) can be kept over a restart.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.labels import label_value
from otel_memeval.exporters.samples import Labels, Sample, gauge_samples
from otel_memeval.records import Iteration, Result
from otel_memeval.telemetry import SCRAPED_DURATION_BUCKETS
from otel_memeval.tracing.ids import trace_id

MOST_SERIES = 48
"""Series of one eval. Sites, then holders, fill the room that is left; ``memeval_last_run_info`` names the first of each."""

_MOST_HOLDERS = 3

_TRACE_ID = re.compile(r"[0-9a-f]{32}")
"""The only form of an id that fits an exemplar."""

_MEASURED = frozenset(
    metric.name
    for metric in (
        telemetry.RETAINED_BYTES,
        telemetry.PEAK_BYTES,
        telemetry.RSS_BYTES,
        *telemetry.GENAI_METRICS,
        telemetry.GROWTH,
        telemetry.SITE_GROWTH,
        telemetry.HOLDER_GROWTH,
        telemetry.RESOURCE_GROWTH,
        telemetry.CHILD_MEMORY_GROWTH,
        telemetry.SUPPRESSED_LEAKS,
    )
)
"""Gauges that a failed run leaves out: it ended early, so its values do not describe the eval."""

_OPTIONAL = (
    telemetry.SUPPRESSED_LEAKS.name,
    telemetry.RSS_BYTES.name,
    *(metric.name for metric in telemetry.GENAI_METRICS),
    telemetry.SITE_GROWTH.name,
    telemetry.HOLDER_GROWTH.name,
)
"""Gauges that are left out where the series are too many; the last are left out first."""


class TraceExemplar(msgspec.Struct, frozen=True):
    """A duration with the trace it was observed in."""

    trace_id: str
    seconds: float
    observed_at: float
    """In seconds since 1970."""


class Durations(msgspec.Struct, frozen=True):
    """A histogram of durations: numbers by bucket (not cumulative, the last without limit), and the sum in seconds."""

    counts: tuple[int, ...] = (0,) * (len(SCRAPED_DURATION_BUCKETS) + 1)
    sum: float = 0.0
    exemplars: tuple[TraceExemplar | None, ...] = (None,) * (len(SCRAPED_DURATION_BUCKETS) + 1)


class EvalState(msgspec.Struct, frozen=True, kw_only=True):
    """All series of one eval; ``eval`` is its label."""

    eval: str
    gauges: list[Sample] = []
    iterations: dict[str, int] = {}
    """By status."""
    runs: dict[str, int] = {}
    """By verdict."""
    skipped: int = 0
    durations: Durations = Durations()


def state_after_run(
    before: EvalState | None,
    result: Result,
    ended_at_seconds: float,
    *,
    passed: bool,
    interval_seconds: float | None = None,
    exemplars: bool = False,
    most_series: int = MOST_SERIES,
) -> EvalState:
    """Return the state of an eval after a run that ended at ``ended_at_seconds`` (since 1970).

    A failed run, also an interrupted one, changes its verdict and its times; all other gauges stay as they were. The last
    success always stays. ``exemplars``: spans were sent, so the trace can be found.
    """
    name = label_value(result.eval.name)
    before = before or EvalState(eval=name)
    gauges = [
        msgspec.structs.replace(sample, labels=tuple((label, label_value(value)) for label, value in sample.labels))
        for sample in gauge_samples(result, ended_at_seconds, passed=passed, interval_seconds=interval_seconds)
    ]
    failed = result.verdict.state == "failed"
    if failed:
        gauges = [sample for sample in gauges if sample.metric not in _MEASURED]
    runs = {**before.runs, result.verdict.state: before.runs.get(result.verdict.state, 0) + 1}
    measured = [iteration for iteration in result.iterations if iteration.phase == "measured"]
    iterations = {"ok": 0, "error": 0, **before.iterations}
    for iteration in measured:
        iterations[iteration.status] += 1
    state = EvalState(
        eval=name,
        gauges=_merge(before.gauges, gauges, failed=failed),
        iterations=iterations,
        runs=runs,
        skipped=before.skipped,
        durations=_add_durations(before.durations, measured, result, ended_at_seconds, exemplars=exemplars),
    )
    return msgspec.structs.replace(state, gauges=_limit(state, most_series))


def state_after_skip(before: EvalState | None, label: str) -> EvalState:
    """Return the state of the eval with this label after a skipped run."""
    before = before or EvalState(eval=label)
    return msgspec.structs.replace(before, skipped=before.skipped + 1)


def _merge(before: Sequence[Sample], gauges: list[Sample], *, failed: bool) -> list[Sample]:
    names = {sample.metric for sample in gauges}
    kept = [sample for sample in before if failed or sample.metric == telemetry.LAST_SUCCESS.name]
    return [*gauges, *(sample for sample in kept if sample.metric not in names)]


def _limit(state: EvalState, most: int) -> list[Sample]:
    """Return as many gauges as the eval can have with at most ``most`` series."""
    distinct: dict[tuple[str, Labels], Sample] = {(sample.metric, sample.labels): sample for sample in state.gauges}
    kept = [sample for sample in distinct.values() if sample.metric not in _OPTIONAL]
    counted = len(state.iterations) + len(state.runs) + bool(state.skipped) + len(state.durations.counts) + 2
    room = most - len(kept) - counted
    for metric in _OPTIONAL:
        series = [sample for sample in distinct.values() if sample.metric == metric]
        if metric == telemetry.HOLDER_GROWTH.name:
            series = series[:_MOST_HOLDERS]
        kept += series[: max(room, 0)]
        room -= len(series)
    return kept


def _add_durations(
    before: Durations, iterations: Sequence[Iteration], result: Result, ended_at_seconds: float, *, exemplars: bool
) -> Durations:
    counts, traces, total = list(before.counts), list(before.exemplars), before.sum
    trace = result.run.trace_id or trace_id(result.run.id, None)
    for iteration in iterations:
        seconds = iteration.duration_seconds
        if seconds >= 0:
            bucket = bisect_left(SCRAPED_DURATION_BUCKETS, seconds)
            counts[bucket] += 1
            total += seconds
            if exemplars and _TRACE_ID.fullmatch(trace):
                traces[bucket] = TraceExemplar(trace, seconds, ended_at_seconds)
    return Durations(tuple(counts), total, tuple(traces))
