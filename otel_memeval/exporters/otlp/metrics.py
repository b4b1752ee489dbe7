"""A run's gauges, counters and its histogram as OTLP-JSON, by the names of ``telemetry``. No clock, no I/O."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Literal

import msgspec

from otel_memeval import telemetry
from otel_memeval.exporters.otlp.otlp_json import Json, attributes
from otel_memeval.exporters.samples import Labels, gauge_samples
from otel_memeval.records import Iteration, Result
from otel_memeval.telemetry import DURATION_BUCKETS, Metric
from otel_memeval.tracing.otlp_span import double, nanoseconds

_DELTA, _CUMULATIVE = 1, 2


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Where in time and in which span a measurement was made: nanoseconds since 1970, ids in hexadecimal."""

    at: int
    trace_id: str
    span_id: str


class _Histogram:
    def __init__(self) -> None:
        self.counts = [0] * (len(DURATION_BUCKETS) + 1)
        self.sum = 0.0
        self.least = float("inf")
        self.most = 0.0
        self.exemplars: dict[int, tuple[float, Moment]] = {}

    def observe(self, seconds: float, moment: Moment | None) -> None:
        place = bisect_left(DURATION_BUCKETS, seconds)
        self.counts[place] += 1
        self.sum += seconds
        self.least, self.most = min(self.least, seconds), max(self.most, seconds)
        if moment is not None:
            self.exemplars[place] = (seconds, moment)


class Accounts:
    """What counters and histograms have counted: since ``start``, or, with ``delta``, since they were last told."""

    def __init__(self, start: int, *, delta: bool) -> None:
        self._start = start
        self._delta = delta
        self._counters: dict[str, dict[Labels, int]] = {}
        self._durations: dict[str, _Histogram] = {}

    def iteration(self, eval_name: str, iteration: Iteration, moment: Moment | None) -> None:
        """Count one iteration; ``moment`` makes it an exemplar."""
        if iteration.phase != "measured":
            return
        self.count(telemetry.ITERATIONS_TOTAL, {"eval": eval_name, "status": iteration.status})
        if iteration.duration_seconds >= 0:
            self._durations.setdefault(eval_name, _Histogram()).observe(iteration.duration_seconds, moment)

    def count(self, metric: Metric, labels: Mapping[str, str], number: int = 1) -> None:
        """Count for a counter."""
        counts = self._counters.setdefault(metric.name, {})
        key = tuple(sorted(labels.items()))
        counts[key] = counts.get(key, 0) + number

    def tell(self, now: int) -> list[Json]:
        """All counters and histograms as they are at ``now``."""
        temporality = _DELTA if self._delta else _CUMULATIVE
        told = []
        for metric in telemetry.METRICS:
            if metric.name in self._counters:
                points: list[Json] = [
                    {**self._point(dict(labels), now), "asInt": str(count)}
                    for labels, count in self._counters[metric.name].items()
                ]
                told.append(_metric(metric, "sum", points, aggregationTemporality=temporality, isMonotonic=True))
        if self._durations:
            points = [{**self._point({"eval": name}, now), **_histogram_point(one)} for name, one in self._durations.items()]
            told.append(_metric(telemetry.ITERATION_DURATION, "histogram", points, aggregationTemporality=temporality))
        if self._delta:
            self._start, self._counters, self._durations = now, {}, {}
        return told

    def _point(self, labels: Mapping[str, str], now: int) -> Json:
        return {
            "attributes": attributes(labels),
            "startTimeUnixNano": nanoseconds(self._start),
            "timeUnixNano": nanoseconds(now),
        }


def _histogram_point(one: _Histogram) -> Json:
    return {
        "count": str(sum(one.counts)),
        "sum": double(one.sum),
        "min": double(one.least),
        "max": double(one.most),
        "bucketCounts": [str(count) for count in one.counts],
        "explicitBounds": list(DURATION_BUCKETS),
        "exemplars": [
            {
                "timeUnixNano": nanoseconds(moment.at),
                "asDouble": double(seconds),
                "traceId": moment.trace_id,
                "spanId": moment.span_id,
            }
            for seconds, moment in one.exemplars.values()
        ],
    }


def _metric(metric: Metric, kind: Literal["gauge", "sum", "histogram"], points: list[Json], **more: object) -> Json:
    return {
        "name": metric.name,
        "description": metric.help,
        "unit": metric.unit,
        kind: {"dataPoints": points, **more},
    }


def gauges(result: Result, now: int, *, passed: bool, interval_seconds: float | None = None) -> list[Json]:
    """What a run that ended at ``now`` leaves to be seen; ``interval_seconds``: how often it is meant to run."""
    points: dict[str, list[Json]] = {}
    for one in gauge_samples(result, now / 1e9, passed=passed, interval_seconds=interval_seconds):
        points.setdefault(one.metric, []).append(
            {"attributes": attributes(dict(one.labels)), "timeUnixNano": nanoseconds(now), **_number(one.value)}
        )
    return [_metric(metric, "gauge", points[metric.name]) for metric in telemetry.METRICS if metric.name in points]


def _number(value: float | int) -> Json:
    if isinstance(value, int):
        return {"asInt": str(value)} if abs(value) < 1 << 63 else {"asDouble": double(_as_float(value))}
    return {"asDouble": double(value)}


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
