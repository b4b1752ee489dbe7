"""Every query of the dashboards returns data on a real Prometheus with gauges of real runs and the shipped rules."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client import start_http_server

from otel_memeval.exporters.prometheus.families import Snapshot, snapshot_registry
from otel_memeval.exporters.prometheus.state import Durations, EvalState, TraceExemplar
from otel_memeval.telemetry import SCRAPED_DURATION_BUCKETS
from tests.deploy.conftest import Filled
from tests.deploy.dashboards_past import BROKEN, HISTORY, INTERVAL_SECONDS, NIGHTLY, SCENARIO, WEATHER, fill
from tests.deploy.grafana_files import PanelQuery, dashboard, filled_in, queries
from tests.deploy.shipped import RULES
from tests.servers.prometheus import Prometheus

EVALS = (WEATHER, NIGHTLY, HISTORY, BROKEN)
RANGE_SECONDS = 24 * 3600
MAIN, CHANGES = "Which eval keeps memory, and where?", "What changed within the time range?"

Found = list[dict[str, Any]]


class Past(NamedTuple):
    """A Prometheus, and the time at which its data end."""

    prometheus: Prometheus
    now: float

    def answer(self, query: PanelQuery, name: str = ".*") -> Found:
        """Return the series of a query, over the last day or at the end of the data."""
        text = filled_in(query.expr, name, RANGE_SECONDS)
        if query.instant:
            found = self.prometheus.api("query", query=text, time=str(self.now))
        else:
            times = {"start": str(self.now - RANGE_SECONDS), "end": str(self.now), "step": "300"}
            found = self.prometheus.api("query_range", query=text, **times)
        series: Found = found["result"]
        return series

    def of_panel(self, board: str, panel: str, ref: str, name: str = ".*") -> Found:
        """Return the series of one query of a panel."""
        (found,) = (query for query in queries(board) if query.where == f"{panel} [{ref}]")
        return self.answer(found, name)

    def by_eval(self, panel: str, ref: str) -> dict[str, float]:
        """Return a column of a table on the overview, by eval."""
        return {series["metric"]["eval"]: float(series["value"][1]) for series in self.of_panel("overview", panel, ref)}


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    folder = tmp_path_factory.mktemp("past")
    fill(folder, time.time())
    config = json.dumps({"global": {"evaluation_interval": "1s"}, "rule_files": [str(path) for path in RULES]})
    with Prometheus(folder, config) as prometheus:
        prometheus.wait_for('ALERTS{alertstate="firing", alertname="MemevalRetainedGrowth"}')
        yield Past(prometheus, time.time())


@pytest.mark.parametrize("query", queries("overview"), ids=lambda query: query.where)
def test_every_query_of_the_overview_returns_data(past: Past, query: PanelQuery) -> None:
    """Each query is valid PromQL and returns series without duplicates if all kinds of evals exist."""
    found = past.answer(query)
    assert found
    assert len({json.dumps(series["metric"], sort_keys=True) for series in found}) == len(found)


@pytest.mark.parametrize("query", queries("eval"), ids=lambda query: query.where)
def test_every_query_of_an_eval_returns_data(past: Past, query: PanelQuery) -> None:
    """Each query is valid PromQL for each eval, whatever characters its name has, and returns data for at least one."""
    assert [name for name in EVALS if past.answer(query, name)]


def test_variables_offer_all_jobs_and_evals(past: Past) -> None:
    """The variables offer all jobs and evals of the time range, also an eval that was sent over OTLP and is now absent."""
    for name, values in (("job", ["ci", "memeval", "nightly"]), ("eval", sorted(EVALS))):
        for board in ("overview", "eval"):
            (variable,) = (offered for offered in dashboard(board)["templating"]["list"] if offered["name"] == name)
            series, _, label = variable["query"]["query"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
            match = {"match[]": filled_in(series, ".*", RANGE_SECONDS), "start": str(past.now - RANGE_SECONDS)}
            assert past.prometheus.api(f"label/{label}/values", **match) == values


def test_overview_shows_which_eval_leaks_since_when_and_where(past: Past) -> None:
    """The worst verdict is first, with line and container of the last run, since the first leaking run four runs ago."""
    codes = past.by_eval(MAIN, "verdict")
    assert sorted(codes, key=lambda name: -codes[name]) == [WEATHER, BROKEN, HISTORY, NIGHTLY]
    growth, peak = past.by_eval(MAIN, "growth"), past.by_eval(MAIN, "peak")
    assert 64 * 1024 < growth[WEATHER] < 68 * 1024
    assert [growth[NIGHTLY], growth[HISTORY]] == [0, 0]
    assert peak[HISTORY] > 60 * 1024
    assert past.by_eval(MAIN, "passed").keys() == set(EVALS)
    assert past.by_eval(MAIN, "since").keys() == set(EVALS)
    (since,) = past.of_panel("eval", "When", "A", WEATHER)
    hours = (past.now - float(since["value"][1]) / 1000) / 3600
    assert 20 <= hours < 20.25  # one scrape and one step of the query earlier
    info = {series["metric"]["eval"]: series["metric"] for series in past.of_panel("overview", MAIN, "info")}
    number = SCENARIO.splitlines().index("    SESSIONS.append(bytearray(64 * 1024))") + 1
    assert info[WEATHER]["site"].endswith(f"scenario.py:{number}")
    assert info[WEATHER]["holder"] == "scenario.SESSIONS"


def test_overview_shows_changes_within_the_time_range(past: Past) -> None:
    """The table shows growth and verdict at the beginning and now, the last passing revision and the current one."""
    change = past.by_eval(CHANGES, "change")
    assert change[WEATHER] == -change[NIGHTLY] > 64 * 1024
    assert past.by_eval(CHANGES, "then")[WEATHER] == past.by_eval(CHANGES, "now")[NIGHTLY] == 0
    passing = {
        series["metric"]["eval"]: series["metric"]["revision"] for series in past.of_panel("overview", CHANGES, "passing")
    }
    assert passing == {WEATHER: "a" * 12, NIGHTLY: "b" * 12, HISTORY: "b" * 12}
    assert {series["metric"]["now"] for series in past.of_panel("overview", CHANGES, "info")} == {"b" * 12}


def test_repaired_line_is_no_longer_shown(past: Past) -> None:
    """A repaired eval shows no line and no container, although it was sent over OTLP and has no current series."""
    assert past.prometheus.query('memeval_last_run_info{eval="Nightly"}', past.now) == []
    for panel in ("Which lines grow?", "Which containers grow?"):
        assert past.of_panel("eval", panel, "A", NIGHTLY) == []
        assert len(past.of_panel("eval", panel, "A", WEATHER)) == 1
    (line,) = past.of_panel("eval", "Which lines grew in each run?", "A", NIGHTLY)
    assert max(at for at, _ in line["values"]) < past.now - 5 * INTERVAL_SECONDS + 600  # the time of the repair


def test_eval_that_moved_to_another_pod_is_one_series(past: Past) -> None:
    """An eval that moved has no gap, no second series and no higher value from its former pod."""
    (line,) = past.of_panel("eval", "How large are retained memory and peak?", "B", HISTORY)
    assert len(line["values"]) == RANGE_SECONDS // 300 + 1
    pods = past.prometheus.query(
        'count(count by (instance) (last_over_time(memeval_peak_bytes{eval="History"}[2d])))', past.now
    )
    assert [sample.value for sample in pods] == [2]


def test_annotations_mark_alerts_and_revisions(past: Past) -> None:
    """The annotations are the alerts that fire now and the first run of the leaking revision."""
    alerts, revisions = (query for query in queries("eval") if query.where in {"Alerts", "Revisions"})
    fired = {series["metric"]["alertname"] for series in past.answer(alerts, WEATHER)}
    assert fired == {"MemevalRetainedGrowth", "MemevalResourceLeak", "MemevalChildMemoryGrowth", "MemevalRegressed"}
    (mark,) = past.answer(revisions, WEATHER)
    assert mark["metric"]["revision"] == "b" * 12
    assert 19.9 * 3600 < past.now - mark["values"][0][0] <= 20.1 * 3600


def test_points_of_durations_link_to_traces(tmp_path: Path) -> None:
    """The query of the panel finds the exemplars of all buckets that Prometheus scraped."""
    now, bounds = time.time(), (*SCRAPED_DURATION_BUCKETS, 1000.0)
    exemplars = tuple(TraceExemplar(f"{number:032x}", seconds, now) for number, seconds in enumerate(bounds))
    state = EvalState(eval=WEATHER, durations=Durations((1,) * len(bounds), sum(bounds), exemplars))
    server, _ = start_http_server(0, addr="127.0.0.1", registry=snapshot_registry(lambda: Snapshot(evals=[state])))
    scraped = {"job_name": "memeval", "static_configs": [{"targets": [f"127.0.0.1:{server.server_port}"]}]}
    config = json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [scraped]})
    (durations,) = (query for query in queries("eval") if query.where == "How long do runs and iterations take? [iteration]")
    text = filled_in(durations.expr, WEATHER, RANGE_SECONDS)
    try:
        with Prometheus(tmp_path, config, "--enable-feature=exemplar-storage") as prometheus:
            prometheus.wait_for("memeval_iteration_duration_seconds_bucket")
            found = prometheus.query_exemplars(text, now - 60, now + 60)
    finally:
        server.shutdown()
        server.server_close()
    assert {
        (exemplar["labels"]["trace_id"], float(exemplar["value"])) for series in found for exemplar in series["exemplars"]
    } == {(exemplar.trace_id, exemplar.seconds) for exemplar in exemplars}


def test_overview_shows_runs_that_were_just_pushed(filled: Filled) -> None:
    """The table of evals has the runs that finished processes pushed to a real Pushgateway."""
    live = Past(filled.prometheus, time.time())
    codes = live.by_eval(MAIN, "verdict")
    assert sorted(codes, key=lambda name: -codes[name]) == ["leaking", "failing", "creeping", "clean"]
    growth = live.by_eval(MAIN, "growth")
    retained = {name: run.growth.retained for name, run in filled.runs.items()}
    assert growth == {
        name: kept.bytes_per_iteration for name, kept in retained.items() if kept is not None and name in growth
    }
    assert growth["leaking"] > 64 * 1024
    (info,) = (
        series["metric"] for series in live.of_panel("overview", MAIN, "info") if series["metric"]["eval"] == "leaking"
    )
    site, holder = filled.runs["leaking"].sites[0], filled.runs["leaking"].holders[0]
    assert (info["site"], info["holder"]) == (f"{site.file}:{site.line}", holder.path)
