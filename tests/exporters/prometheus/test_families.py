"""Metric families, read back by the programs of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from otel_memeval import telemetry
from otel_memeval.exporters.otlp.metrics import MetricAggregator
from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.exporters.prometheus.families import Snapshot, snapshot_registry
from otel_memeval.exporters.prometheus.state import MOST_SERIES, EvalState, state_after_run, state_after_skip
from otel_memeval.records import (
    Channels,
    ChildMemory,
    Comparison,
    Eval,
    Failure,
    GenAi,
    Growth,
    Holder,
    Iteration,
    Limits,
    Resource,
    Resources,
    Result,
    Site,
    Verdict,
)
from otel_memeval.verdicts import STATES
from tests.servers.prometheus import promtool

MakeResult = Callable[..., Result]
MakeIteration = Callable[..., Iteration]
RESOURCES = Resources(
    threads=Resource(before=1, after=6, per_iteration=1.0, growing=True),
    sockets=Resource(before=4, after=4, per_iteration=0.0),
    child_memory_bytes=ChildMemory(before=0, after=1 << 20, per_iteration=209_715.2, growing=True),
)
SITE = Site(file="m.py", line=1, function="f", retained_bytes=1, blocks=1, bytes_per_iteration=1.0, signature="0" * 12)
ODD_NAMES = [
    '"quoted" \\',
    "new\nline\r\n",
    "a/b/../c",
    "..",
    "",
    "\u202eleft\u2066",
    "x" * 10_240,
    "\ud800",
    "木 ü",
    "{}=,#",
]


def untyped(function: Any) -> Any:
    """Return a function of prometheus-client that has no types."""
    return function


def of(snapshot: Snapshot) -> CollectorRegistry:
    """Return a registry with this snapshot."""
    return snapshot_registry(lambda: snapshot)


def series(metrics: Iterable[Metric]) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
    """Return name, labels and value of each series."""
    samples = [sample for family in metrics for sample in family.samples]
    return {(sample.name, tuple(sorted(sample.labels.items())), sample.value) for sample in samples}


def count(state: EvalState) -> int:
    """Return the number of series with the label of the eval."""
    metrics = of(Snapshot(evals=[state])).collect()
    return sum("eval" in sample.labels for family in metrics for sample in family.samples)


def assert_read_back(snapshot: Snapshot) -> None:
    """Check that both text formats parse to the same series, each once."""
    samples = [sample for family in of(snapshot).collect() for sample in family.samples]
    assert len({(sample.name, tuple(sorted(sample.labels.items()))) for sample in samples}) == len(samples)
    text = generate_latest(of(snapshot)).decode()
    openmetrics = untyped(generate_openmetrics)(of(snapshot)).decode()
    assert series(parse_text(text)) == series(of(snapshot).collect())
    assert {name for name, _, _ in series(untyped(parse_openmetrics)(openmetrics))} == {sample.name for sample in samples}
    assert "_created" not in text + openmetrics


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_result_gives_a_valid_exposition(
    data: st.DataObject, any_result: st.SearchStrategy[Result], hostile_result: st.SearchStrategy[Result]
) -> None:
    """Up to three runs of an eval parse back, have at most 48 series, and their state survives JSON."""
    state: EvalState | None = None
    for result in data.draw(st.lists(any_result | hostile_result, min_size=1, max_size=3)):
        result = msgspec.structs.replace(result, eval=msgspec.structs.replace(result.eval, name="same"))
        state = state_after_run(state, result, 1e9, passed=data.draw(st.booleans()), exemplars=True)
        assert count(state) <= MOST_SERIES
    assert state is not None
    assert_read_back(Snapshot(evals=[state]))
    assert msgspec.json.decode(msgspec.json.encode(state), type=EvalState) == state


@pytest.mark.server
def test_promtool_accepts_all_metrics(make_result: MakeResult) -> None:
    """Evals with unusual names have every metric of the table, and promtool reports nothing."""
    board = Board()
    for name in ODD_NAMES:
        eval_ = Eval(name=name, iterations=5, warmup=0, limits=Limits(max_growth_bytes=1, max_peak_growth_bytes=2))
        site = msgspec.structs.replace(SITE, file=name, function=name)
        holder = Holder(path=name, type=name, length=1, items_per_iteration=1.0)
        worse = Comparison(outcome="regressed", summary="", since_seconds=1e9)
        result = make_result(eval=eval_, sites=[site], holders=[holder], resources=RESOURCES, baseline_comparison=worse)
        board.add_run(result, 1e9, passed=True, interval_seconds=60.0)
        board.add_skip(name)
    board.add_failures("otlp", 1)
    board.set_spool_bytes(1)
    board.set_overdue(is_overdue=True)
    checked = promtool("check", "metrics", stdin=generate_latest(of(board.snapshot())).decode())
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    assert_read_back(board.snapshot())
    assert len({state.eval for state in board.snapshot().evals}) == len(ODD_NAMES)
    names = {family.name for family in of(board.snapshot()).collect()}
    missing = [metric.name for metric in telemetry.METRICS if metric.name.removesuffix("_total") not in names]
    assert missing == [metric.name for metric in telemetry.GENAI_METRICS]  # of traced scenarios only


@pytest.mark.server
def test_promtool_rejects_a_wrong_name() -> None:
    """The check of the test above can fail."""
    assert "counter metrics should have" in promtool("check", "metrics", stdin="# HELP a A.\n# TYPE a counter\na 1\n").stderr


def test_eval_has_at_most_48_series(make_result: MakeResult) -> None:
    """300 traced evals have ten sites, ten holders, limits, skipped runs and every verdict."""
    sites = [msgspec.structs.replace(SITE, line=line) for line in range(10)]
    holders = [Holder(path=f"m.x{n}", type="list", length=1, items_per_iteration=1.0) for n in range(10)]
    gen_ai = GenAi(spans=1, model_calls=1, tool_calls=1, input_tokens=1, output_tokens=1)
    iterations = [msgspec.structs.replace(iteration, gen_ai=gen_ai) for iteration in make_result().iterations]
    slope = make_result().growth.retained
    growth = Channels(retained=slope, peak=slope, native=slope, process=slope)
    board = Board()
    for number in range(300):
        limits = Limits(max_growth_bytes=1, max_peak_growth_bytes=1)
        eval_ = Eval(name=f"eval {number}", iterations=5, warmup=0, limits=limits)
        for state in STATES:
            verdict = Verdict(state=state, summary="", reasons=[])
            made = make_result(
                eval=eval_, sites=sites, holders=holders, verdict=verdict, iterations=iterations, growth=growth
            )
            board.add_run(made, 1e9, passed=True, interval_seconds=60.0)
        board.add_skip(f"eval {number}")
    snapshot = board.snapshot()
    assert len(snapshot.evals) == 300
    assert {count(state) for state in snapshot.evals} == {MOST_SERIES}


def test_sites_fill_the_room_for_series(make_result: MakeResult) -> None:
    """An eval without limits has at least seven of its ten sites after the first run."""
    sites = [msgspec.structs.replace(SITE, line=line) for line in range(10)]
    state = state_after_run(None, make_result(sites=sites), 1.0, passed=True)
    assert sum(sample.metric == telemetry.SITE_GROWTH.name for sample in state.gauges) >= 7
    assert count(state) <= MOST_SERIES


def test_short_and_long_iterations_can_be_told_apart(make_iteration: MakeIteration, make_result: MakeResult) -> None:
    """An iteration of 30 µs and one of 30 s are in buckets with two bounds, scraped and over OTLP."""
    made = [msgspec.structs.replace(make_iteration(n), duration_seconds=s) for n, s in ((1, 0.00003), (2, 30.0))]
    state = state_after_run(None, make_result(iterations=made), 1.0, passed=True)
    aggregator = MetricAggregator(0, delta=True)
    for iteration in made:
        aggregator.add_iteration("a", iteration, None)
    collected: Any = aggregator.collect(1)
    (histogram,) = [metric["histogram"] for metric in collected if "histogram" in metric]
    for counts in (state.durations.counts, [int(count) for count in histogram["dataPoints"][0]["bucketCounts"]]):
        assert counts[0] == counts[-1] == 0
        assert sorted(counts)[-3:] == [0, 1, 1]


def test_no_label_identifies_a_run(make_result: MakeResult) -> None:
    """A new run makes no new series: its trace stands in an exemplar only, its id nowhere."""
    result = make_result(run=msgspec.structs.replace(make_result().run, id="f" * 32, trace_id="e" * 32))
    state = state_after_run(None, result, 1e9, passed=True, exemplars=True)
    text = generate_latest(of(Snapshot(evals=[state]))).decode()
    openmetrics = untyped(generate_openmetrics)(of(Snapshot(evals=[state]))).decode()
    assert "f" * 32 not in text + openmetrics
    assert "e" * 32 not in text
    assert f'# {{trace_id="{"e" * 32}"}} 0.5' in openmetrics
    again = msgspec.structs.replace(result, run=msgspec.structs.replace(result.run, id="d" * 32, trace_id="c" * 32))
    later = state_after_run(state, again, 2e9, passed=True)
    names = [{(name, labels) for name, labels, _ in series(of(Snapshot(evals=[each])).collect())} for each in (state, later)]
    assert names[0] == names[1]


def failed(make_result: MakeResult, make_iteration: Callable[..., Iteration]) -> Result:
    """Return the result of a failed run."""
    error = Failure(type="ValueError", message="x")
    verdict = Verdict(state="failed", summary="", reasons=[])
    iterations = [make_iteration(1, error=error)]
    growth = Channels(retained=Growth(bytes_per_iteration=7.0, ci_low=7.0, ci_high=7.0))
    return make_result(verdict=verdict, growth=growth, sites=[SITE], holders=[], failure=error, iterations=iterations)


def test_failed_run_keeps_the_last_good_values(make_result: MakeResult, make_iteration: Callable[..., Iteration]) -> None:
    """Growth, sites, holders, memory and the last success stay; verdict and times change."""
    good = state_after_run(None, make_result(), 1.0, passed=True)
    state = state_after_run(good, failed(make_result, make_iteration), 2.0, passed=False)
    before, now = ({(sample.metric, sample.labels): sample.value for sample in each.gauges} for each in (good, state))
    changed = {metric for metric, labels in before if before[metric, labels] != now.get((metric, labels))}
    assert changed == {
        telemetry.VERDICT_STATE.name,
        telemetry.LAST_RUN.name,
        telemetry.LAST_RUN_SUCCESS.name,
        telemetry.LAST_RUN_INFO.name,
    }
    assert state.iterations == {"ok": 5, "error": 1}


def test_failed_first_run_has_no_memory_gauges(make_result: MakeResult, make_iteration: Callable[..., Iteration]) -> None:
    """Memory after an iteration that raised does not describe the eval."""
    state = state_after_run(None, failed(make_result, make_iteration), 2.0, passed=False)
    names = {sample.metric for sample in state.gauges}
    assert telemetry.VERDICT_STATE.name in names
    assert not names & {telemetry.RETAINED_BYTES.name, telemetry.PEAK_BYTES.name, telemetry.RSS_BYTES.name}
    assert not names & {telemetry.GROWTH.name, telemetry.SITE_GROWTH.name}


def test_passing_run_removes_sites_and_holders(make_result: MakeResult) -> None:
    """Only the counter of runs remembers the leak."""
    leaking = state_after_run(None, make_result(), 1.0, passed=False)
    verdict = Verdict(state="stable", summary="", reasons=[])
    clean = state_after_run(leaking, make_result(verdict=verdict, sites=[], holders=[]), 2.0, passed=True)
    names = {sample.metric for sample in clean.gauges}
    assert not names & {telemetry.SITE_GROWTH.name, telemetry.HOLDER_GROWTH.name}
    assert clean.runs == {"leaking": 1, "stable": 1}


def test_skipped_run_changes_only_its_counter(make_result: MakeResult) -> None:
    """A run can be skipped before the first run was measured."""
    state = state_after_run(None, make_result(), 1.0, passed=True)
    assert state_after_skip(state, state.eval) == msgspec.structs.replace(state, skipped=1)
    assert state_after_skip(None, "new") == EvalState(eval="new", skipped=1)
