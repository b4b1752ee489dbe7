"""Spans, events, metrics and records against the names of the contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from otel_memeval import telemetry
from otel_memeval.config import Settings
from otel_memeval.exporters.otlp.exporter import EventPlacement
from otel_memeval.exporters.otlp.metrics import MetricAggregator
from otel_memeval.exporters.otlp.output import ServiceTelemetry
from otel_memeval.exporters.otlp.settings import OtlpSettings, SpanSizeLimits
from otel_memeval.records import (
    ChildMemory,
    ComparedRun,
    Comparison,
    Failure,
    GenAi,
    Iteration,
    LeakChange,
    Resource,
    Resources,
    Result,
)
from otel_memeval.run.locations import SiteChange
from otel_memeval.tracing.ids import Parent, iteration_span_id, run_span_id, trace_id
from otel_memeval.verdicts import STATES
from tests.exporters.otlp.otlp_console import RUN, Exported, ours, plain

MakeIteration = Callable[..., Iteration]
MakeResult = Callable[..., Result]


def test_iteration_is_a_child_of_its_run(make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """Names, ids, parents, times and attributes are those of the contract."""
    exported = Exported()
    exported.begin(retained_bytes=1_000_000)
    growing = [SiteChange(file="m.py", line=3, grown_bytes=4096, grown_blocks=2, source=str(Path(__file__)))]
    exported.export(ours(make_result(iterations=[make_iteration(1)])), (make_iteration(1), growing))
    spans = exported.spans()
    run, iteration = spans[run_span_id(RUN)], spans[iteration_span_id(RUN, "measured", 1)]
    assert (run["name"], iteration["name"]) == ("memeval.run An eval", "memeval.iteration An eval")
    assert "parentSpanId" not in run
    assert iteration["parentSpanId"] == run["spanId"]
    assert iteration["startTimeUnixNano"] == "1767225600000000000"
    assert iteration["endTimeUnixNano"] == "1767225600500000000"
    assert "status" not in iteration
    attributes = plain(iteration["attributes"])
    assert attributes["memeval.run.id"] == RUN
    assert attributes["memeval.iteration.index"] == "1"
    assert attributes["memeval.iteration.phase"] == "measured"
    assert attributes["memeval.retained"] == "1004096"
    assert attributes["memeval.retained.growth"] == "4096"
    assert attributes["memeval.tracemalloc.peak"] == "2000000"
    assert attributes["memeval.rss"] == "60000000"
    assert attributes["test.case.result.status"] == "pass"
    (event,) = iteration["events"]
    assert event["name"] == "memeval.growth"
    assert plain(event["attributes"]) == {
        "code.file.path": "m.py",
        "code.line.number": "3",
        "code.function.name": "<module>",
        "memeval.growth.bytes": "4096",
        "memeval.growth.blocks": "2",
        "memeval.growth.rank": "1",
    }
    attributes = plain(run["attributes"])
    assert attributes["memeval.verdict"] == "leaking"
    assert attributes["memeval.growth.retained_per_iteration"] == 4096.0
    assert attributes["test.suite.run.status"] == "success"
    (event,) = run["events"]
    assert event["name"] == "gen_ai.evaluation.result"
    assert plain(event["attributes"])["gen_ai.evaluation.score.label"] == "leaking"


def test_failed_iteration_is_an_error(make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """The spans of the iteration and of the run have type and message of the error."""
    exported = Exported(passed=False)
    exported.begin()
    failed = make_iteration(1, error=Failure(type="openai.RateLimitError", message="429"))
    exported.export(ours(make_result(iterations=[failed])), (failed, []))
    span = exported.spans()[iteration_span_id(RUN, "measured", 1)]
    assert span["status"] == {"code": 2, "message": "429"}
    attributes = plain(span["attributes"])
    assert (attributes["error.type"], attributes["test.case.result.status"]) == ("openai.RateLimitError", "fail")
    run = exported.spans()[run_span_id(RUN)]
    assert run["status"]["code"] == 2
    assert plain(run["attributes"])["error.type"] == "openai.RateLimitError"


def test_interrupted_run_exports_all_iterations(make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """Iterations that observers did not get before the end are in the trace; the run is aborted."""
    exported = Exported(passed=False)
    interrupted = make_result(failure=Failure(type="Interrupted", message="interrupted"))
    exported.export(ours(interrupted))
    assert len(exported.spans()) == 6
    run = exported.spans()[run_span_id(RUN)]
    assert plain(run["attributes"])["test.suite.run.status"] == "aborted"
    assert plain(run["attributes"])["error.type"] == "Interrupted"


@pytest.mark.parametrize(("events", "on_spans", "as_records"), [("span", 1, 0), ("log", 0, 1), ("both", 1, 1)])
def test_events_are_sent_as_span_events_or_as_records(
    events: EventPlacement, on_spans: int, as_records: int, make_iteration: MakeIteration, make_result: MakeResult
) -> None:
    """Both have the same names and attributes; a record names its span."""
    exported = Exported(events=events)
    exported.begin()
    growing = [SiteChange(file="m.py", line=3, grown_bytes=4096, grown_blocks=2, source="")]
    exported.export(ours(make_result(iterations=[make_iteration(1)])), (make_iteration(1), growing))
    span_id = iteration_span_id(RUN, "measured", 1)
    on_span = exported.spans()[span_id].get("events", [])
    records = [record for record in exported.items("logs") if record["eventName"] == telemetry.GROWTH_EVENT]
    assert (len(on_span), len(records)) == (on_spans, as_records)
    for record in records:
        assert (record["spanId"], record["traceId"]) == (span_id, RUN)
        for event in on_span:
            assert plain(event["attributes"]).items() <= plain(record["attributes"]).items()
    verdicts = [record for record in exported.items("logs") if record["eventName"] == telemetry.VERDICT_EVENT]
    assert [record["severityText"] for record in verdicts] == ["INFO"]


@pytest.mark.parametrize("most", [0, 2, 128])
def test_span_keeps_the_largest_events(most: int, make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """At the limit the sites that grew most are kept."""
    exported = Exported(own=OtlpSettings(limits=SpanSizeLimits(events=most)))
    exported.begin()
    growing = [SiteChange(file="m.py", line=line, grown_bytes=1000 - line, grown_blocks=1, source="") for line in range(200)]
    exported.export(ours(make_result(iterations=[])), (make_iteration(1), growing))
    events = exported.spans()[iteration_span_id(RUN, "measured", 1)].get("events", [])
    assert [plain(event["attributes"])["memeval.growth.rank"] for event in events] == [str(rank + 1) for rank in range(most)]


def test_parent_outside_is_the_parent_of_the_run(make_result: MakeResult) -> None:
    """Trace, parent and state are those of TRACEPARENT; without sampling no span is sent, and the metrics are."""
    for sampled in (True, False):
        parent = Parent(trace_id="1" * 32, span_id="2" * 16, sampled=sampled)
        exported = Exported(settings=Settings(environment={"TRACESTATE": "a=b"}, folder=".", parent=parent))
        exported.export(ours(make_result()))
        assert len(exported.spans()) == 6 * sampled
        assert exported.items("metrics")
        for span in exported.items("traces"):
            assert (span["traceId"], span["traceState"]) == ("1" * 32, "a=b")
        if sampled:
            assert exported.spans()[run_span_id(RUN)]["parentSpanId"] == "2" * 16


@pytest.mark.parametrize(("ratio", "spans"), [(0.0, 0), (1.0, 6)])
def test_sampler_decides_for_all_spans_of_a_run(ratio: float, spans: int, make_result: MakeResult) -> None:
    """All spans of a run are sent or none, and exemplars only with spans."""
    exported = Exported(own=OtlpSettings(sampler="parentbased_traceidratio", sampler_argument=ratio))
    exported.export(ours(make_result()))
    assert len(exported.items("traces")) == spans
    metrics = {metric["name"]: metric for metric in exported.items("metrics")}
    exemplars = metrics["memeval_iteration_duration_seconds"]["histogram"]["dataPoints"][0]["exemplars"]
    assert bool(exemplars) == bool(spans)


@pytest.mark.parametrize("parent", [None, True, False])
@pytest.mark.parametrize("sampler", ["always_on", "always_off", "traceidratio", "parentbased_traceidratio"])
def test_sampling_decision_is_known_before_the_run(sampler: str, parent: bool | None, make_result: MakeResult) -> None:
    """The answer to the scenario is the later decision."""
    for argument in (0.3, 0.7):
        above = None if parent is None else Parent(trace_id="7" * 32, span_id="2" * 16, sampled=parent)
        settings = Settings(environment={}, folder=".", parent=above)
        exported = Exported(own=OtlpSettings(sampler=sampler, sampler_argument=argument), settings=settings)
        decision = exported.exporter.should_sample(trace_id(RUN, above))
        exported.export(ours(make_result()))
        assert bool(exported.items("traces")) is decision


def test_metrics_have_the_names_and_labels_of_the_contract(make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """One state of the verdict is 1; a traced run has sums of calls and tokens; counters of a command are deltas."""
    exported = Exported(passed=False, own=OtlpSettings(delta=True))
    sums = GenAi(model_calls=2, tool_calls=1, input_tokens=300, output_tokens=40, spans=5)
    traced = [msgspec.structs.replace(make_iteration(index), gen_ai=sums) for index in range(1, 6)]
    grown = Resource(before=1, after=6, per_iteration=1.0, growing=True)
    resources = Resources(threads=grown, child_memory_bytes=ChildMemory(before=0, after=5, per_iteration=1.0, growing=True))
    began = ComparedRun(run_id="7" * 32, started_at="2026-01-01T00:00:00+00:00", commit="c" * 40)
    leak = LeakChange(signature="a", location="m.py:3", status="new", per_iteration=1.0)
    worse = Comparison(
        outcome="regressed", summary="regressed", runs=[began] * 3, leaks=[leak], since=began, since_seconds=1e9
    )
    exported.export(ours(make_result(iterations=traced, resources=resources, baseline_comparison=worse)))
    spans = exported.spans().values()
    (compared,) = [found for span in spans if "memeval.regressed" in (found := plain(span["attributes"]))]
    assert {key: value for key, value in compared.items() if "regressed" in key or "baseline" in key} == {
        "memeval.regressed": True,
        "memeval.baseline.outcome": "regressed",
        "memeval.baseline.summary": "regressed",
        "memeval.baseline.runs": "3",
        "memeval.baseline.since": "c" * 40,
        "memeval.baseline.new_leaks": {"values": [{"stringValue": "m.py:3"}]},
    }
    attributes = plain(exported.spans()[iteration_span_id(RUN, "measured", 5)]["attributes"])
    assert (attributes["memeval.gen_ai.model_calls"], attributes["memeval.gen_ai.tool_calls"]) == ("2", "1")
    assert (attributes["memeval.gen_ai.input_tokens"], attributes["memeval.gen_ai.output_tokens"]) == ("300", "40")
    metrics = {metric["name"]: metric for metric in exported.items("metrics")}
    never = {
        "memeval_last_success_timestamp_seconds",  # the run did not pass
        "memeval_growth_limit_bytes_per_iteration",  # none is set
        "memeval_expected_interval_seconds", "memeval_runs_skipped_total", "memeval_spool_bytes",  # Prometheus'
        "memeval_measurement_overdue",  # of a service
    }  # fmt: skip
    assert set(metrics) == {metric.name for metric in telemetry.METRICS} - never
    for metric in telemetry.METRICS:
        if metric.name in metrics:
            kind = {"counter": "sum"}.get(metric.kind, metric.kind)
            for point in metrics[metric.name][kind]["dataPoints"]:
                assert set(plain(point["attributes"])) == set(metric.labels), metric.name
    points = metrics["memeval_verdict"]["gauge"]["dataPoints"]
    states = {plain(point["attributes"])["state"]: point["asInt"] for point in points}
    assert states == {state: str(int(state == "leaking")) for state in STATES}
    histogram = metrics["memeval_iteration_duration_seconds"]["histogram"]["dataPoints"][0]
    assert (histogram["count"], histogram["sum"]) == ("5", 2.5)
    exemplar = histogram["exemplars"][0]
    assert exemplar["spanId"] == iteration_span_id(RUN, "measured", 5)


def test_unknown_number_of_tokens_has_no_attribute_and_no_gauge(
    make_iteration: MakeIteration, make_result: MakeResult
) -> None:
    """The other sums of the iteration are there."""
    exported = Exported()
    sums = GenAi(model_calls=2, tool_calls=0, input_tokens=None, output_tokens=40, spans=2)
    exported.export(ours(make_result(iterations=[msgspec.structs.replace(make_iteration(1), gen_ai=sums)])))
    attributes = plain(exported.spans()[iteration_span_id(RUN, "measured", 1)]["attributes"])
    metrics = {metric["name"] for metric in exported.items("metrics")}
    assert "memeval.gen_ai.input_tokens" not in attributes
    assert attributes["memeval.gen_ai.output_tokens"] == "40"
    assert {"memeval_input_tokens", "memeval_output_tokens"} & metrics == {"memeval_output_tokens"}


def test_untraced_run_has_no_sums_of_calls(make_result: MakeResult) -> None:
    """There are neither attributes nor gauges: nothing was counted, which is not zero."""
    exported = Exported()
    exported.export(ours(make_result()))
    names = {metric["name"] for metric in exported.items("metrics")}
    assert names.isdisjoint(metric.name for metric in telemetry.GENAI_METRICS)
    assert b"model_calls" not in b"".join(exported.lines)


def test_counters_are_cumulative_or_deltas(make_result: MakeResult) -> None:
    """A second run of a service adds to the first, or stands alone. A command sends deltas only: each would begin at 0."""
    for delta, one_shot, counts in ((False, False, ["5", "10"]), (True, True, ["5", "5"]), (False, True, [])):
        service = None if one_shot else ServiceTelemetry(MetricAggregator(0, delta=delta), 60.0)
        exported = Exported(own=OtlpSettings(delta=delta), service=service)
        exported.exporter.on_result(ours(make_result()))
        exported.export(ours(make_result()))
        counted = [metric["sum"] for metric in exported.items("metrics") if metric["name"] == "memeval_iterations_total"]
        assert [counter["dataPoints"][0]["asInt"] for counter in counted] == counts
        assert {counter["aggregationTemporality"] for counter in counted} <= {1 if delta else 2}


def test_every_attribute_that_is_sent_is_in_the_table(make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """Attributes of spans, events and records are all in telemetry.ATTRIBUTES."""
    exported = Exported(events="both", passed=False)
    exported.begin()
    growing = [SiteChange(file="m.py", line=3, grown_bytes=1, grown_blocks=1, source="")]
    failed = make_iteration(1, error=Failure(type="E", message="m"))
    exported.export(ours(make_result(iterations=[failed], limits_exceeded=["x"])), (failed, growing))
    sent = {
        key
        for item in [*exported.items("traces"), *exported.items("logs")]
        for holder in [item, *item.get("events", ())]
        for key in plain(holder["attributes"])
    }
    assert sent <= {attribute.name for attribute in telemetry.ATTRIBUTES}
