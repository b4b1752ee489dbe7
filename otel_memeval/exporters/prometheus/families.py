"""States of evals as prometheus-client's metric families, by the names of ``telemetry``. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.state import Durations, EvalState
from otel_memeval.telemetry import SCRAPED_DURATION_BUCKETS


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is told at one moment."""

    evals: Sequence[EvalState]
    spool_bytes: int | None = None
    export_failures: dict[str, int] = {}
    """By exporter."""


class Families(Collector):
    """A collector that tells a snapshot, taken anew at each scrape."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Every family that has a series."""
        return families(self._snapshot())

    def describe(self) -> Iterable[Metric]:
        """Nothing: it would be asked for at registration, before anything was measured."""
        return ()


def registry(snapshot: Callable[[], Snapshot]) -> CollectorRegistry:
    """A registry of its own, without anything that this process would tell of itself."""
    made = CollectorRegistry(auto_describe=False)
    made.register(Families(snapshot))
    return made


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """In the order of ``telemetry.METRICS``."""
    gauges: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for state in snapshot.evals:
        for one in state.gauges:
            gauges.setdefault(one.metric, {})[one.labels] = float(one.value)  # the same series of two evals: the last
    if snapshot.spool_bytes is not None:
        gauges[telemetry.SPOOL_BYTES.name] = {(): float(snapshot.spool_bytes)}
    counters: dict[str, list[tuple[list[str], int]]] = {
        telemetry.ITERATIONS_TOTAL.name: [
            ([s.eval, status], n) for s in snapshot.evals for status, n in s.iterations.items()
        ],
        telemetry.RUNS_TOTAL.name: [([s.eval, key], n) for s in snapshot.evals for key, n in s.runs.items()],
        telemetry.RUNS_SKIPPED.name: [([s.eval], s.skipped) for s in snapshot.evals if s.skipped],
        telemetry.EXPORT_FAILURES.name: [([name], n) for name, n in snapshot.export_failures.items()],
    }
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


def _buckets(durations: Durations) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
    """Cumulated, as the formats have them."""
    limits = [*(str(limit) for limit in SCRAPED_DURATION_BUCKETS), "+Inf"]
    total = 0
    made: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
    for limit, count, one in zip(limits, durations.counts, durations.exemplars):
        total += count
        if one is None:
            made.append((limit, float(total)))
        else:
            made.append((limit, float(total), Exemplar({"trace_id": one.trace_id}, one.seconds, one.observed_at)))
    return made
