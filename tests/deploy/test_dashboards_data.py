"""Every query of the dashboards, on a real Prometheus that holds gauges of real runs and evaluates the rules as shipped."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.deploy.dashboards_past import BROKEN, HISTORY, NIGHTLY, ROOT, WEATHER, fill
from tests.servers.prometheus import Prometheus

DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
RULES = ROOT / "deploy" / "prometheus" / "rules"
EVALS = (WEATHER, NIGHTLY, HISTORY, BROKEN)
RANGE_SECONDS = 24 * 3600


class Asked(NamedTuple):
    """One query of a dashboard: where it stands, its text, whether it is of now."""

    where: str
    expr: str
    instant: bool


class Past(NamedTuple):
    """The Prometheus, and when its data end."""

    prometheus: Prometheus
    now: float


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    folder = tmp_path_factory.mktemp("past")
    fill(folder, time.time())
    config = json.dumps({"global": {"evaluation_interval": "1s"}, "rule_files": [f"{RULES}/*.yaml"]})
    with Prometheus(folder, config) as prometheus:
        prometheus.wait_for('ALERTS{alertstate="firing", alertname="MemevalRetainedGrowth"}')
        yield Past(prometheus, time.time())


def dashboard(name: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((DASHBOARDS / f"memeval-{name}.json").read_text(encoding="utf-8"))
    return made


def panels(name: str) -> list[dict[str, Any]]:
    """All panels, those in rows too, without the rows."""
    return [one for top in dashboard(name)["panels"] for one in ([top] if top["type"] != "row" else top["panels"])]


def queries(name: str) -> list[Asked]:
    """Those to Prometheus: of panels and annotations."""
    of_panels = [
        Asked(f"{panel['title']} [{target['refId']}]", target["expr"], target["instant"])
        for panel in panels(name)
        for target in panel["targets"]
        if "expr" in target
    ]
    marks = dashboard(name)["annotations"].get("list", [])
    return of_panels + [Asked(one["name"], one["target"]["expr"], False) for one in marks]


def filled_in(expr: str, name: str) -> str:
    """As Grafana fills it in: all jobs, and one eval (or all of them, by ``.*``)."""
    chosen = ".*" if name == ".*" else re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", name)
    text = expr.replace("${job:regex}", ".*").replace("${eval:regex}", chosen).replace("$__range", f"{RANGE_SECONDS}s")
    assert "$" not in text.replace('"$1"', ""), text
    return text


def answer(past: Past, asked: Asked, name: str = ".*") -> list[dict[str, Any]]:
    """The series that the query gives, over the last day or now."""
    text = filled_in(asked.expr, name)
    if asked.instant:
        found = past.prometheus.api("query", query=text, time=str(past.now))
    else:
        times = {"start": str(past.now - RANGE_SECONDS), "end": str(past.now), "step": "300"}
        found = past.prometheus.api("query_range", query=text, **times)
    series: list[dict[str, Any]] = found["result"]
    return series


@pytest.mark.parametrize("asked", queries("overview"), ids=lambda one: one.where)
def test_every_query_of_the_overview_returns_data(past: Past, asked: Asked) -> None:
    """Right PromQL, and no empty panel with all kinds of evals."""
    assert answer(past, asked)


@pytest.mark.parametrize("asked", queries("eval"), ids=lambda one: one.where)
def test_every_query_of_an_eval_returns_data(past: Past, asked: Asked) -> None:
    """Right PromQL for each eval, whatever its name, and data for one of them at least."""
    assert [name for name in EVALS if answer(past, asked, name)]
