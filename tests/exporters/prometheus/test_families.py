"""The families that a scrape, a push and a textfile hold, as Prometheus' own programs read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.exporters.prometheus.families import Snapshot, registry
from otel_memeval.exporters.prometheus.state import MOST_SERIES, EvalState, after, skipped
from otel_memeval.records import Channels, Eval, Failure, GenAi, Growth, Holder, Iteration, Limits, Result, Site, Verdict
from otel_memeval.verdicts import STATES
from tests.servers.prometheus import promtool

MakeResult = Callable[..., Result]
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
    """What prometheus-client has no types for."""
    return function


def of(snapshot: Snapshot) -> CollectorRegistry:
    return registry(lambda: snapshot)


def series(metrics: Iterable[Metric]) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
    return {(one.name, tuple(sorted(one.labels.items())), one.value) for family in metrics for one in family.samples}


def count(state: EvalState) -> int:
    """Series that are this eval's: those without its label are the process'."""
    metrics = of(Snapshot(evals=[state])).collect()
    return sum("eval" in one.labels for family in metrics for one in family.samples)


def assert_read_back(snapshot: Snapshot) -> None:
    """Both formats are parsed to the series that went in, each once."""
    told = [one for family in of(snapshot).collect() for one in family.samples]
    assert len({(one.name, tuple(sorted(one.labels.items()))) for one in told}) == len(told)
    text = generate_latest(of(snapshot)).decode()
    openmetrics = untyped(generate_openmetrics)(of(snapshot)).decode()
    assert series(parse_text(text)) == series(of(snapshot).collect())
    assert {name for name, _, _ in series(untyped(parse_openmetrics)(openmetrics))} == {one.name for one in told}
    assert "_created" not in text + openmetrics


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_result_becomes_a_valid_exposition(
    data: st.DataObject, any_result: st.SearchStrategy[Result], hostile_result: st.SearchStrategy[Result]
) -> None:
    """Whatever a run says, before and after others of the same eval: parsed back, at most 40 series, its JSON as well."""
    state: EvalState | None = None
    for result in data.draw(st.lists(any_result | hostile_result, min_size=1, max_size=3)):
        result = msgspec.structs.replace(result, eval=msgspec.structs.replace(result.eval, name="same"))
        state = after(state, result, 1e9, passed=data.draw(st.booleans()), mask=str, exemplars=True)
        assert count(state) <= MOST_SERIES
    assert state is not None
    assert_read_back(Snapshot(evals=[state]))
    assert msgspec.json.decode(msgspec.json.encode(state), type=EvalState) == state


def test_promtool_has_nothing_to_say(make_result: MakeResult) -> None:
    """Every metric of the table, of evals with names as odd as can be, passes promtool's checks of form and names."""
    board = Board(str)
    for name in ODD_NAMES:
        eval_ = Eval(name=name, iterations=5, warmup=0, limits=Limits(max_growth_bytes=1, max_peak_growth_bytes=2))
        site = msgspec.structs.replace(SITE, file=name, function=name)
        holder = Holder(path=name, type=name, length=1, items_per_iteration=1.0)
        board.told(make_result(eval=eval_, sites=[site], holders=[holder]), 1e9, passed=True, interval_seconds=60.0)
        board.skipped(name)
    board.exporting("otlp", 1)
    board.spooled(1)
    checked = promtool("check", "metrics", stdin=generate_latest(of(board.snapshot())).decode())
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    assert_read_back(board.snapshot())
    assert len({one.eval for one in board.snapshot().evals}) == len(ODD_NAMES)
    told = {family.name for family in of(board.snapshot()).collect()}
    missing = [one.name for one in telemetry.METRICS if one.name.removesuffix("_total") not in told]
    assert missing == [one.name for one in telemetry.GENAI_METRICS]  # of traced scenarios only


def test_promtool_finds_a_bad_name() -> None:
    """The check above can fail."""
    assert "counter metrics should have" in promtool("check", "metrics", stdin="# HELP a A.\n# TYPE a counter\na 1\n").stderr


def test_an_eval_has_forty_series_at_most(make_result: MakeResult) -> None:
    """300 traced evals with ten sites and ten holders each, limits, skipped runs, and every verdict there is."""
    sites = [msgspec.structs.replace(SITE, line=line) for line in range(10)]
    holders = [Holder(path=f"m.x{n}", type="list", length=1, items_per_iteration=1.0) for n in range(10)]
    gen_ai = GenAi(spans=1, model_calls=1, tool_calls=1, input_tokens=1, output_tokens=1)
    iterations = [msgspec.structs.replace(one, gen_ai=gen_ai) for one in make_result().iterations]
    slope = make_result().growth.retained
    growth = Channels(retained=slope, peak=slope, native=slope, process=slope)
    board = Board(str)
    for number in range(300):
        limits = Limits(max_growth_bytes=1, max_peak_growth_bytes=1)
        eval_ = Eval(name=f"eval {number}", iterations=5, warmup=0, limits=limits)
        for state in STATES:
            verdict = Verdict(state=state, summary="", reasons=[])
            made = make_result(
                eval=eval_, sites=sites, holders=holders, verdict=verdict, iterations=iterations, growth=growth
            )
            board.told(made, 1e9, passed=True, interval_seconds=60.0)
        board.skipped(f"eval {number}")
    snapshot = board.snapshot()
    assert len(snapshot.evals) == 300
    assert {count(state) for state in snapshot.evals} == {MOST_SERIES}


