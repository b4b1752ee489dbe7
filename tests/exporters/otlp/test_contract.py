"""Spans, events, metrics and records have the names of the contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from otel_memeval import telemetry
from otel_memeval.config import Settings
from otel_memeval.exporters.otlp.exporter import EventPlacement
from otel_memeval.exporters.otlp.settings import OtlpSettings, SpanSizeLimits
from otel_memeval.records import Failure, GenAi, Iteration, Result
from otel_memeval.run.locations import SiteChange
from otel_memeval.tracing.ids import Parent, iteration_span_id, run_span_id, trace_id
from otel_memeval.verdicts import STATES
from tests.exporters.otlp.otlp_console import RUN, Exported, ours, plain

MakeIteration = Callable[..., Iteration]
MakeResult = Callable[..., Result]


def test_an_iteration_is_a_child_of_its_run(make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """Names, ids, parents, explicit times and attributes are those of the contract."""
    exported = Exported()
    exported.begin(retained_bytes=1_000_000)
    growing = [SiteChange(file="m.py", line=3, grown_bytes=4096, grown_blocks=2, source=str(Path(__file__)))]
    exported.tell(ours(make_result(iterations=[make_iteration(1)])), (make_iteration(1), growing))
    spans = exported.spans()
    run, iteration = spans[run_span_id(RUN)], spans[iteration_span_id(RUN, "measured", 1)]
    assert (run["name"], iteration["name"]) == ("memeval.run An eval", "memeval.iteration An eval")
    assert "parentSpanId" not in run
    assert iteration["parentSpanId"] == run["spanId"]
    assert iteration["startTimeUnixNano"] == "1767225600000000000"
    assert iteration["endTimeUnixNano"] == "1767225600500000000"
    assert "status" not in iteration
    said = plain(iteration["attributes"])
    assert said["memeval.run.id"] == RUN
    assert said["memeval.iteration.index"] == "1"
    assert said["memeval.iteration.phase"] == "measured"
    assert said["memeval.retained"] == "1004096"
    assert said["memeval.retained.growth"] == "4096"
    assert said["memeval.tracemalloc.peak"] == "2000000"
    assert said["memeval.rss"] == "60000000"
    assert said["test.case.result.status"] == "pass"
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
    said = plain(run["attributes"])
    assert said["memeval.verdict"] == "leaking"
    assert said["memeval.growth.retained_per_iteration"] == 4096.0
    assert said["test.suite.run.status"] == "success"
    (event,) = run["events"]
    assert event["name"] == "gen_ai.evaluation.result"
    assert plain(event["attributes"])["gen_ai.evaluation.score.label"] == "leaking"


def test_a_failed_iteration_is_an_error(make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """Status Error with the type and the description, on the iteration and on the run."""
    exported = Exported(passed=False)
    exported.begin()
    failed = make_iteration(1, error=Failure(type="openai.RateLimitError", message="429, with a-secret-value"))
    exported.tell(ours(make_result(iterations=[failed])), (failed, []))
    span = exported.spans()[iteration_span_id(RUN, "measured", 1)]
    assert span["status"] == {"code": 2, "message": "429, with ***"}
    said = plain(span["attributes"])
    assert (said["error.type"], said["test.case.result.status"]) == ("openai.RateLimitError", "fail")
    run = exported.spans()[run_span_id(RUN)]
    assert run["status"]["code"] == 2
    assert plain(run["attributes"])["error.type"] == "openai.RateLimitError"


def test_an_interrupted_run_tells_what_it_measured(make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """Iterations that nobody told before the end are in the trace all the same; the run was aborted."""
    exported = Exported(passed=False)
    interrupted = make_result(failure=Failure(type="Interrupted", message="interrupted"))
    exported.tell(ours(interrupted))
    assert len(exported.spans()) == 6
    run = exported.spans()[run_span_id(RUN)]
    assert plain(run["attributes"])["test.suite.run.status"] == "aborted"
    assert plain(run["attributes"])["error.type"] == "Interrupted"


@pytest.mark.parametrize(("events", "on_spans", "as_records"), [("span", 1, 0), ("log", 0, 1), ("both", 1, 1)])
def test_events_are_on_spans_or_records(
    events: EventPlacement, on_spans: int, as_records: int, make_iteration: MakeIteration, make_result: MakeResult
) -> None:
    """The same names and attributes in both; a record names its span."""
    exported = Exported(events=events)
    exported.begin()
    growing = [SiteChange(file="m.py", line=3, grown_bytes=4096, grown_blocks=2, source="")]
    exported.tell(ours(make_result(iterations=[make_iteration(1)])), (make_iteration(1), growing))
    span_id = iteration_span_id(RUN, "measured", 1)
    on_span = exported.spans()[span_id].get("events", [])
    records = [one for one in exported.items("logs") if one["eventName"] == telemetry.GROWTH_EVENT]
    assert (len(on_span), len(records)) == (on_spans, as_records)
    for record in records:
        assert (record["spanId"], record["traceId"]) == (span_id, RUN)
        for event in on_span:
            assert plain(event["attributes"]).items() <= plain(record["attributes"]).items()
    verdicts = [one for one in exported.items("logs") if one["eventName"] == telemetry.VERDICT_EVENT]
    assert [one["severityText"] for one in verdicts] == ["INFO"]


@pytest.mark.parametrize("most", [0, 2, 128])
def test_a_span_keeps_the_largest_events(most: int, make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """No more than its limit, and of those the lines that grew most."""
    exported = Exported(own=OtlpSettings(limits=SpanSizeLimits(events=most)))
    exported.begin()
    growing = [SiteChange(file="m.py", line=line, grown_bytes=1000 - line, grown_blocks=1, source="") for line in range(200)]
    exported.tell(ours(make_result(iterations=[])), (make_iteration(1), growing))
    events = exported.spans()[iteration_span_id(RUN, "measured", 1)].get("events", [])
    assert [plain(one["attributes"])["memeval.growth.rank"] for one in events] == [str(rank + 1) for rank in range(most)]


def test_a_parent_from_outside_is_the_runs(make_result: MakeResult) -> None:
    """The trace and the parent are TRACEPARENT's; one that is not sampled sends no span, and the rest all the same."""
    for sampled in (True, False):
        parent = Parent(trace_id="1" * 32, span_id="2" * 16, sampled=sampled)
        exported = Exported(settings=Settings(environment={"TRACESTATE": "a=b"}, folder=".", parent=parent))
        exported.tell(ours(make_result()))
        assert len(exported.spans()) == 6 * sampled
        assert exported.items("metrics")
        for span in exported.items("traces"):
            assert (span["traceId"], span["traceState"]) == ("1" * 32, "a=b")
        if sampled:
            assert exported.spans()[run_span_id(RUN)]["parentSpanId"] == "2" * 16


