"""Make the metrics of a run as OTLP-JSON, named by ``telemetry``: gauges, counters and a histogram. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Literal

import msgspec

from otel_memeval import telemetry
from otel_memeval.exporters.otlp.otlp_json import Json, key_values
from otel_memeval.exporters.samples import Labels, gauge_samples
from otel_memeval.records import Iteration, Result
from otel_memeval.telemetry import DURATION_BUCKETS, Metric
from otel_memeval.tracing.otlp_span import double, nanoseconds

_DELTA, _CUMULATIVE = 1, 2


class ExemplarContext(msgspec.Struct, frozen=True, kw_only=True):
    """Time and span of one measurement; ids are hexadecimal."""

    at_ns: int
    """Nanoseconds since 1970."""
    trace_id: str
    span_id: str


class _Histogram:
    """Durations of iterations in seconds, by bucket, with the last exemplar of each bucket."""

    def __init__(self) -> None:
        self._counts = [0] * (len(DURATION_BUCKETS) + 1)
        self._sum = 0.0
        self._min = float("inf")
        self._max = 0.0
        self._exemplars: dict[int, tuple[float, ExemplarContext]] = {}

    def observe(self, seconds: float, exemplar: ExemplarContext | None) -> None:
        bucket = bisect_left(DURATION_BUCKETS, seconds)
        self._counts[bucket] += 1
        self._sum += seconds
        self._min, self._max = min(self._min, seconds), max(self._max, seconds)
        if exemplar is not None:
            self._exemplars[bucket] = (seconds, exemplar)

    def data(self) -> Json:
        """Return the histogram's part of a data point."""
        return {
            "count": str(sum(self._counts)),
            "sum": double(self._sum),
            "min": double(self._min),
            "max": double(self._max),
            "bucketCounts": [str(count) for count in self._counts],
            "explicitBounds": list(DURATION_BUCKETS),
            "exemplars": [
                {
                    "timeUnixNano": nanoseconds(exemplar.at_ns),
                    "asDouble": double(seconds),
                    "traceId": exemplar.trace_id,
                    "spanId": exemplar.span_id,
                }
                for seconds, exemplar in self._exemplars.values()
            ],
        }


class MetricAggregator:
    """Counters and histograms since ``start_ns``, or, with ``delta``, since they were last collected.

    Of a one-shot run, cumulative counters are left out: each process would begin with 1 again, and no receiver adds that up.
    """

    def __init__(self, start_ns: int, *, delta: bool, one_shot: bool = False) -> None:
        self._start_ns = start_ns
        self._delta = delta
        self._has_counters = delta or not one_shot
        self._counters: dict[str, dict[Labels, int]] = {}
        self._durations: dict[str, _Histogram] = {}

    def add_iteration(self, eval_name: str, iteration: Iteration, exemplar: ExemplarContext | None) -> None:
        """Count a measured iteration; ``exemplar`` is its span, if that is sent."""
        if iteration.phase != "measured":
            return
        self.add(telemetry.ITERATIONS_TOTAL, {"eval": eval_name, "status": iteration.status})
        if iteration.duration_seconds >= 0:
            self._durations.setdefault(eval_name, _Histogram()).observe(iteration.duration_seconds, exemplar)

    def add(self, metric: Metric, labels: Mapping[str, str], number: int = 1) -> None:
        """Add ``number`` to the counter of this metric with these labels."""
        counts = self._counters.setdefault(metric.name, {})
        key = tuple(sorted(labels.items()))
        counts[key] = counts.get(key, 0) + number

    def collect(self, now_ns: int) -> list[Json]:
        """Return all counters and histograms at ``now_ns``; with ``delta`` they begin again."""
        temporality = _DELTA if self._delta else _CUMULATIVE
        metrics = []
        for metric in telemetry.METRICS:
            if self._has_counters and metric.name in self._counters:
                points: list[Json] = [
                    {**self._point(dict(labels), now_ns), "asInt": str(count)}
                    for labels, count in self._counters[metric.name].items()
                ]
                metrics.append(_metric(metric, "sum", points, aggregationTemporality=temporality, isMonotonic=True))
        if self._durations:
            points = [
                {**self._point({"eval": name}, now_ns), **histogram.data()} for name, histogram in self._durations.items()
            ]
            metrics.append(_metric(telemetry.ITERATION_DURATION, "histogram", points, aggregationTemporality=temporality))
        if self._delta:
            self._start_ns, self._counters, self._durations = now_ns, {}, {}
        return metrics

    def _point(self, labels: Mapping[str, str], now_ns: int) -> Json:
        return {
            "attributes": key_values(labels),
            "startTimeUnixNano": nanoseconds(self._start_ns),
            "timeUnixNano": nanoseconds(now_ns),
        }


def gauge_metrics(result: Result, now_ns: int, *, passed: bool, interval_seconds: float | None = None) -> list[Json]:
    """Return the gauges of a run that ended at ``now_ns``; ``interval_seconds``: how often the eval is meant to run."""
    points: dict[str, list[Json]] = {}
    for sample in gauge_samples(result, now_ns / 1e9, passed=passed, interval_seconds=interval_seconds):
        points.setdefault(sample.metric, []).append(
            {"attributes": key_values(dict(sample.labels)), "timeUnixNano": nanoseconds(now_ns), **_number(sample.value)}
        )
    return [_metric(metric, "gauge", points[metric.name]) for metric in telemetry.METRICS if metric.name in points]


def _metric(metric: Metric, kind: Literal["gauge", "sum", "histogram"], points: list[Json], **more: object) -> Json:
    return {
        "name": metric.name,
        "description": metric.help,
        "unit": metric.unit,
        kind: {"dataPoints": points, **more},
    }


def _number(value: float | int) -> Json:
    if isinstance(value, int):
        return {"asInt": str(value)} if abs(value) < 1 << 63 else {"asDouble": double(_as_float(value))}
    return {"asDouble": double(value)}


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