def test_sites_take_the_room_that_there_is(make_result: MakeResult) -> None:
    """An eval without limits shows all its ten lines after its first run, and holders in what is left."""
    sites = [msgspec.structs.replace(SITE, line=line) for line in range(10)]
    state = after(None, make_result(sites=sites), 1.0, passed=True, mask=str)
    assert sum(one.metric == telemetry.SITE_GROWTH.name for one in state.gauges) >= 7
    assert count(state) <= MOST_SERIES


def test_no_identifier_of_a_run_is_told(make_result: MakeResult) -> None:
    """Neither run nor trace nor iteration is a label: a run makes no new series. The trace is an exemplar's only."""
    result = make_result(run=msgspec.structs.replace(make_result().run, id="f" * 32, trace_id="e" * 32))
    state = after(None, result, 1e9, passed=True, mask=str, exemplars=True)
    text = generate_latest(of(Snapshot(evals=[state]))).decode()
    openmetrics = untyped(generate_openmetrics)(of(Snapshot(evals=[state]))).decode()
    assert "f" * 32 not in text + openmetrics
    assert "e" * 32 not in text
    assert f'# {{trace_id="{"e" * 32}"}} 0.5' in openmetrics
    again = msgspec.structs.replace(result, run=msgspec.structs.replace(result.run, id="d" * 32, trace_id="c" * 32))
    later = after(state, again, 2e9, passed=True, mask=str)
    names = [{(name, labels) for name, labels, _ in series(of(Snapshot(evals=[one])).collect())} for one in (state, later)]
    assert names[0] == names[1]


def failed(make_result: MakeResult, make_iteration: Callable[..., Iteration]) -> Result:
    error = Failure(type="ValueError", message="x")
    verdict = Verdict(state="failed", summary="", reasons=[])
    iterations = [make_iteration(1, error=error)]
    growth = Channels(retained=Growth(bytes_per_iteration=7.0, ci_low=7.0, ci_high=7.0))
    return make_result(verdict=verdict, growth=growth, sites=[SITE], holders=[], failure=error, iterations=iterations)


def test_a_failed_run_leaves_the_last_good_values(make_result: MakeResult, make_iteration: Callable[..., Iteration]) -> None:
    """Growth, lines, containers, memory and the last success stay; verdict and timestamps are the failed run's."""
    good = after(None, make_result(), 1.0, passed=True, mask=str)
    state = after(good, failed(make_result, make_iteration), 2.0, passed=False, mask=str)
    before, now = ({(one.metric, one.labels): one.value for one in state.gauges} for state in (good, state))
    changed = {metric for metric, labels in before if before[metric, labels] != now.get((metric, labels))}
    assert changed == {
        telemetry.VERDICT_STATE.name,
        telemetry.LAST_RUN.name,
        telemetry.LAST_RUN_SUCCESS.name,
        telemetry.LAST_RUN_INFO.name,
    }
    assert state.iterations == {"ok": 5, "error": 1}


def test_a_failed_first_run_tells_no_memory(make_result: MakeResult, make_iteration: Callable[..., Iteration]) -> None:
    """What an iteration that raised left behind is no measure of the eval."""
    state = after(None, failed(make_result, make_iteration), 2.0, passed=False, mask=str)
    told = {one.metric for one in state.gauges}
    assert telemetry.VERDICT_STATE.name in told
    assert not told & {telemetry.RETAINED_BYTES.name, telemetry.PEAK_BYTES.name, telemetry.RSS_BYTES.name}
    assert not told & {telemetry.GROWTH.name, telemetry.SITE_GROWTH.name}


def test_a_clean_run_takes_lines_away(make_result: MakeResult) -> None:
    """Nothing of an earlier leak is left but its count."""
    leaking = after(None, make_result(), 1.0, passed=False, mask=str)
    verdict = Verdict(state="stable", summary="", reasons=[])
    clean = after(leaking, make_result(verdict=verdict, sites=[], holders=[]), 2.0, passed=True, mask=str)
    told = {one.metric for one in clean.gauges}
    assert not told & {telemetry.SITE_GROWTH.name, telemetry.HOLDER_GROWTH.name}
    assert clean.runs == {"leaking": 1, "stable": 1}


def test_a_skipped_run_changes_its_count_only(make_result: MakeResult) -> None:
    """Also before any run was measured."""
    state = after(None, make_result(), 1.0, passed=True, mask=str)
    assert skipped(state, state.eval) == msgspec.structs.replace(state, skipped=1)
    assert skipped(None, "new") == EvalState(eval="new", skipped=1)