@pytest.mark.parametrize(("ratio", "spans"), [(0.0, 0), (1.0, 6)])
def test_the_sampler_decides_for_the_whole_run(ratio: float, spans: int, make_result: MakeResult) -> None:
    """All spans of a run or none, and exemplars only with spans."""
    exported = Exported(own=OtlpSettings(sampler="parentbased_traceidratio", sampler_argument=ratio))
    exported.tell(ours(make_result()))
    assert len(exported.items("traces")) == spans
    metrics = {one["name"]: one for one in exported.items("metrics")}
    exemplars = metrics["memeval_iteration_duration_seconds"]["histogram"]["dataPoints"][0]["exemplars"]
    assert bool(exemplars) == bool(spans)


@pytest.mark.parametrize("parent", [None, True, False])
@pytest.mark.parametrize("sampler", ["always_on", "always_off", "traceidratio", "parentbased_traceidratio"])
def test_what_the_sampler_will_decide_is_known_before(sampler: str, parent: bool | None, make_result: MakeResult) -> None:
    """The scenario is told before its run begins what then happens: its spans are kept or not."""
    for argument in (0.3, 0.7):
        above = None if parent is None else Parent(trace_id="7" * 32, span_id="2" * 16, sampled=parent)
        settings = Settings(environment={}, folder=".", parent=above)
        exported = Exported(own=OtlpSettings(sampler=sampler, sampler_argument=argument), settings=settings)
        told = exported.exporter.should_sample(trace_id(RUN, above))
        exported.tell(ours(make_result()))
        assert bool(exported.items("traces")) is told


