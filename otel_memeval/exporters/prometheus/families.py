"""Turn states of evals into metric families of prometheus-client, named by ``telemetry``. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.state import Durations, EvalState
from otel_memeval.exporters.samples import Labels
from otel_memeval.telemetry import SCRAPED_DURATION_BUCKETS


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The state of all evals and the counters of exporters at one moment."""

    evals: Sequence[EvalState]
    spool_bytes: int | None = None
    export_failures: dict[str, int] = {}
    """By exporter."""
    is_overdue: bool | None = None
    """Whether the measurement of a service is overdue; None: no service."""


class SnapshotCollector(Collector):
    """A collector of prometheus-client that takes a new snapshot for each scrape."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Yield each family that has a series."""
        return metric_families(self._snapshot())

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registration would ask before the first run."""
        return ()


def snapshot_registry(snapshot: Callable[[], Snapshot]) -> CollectorRegistry:
    """Return a registry with the snapshot's families only, without those of this process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SnapshotCollector(snapshot))
    return registry


def metric_families(snapshot: Snapshot) -> Iterator[Metric]:
    """Yield the families of a snapshot in the order of ``telemetry.METRICS``."""
    gauges = _gauges(snapshot)
    counters = _counters(snapshot)
    for metric in telemetry.METRICS:
        if metric.kind == "gauge" and gauges.get(metric.name):
            gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in gauges[metric.name].items():
                gauge.add_metric([text for _, text in labels], value)
            yield gauge
        elif metric.kind == "counter" and counters[metric.name]:
            counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
            for values, number in counters[metric.name]:
                counter.add_metric(values, number)
            yield counter
        elif metric.kind == "histogram":
            observed = [state for state in snapshot.evals if sum(state.durations.counts)]
            if observed:
                histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
                for state in observed:
                    histogram.add_metric([state.eval], _buckets(state.durations), state.durations.sum)
                yield histogram


def _gauges(snapshot: Snapshot) -> dict[str, dict[Labels, float]]:
    """Return values by metric and labels; of two evals with the same series, the later one counts."""
    gauges: dict[str, dict[Labels, float]] = {}
    for state in snapshot.evals:
        for sample in state.gauges:
            gauges.setdefault(sample.metric, {})[sample.labels] = float(sample.value)
    if snapshot.spool_bytes is not None:
        gauges[telemetry.SPOOL_BYTES.name] = {(): float(snapshot.spool_bytes)}
    if snapshot.is_overdue is not None:
        gauges[telemetry.MEASUREMENT_OVERDUE.name] = {(): float(snapshot.is_overdue)}
    return gauges


def _counters(snapshot: Snapshot) -> dict[str, list[tuple[list[str], int]]]:
    """Return label values and numbers by metric."""
    evals = snapshot.evals
    return {
        telemetry.ITERATIONS_TOTAL.name: [([s.eval, status], n) for s in evals for status, n in s.iterations.items()],
        telemetry.RUNS_TOTAL.name: [([s.eval, verdict], n) for s in evals for verdict, n in s.runs.items()],
        telemetry.RUNS_SKIPPED.name: [([s.eval], s.skipped) for s in evals if s.skipped],
        telemetry.EXPORT_FAILURES.name: [([name], n) for name, n in snapshot.export_failures.items()],
    }


def _buckets(durations: Durations) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
    """Return cumulative buckets, as both text formats have them."""
    limits = [*(str(limit) for limit in SCRAPED_DURATION_BUCKETS), "+Inf"]
    total = 0
    buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
    for limit, count, trace in zip(limits, durations.counts, durations.exemplars):
        total += count
        if trace is None:
            buckets.append((limit, float(total)))
        else:
            exemplar = Exemplar({"trace_id": trace.trace_id}, trace.seconds, trace.observed_at)
            buckets.append((limit, float(total), exemplar))
    return buckets
