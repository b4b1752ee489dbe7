"""Names, queries, alerts, counters, exemplars and traces of real runs that were sent through the real Collector."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from otel_memeval import telemetry
from otel_memeval.records import Result, to_json
from tests.deploy.dashboards_past import HISTORY, fill
from tests.deploy.grafana_files import DASHBOARDS, filled_in, queries
from tests.deploy.real_runs import measured, without_leak
from tests.deploy.shipped import config, metrics_in, rules, with_short_waits
from tests.deploy.stack.servers import Jaeger, OtelCollector, StackPrometheus, built

SERVICE = "stack"
RANGE_SECONDS = 24 * 3600
NOT_SENT = {
    "memeval_expected_interval_seconds", "memeval_runs_skipped_total", "memeval_measurement_overdue",  # of a service
    "memeval_spool_bytes",  # of Prometheus' formats
    *(metric.name for metric in telemetry.GENAI_METRICS),  # of traced scenarios
}  # fmt: skip


class Stack(NamedTuple):
    """The running programs, the results of the runs that were sent, and the time at which the first began."""

    prometheus: StackPrometheus
    jaeger: Jaeger | None
    runs: dict[str, Result]
    began_seconds: float


def variables(collector: OtelCollector, folder: Path, protocol: str) -> dict[str, str]:
    """Return the variables of one-shot runs as ``deploy/README.md`` has them."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.grpc if protocol == 'grpc' else collector.http}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_SERVICE_NAME": SERVICE,
        "MEMEVAL_SPOOL": str(folder / "spool"),
    }


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run four evals over HTTP, and the clean one twice more over gRPC."""
    folder = tmp_path_factory.mktemp("stack")
    built("collector")
    past = StackPrometheus(folder / "prometheus")
    fill(past.folder, time.time())
    try:
        jaeger = Jaeger(folder / "jaeger").start()
    except pytest.skip.Exception:
        jaeger = None
    try:
        with past as prometheus:
            traces = "127.0.0.1:9" if jaeger is None else jaeger.otlp
            with OtelCollector(folder / "collector", prometheus.url.removeprefix("http://"), traces) as collector:
                short = with_short_waits(folder / "rules")
                prometheus.reload(config(short, {"otel-collector": collector.metrics}, version=3))
                began = time.time()
                limits = ["--max-growth", "16KiB", "--max-peak-growth", "16KiB"]
                baseline = folder / "baseline.json"
                baseline.write_bytes(to_json([without_leak(measured(folder, *limits)["leaking"])]))
                limits += ["--baseline", str(baseline)]
                runs = measured(folder, *limits, environment=variables(collector, folder, "http/protobuf"))
                command = [sys.executable, "-m", "otel_memeval", "scenario.py:clean_eval", "--fail-on", "never"]
                for _ in range(2):
                    environment = {**os.environ, **variables(collector, folder, "grpc")}
                    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=60, capture_output=True)
                yield Stack(prometheus, jaeger, runs, began)
    finally:
        if jaeger is not None:
            jaeger.stop()


def test_metrics_keep_their_names_through_collector_and_prometheus(stack: Stack) -> None:
    """Prometheus has every metric that a run sends under the name in ``telemetry``, and no other."""
    stack.prometheus.wait_for(f'memeval_runs_total{{job="{SERVICE}", eval="failing"}}')
    names = stack.prometheus.api("label/__name__/values", **{"match[]": f'{{job="{SERVICE}"}}'})
    found = {name for name in names if name.startswith("memeval_")}  # others are recorded by rules
    duration = telemetry.ITERATION_DURATION.name
    sent = {metric.name for metric in telemetry.METRICS} - NOT_SENT - {duration}
    assert found == sent | {f"{duration}_{part}" for part in ("bucket", "sum", "count")}
    read = {name for rule in (*rules("alert"), *rules("record")) for name in metrics_in(rule.expr)}
    assert {name for name in read if name.startswith("memeval_")} <= found | NOT_SENT


def test_every_query_of_the_dashboards_answers(stack: Stack) -> None:
    """Prometheus 3 answers all queries; each has data, of the runs of the past days or of those that were just sent."""
    asked: dict[str, Any] = {}
    for board in DASHBOARDS:
        for query in queries(board):
            names = (".*",) if board == "overview" else (".*", "leaking", HISTORY)
            asked[f"{board}: {query.where}"] = [
                found for name in names for found in answer(stack.prometheus, query.expr, name, instant=query.instant)
            ]
    assert len(asked) >= 51
    assert [name for name, found in asked.items() if not found] == []


def answer(prometheus: StackPrometheus, expr: str, name: str, *, instant: bool) -> list[Any]:
    text = filled_in(expr, name, RANGE_SECONDS)
    if instant:
        return list(prometheus.api("query", query=text)["result"])
    now = time.time()
    times = {"start": str(now - RANGE_SECONDS), "end": str(now), "step": "300"}
    return list(prometheus.api("query_range", query=text, **times)["result"])


def test_leak_that_was_sent_over_otlp_fires_its_alert(stack: Stack) -> None:
    """The alert names line and holder, and fires for no other of the four evals."""
    firing = f'ALERTS{{alertname="MemevalRetainedGrowth", alertstate="firing", job="{SERVICE}"}}'
    (alert,) = stack.prometheus.wait_for(firing)
    site = stack.runs["leaking"].sites[0]
    assert (alert.labels["eval"], alert.labels["holder"]) == ("leaking", "scenario.KEPT")
    assert alert.labels["site"] == f"{site.file}:{site.line}"


def test_counters_of_one_shot_runs_add_up(stack: Stack) -> None:
    """Three runs of one eval in three processes are three runs; an eval that ran once has one."""
    runs = f'sum by (eval) (memeval_runs_total{{job="{SERVICE}"}})'
    found = stack.prometheus.wait_for(runs, lambda found: {s.labels["eval"]: s.value for s in found}.get("clean") == 3)
    assert {s.labels["eval"]: s.value for s in found} == {"clean": 3, "leaking": 1, "creeping": 1, "failing": 1}
    (iterations,) = stack.prometheus.query(f'memeval_iterations_total{{job="{SERVICE}", eval="clean", status="ok"}}')
    assert iterations.value == 3 * sum(iteration.phase == "measured" for iteration in stack.runs["clean"].iterations)


def test_durations_of_microseconds_can_be_read(stack: Stack) -> None:
    """The median of the histogram is that of the iterations, within the width of a bucket."""
    for name in ("clean", "creeping"):
        seconds = [found.duration_seconds for found in stack.runs[name].iterations if found.phase == "measured"]
        buckets = f'memeval_iteration_duration_seconds_bucket{{job="{SERVICE}", eval="{name}"}}'
        (median,) = stack.prometheus.wait_for(f"histogram_quantile(0.5, {buckets})")
        assert 0.2 < median.value / statistics.median(seconds) < 5, name


def test_exemplars_lead_to_traces_that_are_stored(stack: Stack) -> None:
    """Each exemplar has the trace of a run, and the trace store has a span for the run and for each iteration."""
    expr = f'memeval_iteration_duration_seconds_bucket{{job="{SERVICE}"}}'
    found = stack.prometheus.query_exemplars(expr, stack.began_seconds - 60, time.time() + 60)
    by_eval = {
        series["seriesLabels"]["eval"]: {exemplar["labels"]["trace_id"] for exemplar in series["exemplars"]}
        for series in found
    }
    assert by_eval.keys() == {"clean", "leaking", "creeping", "failing"}
    assert by_eval["leaking"] == {stack.runs["leaking"].run.trace_id}
    if stack.jaeger is None:
        pytest.skip("left out: jaeger has not been built; sh tests/deploy/stack/run.sh builds it")
    deadline = time.monotonic() + 30
    result = stack.runs["leaking"]
    names: list[str] = []
    while len(names) < 1 + len(result.iterations):
        assert time.monotonic() < deadline, names
        names = [span["operationName"] for span in stack.jaeger.spans(SERVICE) if span["traceID"] == result.run.trace_id]
        time.sleep(0.2)
    assert names.count("memeval.run leaking") == 1
    assert names.count("memeval.iteration leaking") == len(result.iterations)
