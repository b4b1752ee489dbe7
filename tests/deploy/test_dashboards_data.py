"""Every query of the dashboards, on a real Prometheus that holds gauges of real runs and evaluates the rules as shipped."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client import start_http_server

from otel_memeval.exporters.prometheus.families import Snapshot, registry
from otel_memeval.exporters.prometheus.state import Durations, EvalState, Exemplar
from tests.deploy.conftest import Filled
from tests.deploy.dashboards_past import BROKEN, HISTORY, INTERVAL_SECONDS, NIGHTLY, SCENARIO, WEATHER, fill
from tests.deploy.grafana_files import Asked, dashboard, filled_in, queries
from tests.deploy.shipped import RULES
from tests.servers.prometheus import Prometheus

EVALS = (WEATHER, NIGHTLY, HISTORY, BROKEN)
RANGE_SECONDS = 24 * 3600
MAIN, CHANGES = "Which eval keeps memory, and where?", "What changed within the time range?"

Found = list[dict[str, Any]]


class Past(NamedTuple):
    """The Prometheus, and when its data end."""

    prometheus: Prometheus
    now: float

    def answer(self, asked: Asked, name: str = ".*") -> Found:
        """The series that the query gives, over the last day or now."""
        text = filled_in(asked.expr, name, RANGE_SECONDS)
        if asked.instant:
            found = self.prometheus.api("query", query=text, time=str(self.now))
        else:
            times = {"start": str(self.now - RANGE_SECONDS), "end": str(self.now), "step": "300"}
            found = self.prometheus.api("query_range", query=text, **times)
        series: Found = found["result"]
        return series

    def told(self, board: str, panel: str, ref: str, name: str = ".*") -> Found:
        """The answer to one query of a panel."""
        (asked,) = (one for one in queries(board) if one.where == f"{panel} [{ref}]")
        return self.answer(asked, name)

    def by_eval(self, panel: str, ref: str) -> dict[str, float]:
        """The column of a table on the overview."""
        return {one["metric"]["eval"]: float(one["value"][1]) for one in self.told("overview", panel, ref)}


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    folder = tmp_path_factory.mktemp("past")
    fill(folder, time.time())
    config = json.dumps({"global": {"evaluation_interval": "1s"}, "rule_files": [str(path) for path in RULES]})
    with Prometheus(folder, config) as prometheus:
        prometheus.wait_for('ALERTS{alertstate="firing", alertname="MemevalRetainedGrowth"}')
        yield Past(prometheus, time.time())


@pytest.mark.parametrize("asked", queries("overview"), ids=lambda one: one.where)
def test_every_query_of_the_overview_returns_data(past: Past, asked: Asked) -> None:
    """Right PromQL, and no empty panel where there are all kinds of evals."""
    found = past.answer(asked)
    assert found
    assert len({json.dumps(one["metric"], sort_keys=True) for one in found}) == len(found)


@pytest.mark.parametrize("asked", queries("eval"), ids=lambda one: one.where)
def test_every_query_of_an_eval_returns_data(past: Past, asked: Asked) -> None:
    """Right PromQL for each eval, whatever characters its name has, and data for one of them at least."""
    assert [name for name in EVALS if past.answer(asked, name)]


def test_variables_offer_what_is_there(past: Past) -> None:
    """All jobs and all evals of the last week, also one that was sent over OTLP and is gone."""
    for name, values in (("job", ["ci", "memeval", "nightly"]), ("eval", sorted(EVALS))):
        for board in ("overview", "eval"):
            (variable,) = (one for one in dashboard(board)["templating"]["list"] if one["name"] == name)
            series, _, label = variable["query"]["query"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
            match = {"match[]": filled_in(series, ".*", RANGE_SECONDS), "start": str(past.now - RANGE_SECONDS)}
            assert past.prometheus.api(f"label/{label}/values", **match) == values


def test_the_overview_says_which_eval_leaks_since_when_and_where(past: Past) -> None:
    """The worst first; the line and the container of the last run; since the first run that leaked, four runs ago."""
    codes = past.by_eval(MAIN, "verdict")
    assert sorted(codes, key=lambda name: -codes[name]) == [WEATHER, BROKEN, HISTORY, NIGHTLY]
    growth, peak = past.by_eval(MAIN, "growth"), past.by_eval(MAIN, "peak")
    assert 64 * 1024 < growth[WEATHER] < 68 * 1024
    assert [growth[NIGHTLY], growth[HISTORY]] == [0, 0]
    assert peak[HISTORY] > 60 * 1024
    assert past.by_eval(MAIN, "passed").keys() == set(EVALS)
    assert past.by_eval(MAIN, "since").keys() == set(EVALS)
    (since,) = past.told("eval", "When", "A", WEATHER)
    hours = (past.now - float(since["value"][1]) / 1000) / 3600
    assert 20 <= hours < 20.25  # a scrape and a step of the query before
    info = {one["metric"]["eval"]: one["metric"] for one in past.told("overview", MAIN, "info")}
    number = SCENARIO.splitlines().index("    SESSIONS.append(bytearray(64 * 1024))") + 1
    assert info[WEATHER]["site"].endswith(f"scenario.py:{number}")
    assert info[WEATHER]["holder"] == "scenario.SESSIONS"


def test_the_overview_says_what_changed(past: Past) -> None:
    """Growth and verdict then and now, the last revision that passed, the one that is measured."""
    change = past.by_eval(CHANGES, "change")
    assert change[WEATHER] == -change[NIGHTLY] > 64 * 1024
    assert past.by_eval(CHANGES, "then")[WEATHER] == past.by_eval(CHANGES, "now")[NIGHTLY] == 0
    passing = {one["metric"]["eval"]: one["metric"]["revision"] for one in past.told("overview", CHANGES, "passing")}
    assert passing == {WEATHER: "a" * 12, NIGHTLY: "b" * 12, HISTORY: "b" * 12}
    assert {one["metric"]["now"] for one in past.told("overview", CHANGES, "info")} == {"b" * 12}


def test_what_no_longer_grows_does_not_linger(past: Past) -> None:
    """The eval that was mended shows no line and no container, though it was sent over OTLP and no series is there now."""
    assert past.prometheus.query('memeval_last_run_info{eval="Nightly"}', past.now) == []
    for panel in ("Which lines grow?", "Which containers grow?"):
        assert past.told("eval", panel, "A", NIGHTLY) == []
        assert len(past.told("eval", panel, "A", WEATHER)) == 1
    (line,) = past.told("eval", "Since when does which line grow?", "A", NIGHTLY)
    assert max(at for at, _ in line["values"]) < past.now - 5 * INTERVAL_SECONDS + 600  # when it was mended


def test_an_eval_that_moved_to_another_pod_is_one_line(past: Past) -> None:
    """No gap, no second series and no higher value from the pod that is gone."""
    (line,) = past.told("eval", "How much stays, and how much is needed at once?", "B", HISTORY)
    assert len(line["values"]) == RANGE_SECONDS // 300 + 1
    pods = past.prometheus.query(
        'count(count by (instance) (last_over_time(memeval_peak_bytes{eval="History"}[2d])))', past.now
    )
    assert [one.value for one in pods] == [2]


def test_annotations_mark_alerts_and_revisions(past: Past) -> None:
    """The alert that fires now, from the shipped rules; the revision from which on it leaks, when it began."""
    alerts, revisions = (one for one in queries("eval") if one.where in {"Alerts", "Revisions"})
    assert {one["metric"]["alertname"] for one in past.answer(alerts, WEATHER)} == {"MemevalRetainedGrowth"}
    (mark,) = past.answer(revisions, WEATHER)
    assert mark["metric"]["revision"] == "b" * 12
    assert 19.9 * 3600 < past.now - mark["values"][0][0] <= 20.1 * 3600


def test_points_of_durations_lead_to_traces(tmp_path: Path) -> None:
    """The query's own text finds the exemplars of all buckets, in a Prometheus that scraped them."""
    now, ids = time.time(), [digit * 32 for digit in "abc"]
    seen = tuple(Exemplar(trace, seconds, now) for trace, seconds in zip(ids, (0.5, 5.0, 50.0), strict=True))
    state = EvalState(eval=WEATHER, durations=Durations((1, 1, 1), 55.5, seen))
    server, _ = start_http_server(0, addr="127.0.0.1", registry=registry(lambda: Snapshot(evals=[state])))
    scraped = {"job_name": "memeval", "static_configs": [{"targets": [f"127.0.0.1:{server.server_port}"]}]}
    config = json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [scraped]})
    (asked,) = (one for one in queries("eval") if one.where == "How long do runs and iterations take? [iteration]")
    text = filled_in(asked.expr, WEATHER, RANGE_SECONDS)
    try:
        with Prometheus(tmp_path, config, "--enable-feature=exemplar-storage") as prometheus:
            prometheus.wait_for("memeval_iteration_duration_seconds_bucket")
            found = prometheus.query_exemplars(text, now - 60, now + 60)
    finally:
        server.shutdown()
        server.server_close()
    assert {(one["labels"]["trace_id"], float(one["value"])) for series in found for one in series["exemplars"]} == {
        (one.trace_id, one.seconds) for one in seen
    }


def test_the_overview_tells_of_runs_that_were_pushed_a_moment_ago(filled: Filled) -> None:
    """Through a real Pushgateway, of processes that have ended: the same large table."""
    live = Past(filled.prometheus, time.time())
    codes = live.by_eval(MAIN, "verdict")
    assert sorted(codes, key=lambda name: -codes[name]) == ["leaking", "failing", "creeping", "clean"]
    growth = live.by_eval(MAIN, "growth")
    retained = {name: run.growth.retained for name, run in filled.runs.items()}
    assert growth == {name: one.bytes_per_iteration for name, one in retained.items() if one is not None and name in growth}
    assert growth["leaking"] > 64 * 1024
    (info,) = (one["metric"] for one in live.told("overview", MAIN, "info") if one["metric"]["eval"] == "leaking")
    site, holder = filled.runs["leaking"].sites[0], filled.runs["leaking"].holders[0]
    assert (info["site"], info["holder"]) == (f"{site.file}:{site.line}", holder.path)