def test_metrics_have_the_contracts_names(make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """Every metric of a run, with its labels; one state of the verdict is 1; sums of models and tools if it was traced."""
    exported = Exported(passed=False)
    sums = GenAi(model_calls=2, tool_calls=1, input_tokens=300, output_tokens=40, spans=5)
    traced = [msgspec.structs.replace(make_iteration(index), gen_ai=sums) for index in range(1, 6)]
    exported.tell(ours(make_result(iterations=traced)))
    said = plain(exported.spans()[iteration_span_id(RUN, "measured", 5)]["attributes"])
    assert (said["memeval.gen_ai.model_calls"], said["memeval.gen_ai.tool_calls"]) == ("2", "1")
    assert (said["memeval.gen_ai.input_tokens"], said["memeval.gen_ai.output_tokens"]) == ("300", "40")
    metrics = {one["name"]: one for one in exported.items("metrics")}
    never = {
        "memeval_last_success_timestamp_seconds",  # the run did not pass
        "memeval_growth_limit_bytes_per_iteration",  # none is set
        "memeval_expected_interval_seconds", "memeval_runs_skipped_total", "memeval_spool_bytes",  # Prometheus'
    }  # fmt: skip
    assert set(metrics) == {metric.name for metric in telemetry.METRICS} - never
    for metric in telemetry.METRICS:
        if metric.name in metrics:
            one = metrics[metric.name]
            kind = {"counter": "sum"}.get(metric.kind, metric.kind)
            for point in one[kind]["dataPoints"]:
                assert set(plain(point["attributes"])) == set(metric.labels), metric.name
    states = {plain(one["attributes"])["state"]: one["asInt"] for one in metrics["memeval_verdict"]["gauge"]["dataPoints"]}
    assert states == {state: str(int(state == "leaking")) for state in STATES}
    histogram = metrics["memeval_iteration_duration_seconds"]["histogram"]["dataPoints"][0]
    assert (histogram["count"], histogram["sum"]) == ("5", 2.5)
    exemplar = histogram["exemplars"][0]
    assert exemplar["spanId"] == iteration_span_id(RUN, "measured", 5)


def test_an_untraced_run_has_no_sums(make_result: MakeResult) -> None:
    """Neither as attributes nor as gauges: nothing was counted, which is not the same as none."""
    exported = Exported()
    exported.tell(ours(make_result()))
    names = {one["name"] for one in exported.items("metrics")}
    assert names.isdisjoint(metric.name for metric in telemetry.GENAI_METRICS)
    assert b"model_calls" not in b"".join(exported.lines)


def test_counters_count_on_or_begin_anew(make_result: MakeResult) -> None:
    """Cumulative, a second run adds to the first; delta, it stands alone."""
    for delta, counts in ((False, ["5", "10"]), (True, ["5", "5"])):
        exported = Exported(own=OtlpSettings(delta=delta))
        exported.exporter.on_result(ours(make_result()))
        exported.tell(ours(make_result()))
        counted = [one["sum"] for one in exported.items("metrics") if one["name"] == "memeval_iterations_total"]
        assert [one["dataPoints"][0]["asInt"] for one in counted] == counts
        assert {one["aggregationTemporality"] for one in counted} == {1 if delta else 2}


def test_no_secret_is_in_any_message(make_result: MakeResult) -> None:
    """Values of secret variables and what looks like a key are masked wherever they stand."""
    result = make_result()
    named = msgspec.structs.replace(result.eval, name="eval a-secret-value sk-abc123def456")
    site = msgspec.structs.replace(result.sites[0], file="a-secret-value.py")
    exported = Exported(events="both")
    exported.tell(ours(msgspec.structs.replace(result, eval=named, sites=[site])))
    everything = b"".join(exported.lines)
    assert b"***" in everything
    assert b"a-secret-value" not in everything
    assert b"sk-abc123" not in everything


def test_every_name_that_is_sent_is_in_the_table(make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """Attributes of spans, events and records all stand in telemetry.ATTRIBUTES, on what they say."""
    exported = Exported(events="both", passed=False)
    exported.begin()
    growing = [SiteChange(file="m.py", line=3, grown_bytes=1, grown_blocks=1, source="")]
    failed = make_iteration(1, error=Failure(type="E", message="m"))
    exported.tell(ours(make_result(iterations=[failed], limits_exceeded=["x"])), (failed, growing))
    sent = {
        key
        for item in [*exported.items("traces"), *exported.items("logs")]
        for holder in [item, *item.get("events", ())]
        for key in plain(holder["attributes"])
    }
    assert sent <= {attribute.name for attribute in telemetry.ATTRIBUTES}
