"""What Prometheus is told of one eval: the gauges of its last run, and what was counted over all of them. Pure.

A record is replaced by the next as a whole, so a scrape never sees half of a run, and it has its JSON (msgspec), so that it
outlives a restart.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence

import msgspec

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.labels import label_value
from otel_memeval.exporters.samples import Labels, Sample, samples
from otel_memeval.records import Iteration, Result
from otel_memeval.telemetry import SCRAPED_DURATION_BUCKETS
from otel_memeval.tracing.ids import trace_id

MOST_SERIES = 40
"""Of one eval. Lines and then containers fill what the rest leaves; ``memeval_last_run_info`` has the first of each."""

MOST_HOLDERS = 3

_TRACE_ID = re.compile(r"[0-9a-f]{32}")
"""Exemplars have no room for anything else."""

_MEASURED = frozenset(
    one.name
    for one in (
        telemetry.RETAINED_BYTES,
        telemetry.PEAK_BYTES,
        telemetry.RSS_BYTES,
        *telemetry.GENAI_METRICS,
        telemetry.GROWTH,
        telemetry.SITE_GROWTH,
        telemetry.HOLDER_GROWTH,
    )
)
"""What a run that failed does not tell: it came to its end on the way, and that is no good measure of the eval."""

_FILLING = (
    telemetry.RSS_BYTES.name,
    *(one.name for one in telemetry.GENAI_METRICS),
    telemetry.SITE_GROWTH.name,
    telemetry.HOLDER_GROWTH.name,
)
"""What there is room for, in this order."""


class Exemplar(msgspec.Struct, frozen=True):
    """An observation that names its trace."""

    trace_id: str
    seconds: float
    observed_at: float
    """Since 1970."""


class Durations(msgspec.Struct, frozen=True):
    """A histogram of seconds: how many are in each bucket (not cumulated; the last is without limit), and their sum."""

    counts: tuple[int, ...] = (0,) * (len(SCRAPED_DURATION_BUCKETS) + 1)
    sum: float = 0.0
    exemplars: tuple[Exemplar | None, ...] = (None,) * (len(SCRAPED_DURATION_BUCKETS) + 1)


class EvalState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is told of one eval. ``eval`` is its label."""

    eval: str
    gauges: list[Sample] = []
    iterations: dict[str, int] = {}
    """By status."""
    runs: dict[str, int] = {}
    """By state of the verdict."""
    skipped: int = 0
    durations: Durations = Durations()


def after(
    before: EvalState | None,
    result: Result,
    ended_at_seconds: float,
    *,
    passed: bool,
    mask: Callable[[str], str],
    interval_seconds: float | None = None,
    exemplars: bool = False,
    most_series: int = MOST_SERIES,
) -> EvalState:
    """The state once a run has ended; ``mask`` takes secrets out of labels.

    A failed run (an interrupted one too) tells of itself, not of the eval's memory: that, and what else it leaves open,
    stays as the run before left it. The last success always stays.
    ``exemplars``: the run's spans were sent, so its trace can be found.
    """
    name = label_value(mask(result.eval.name))
    before = before or EvalState(eval=name)
    told = [
        msgspec.structs.replace(one, labels=tuple((label, label_value(mask(value))) for label, value in one.labels))
        for one in samples(result, ended_at_seconds, passed=passed, interval_seconds=interval_seconds)
    ]
    failed = result.verdict.state == "failed"
    if failed:
        told = [one for one in told if one.metric not in _MEASURED]
    runs = {**before.runs, result.verdict.state: before.runs.get(result.verdict.state, 0) + 1}
    measured = [one for one in result.iterations if one.phase == "measured"]
    iterations = {"ok": 0, "error": 0, **before.iterations}
    for one in measured:
        iterations[one.status] += 1
    state = EvalState(
        eval=name,
        gauges=_merged(before.gauges, told, failed=failed),
        iterations=iterations,
        runs=runs,
        skipped=before.skipped,
        durations=_observed(before.durations, measured, result, ended_at_seconds, exemplars=exemplars),
    )
    return msgspec.structs.replace(state, gauges=_within(state, most_series))


def skipped(before: EvalState | None, eval_name: str) -> EvalState:
    """The state once a run was left out. ``eval_name`` is the label."""
    before = before or EvalState(eval=eval_name)
    return msgspec.structs.replace(before, skipped=before.skipped + 1)


def _merged(before: Sequence[Sample], told: list[Sample], *, failed: bool) -> list[Sample]:
    names = {one.metric for one in told}
    return [
        *told,
        *(one for one in before if one.metric not in names and (failed or one.metric == telemetry.LAST_SUCCESS.name)),
    ]


def _within(state: EvalState, most: int) -> list[Sample]:
    """The gauges, at most so many that the eval's series keep to ``most``."""
    distinct: dict[tuple[str, Labels], Sample] = {(one.metric, one.labels): one for one in state.gauges}
    kept = [one for one in distinct.values() if one.metric not in _FILLING]
    counted = len(state.iterations) + len(state.runs) + bool(state.skipped) + len(state.durations.counts) + 2
    room = most - len(kept) - counted
    for metric in _FILLING:
        series = [one for one in distinct.values() if one.metric == metric]
        if metric == telemetry.HOLDER_GROWTH.name:
            series = series[:MOST_HOLDERS]
        kept += series[: max(room, 0)]
        room -= len(series)
    return kept


def _observed(
    before: Durations, iterations: Sequence[Iteration], result: Result, ended_at_seconds: float, *, exemplars: bool
) -> Durations:
    counts, named, total = list(before.counts), list(before.exemplars), before.sum
    trace = result.run.trace_id or trace_id(result.run.id, None)
    for one in iterations:
        if one.duration_seconds >= 0:
            place = bisect_left(SCRAPED_DURATION_BUCKETS, one.duration_seconds)
            counts[place] += 1
            total += one.duration_seconds
            if exemplars and _TRACE_ID.fullmatch(trace):
                named[place] = Exemplar(trace, one.duration_seconds, ended_at_seconds)
    return Durations(tuple(counts), total, tuple(named))
