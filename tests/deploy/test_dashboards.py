"""The dashboards as files: fresh, complete, readable, and of metrics that there are."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from otel_memeval import telemetry
from otel_memeval.verdicts import STATES
from tests.deploy.grafana_files import DASHBOARDS, GRAFANA, dashboard, panels, provisioned, queries
from tests.deploy.shipped import DEPLOY, metrics_in, rules

ROOT = DEPLOY.parent
UNITS = {"none", "bytes", "s", "dateTimeFromNow", "dateTimeAsLocal"}


@pytest.fixture(params=DASHBOARDS)
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def generate(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.grafana.build", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="grafana-foundation-sdk needs Python 3.11")
def test_generated_files_are_fresh_and_a_stale_one_is_found(tmp_path: Path) -> None:
    """Dashboards and alert rules are what the generator makes; one that was changed by hand is named, and made anew."""
    done = generate(ROOT, "--check")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    for part in ("deploy", "otel_memeval"):
        subprocess.run(["cp", "-r", str(ROOT / part), str(tmp_path / part)], check=True)
    copy = tmp_path / "deploy" / "grafana" / "dashboards" / "memeval-eval.json"
    copy.write_text(copy.read_text(encoding="utf-8").replace("Verdict", "Opinion", 1), encoding="utf-8")
    rules = tmp_path / "deploy" / "prometheus" / "rules" / "memeval-alerts.yaml"
    rules.write_text(
        rules.read_text(encoding="utf-8").replace("severity: critical", "severity: warning", 1), encoding="utf-8"
    )
    done = generate(tmp_path, "--check")
    assert done.returncode == 1
    assert "dashboards/memeval-eval.json" in done.stdout
    assert "provisioning/alerting/memeval-grafana-alerts.yaml" in done.stdout
    assert "overview" not in done.stdout
    assert generate(tmp_path).returncode == 0
    assert generate(tmp_path, "--check").returncode == 0


def test_every_panel_says_what_it_shows(name: str) -> None:
    """A unit that Grafana knows, a description of a sentence or more, a title that is a question or a plain noun."""
    for panel in panels(name):
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        overrides = [one for over in panel["fieldConfig"]["overrides"] for one in over["properties"]]
        given = [one["value"] for one in overrides if one["id"] == "unit"]
        assert set(given) <= UNITS
        assert re.fullmatch(r"[A-Z].{15,}\.", panel["description"]), panel["title"]
        assert re.fullmatch(r"[A-Z][a-z]+(, and)? .*\?|[A-Z][a-z]+( [a-z]+){0,2}", panel["title"]), panel["title"]


def test_ids_and_uids_are_unique_and_stay(name: str) -> None:
    """Links, alert rules and people's bookmarks hold on to them."""
    made = dashboard(name)
    assert made["uid"] == f"memeval-{name}"
    assert "id" not in made
    every = [*made["panels"], *(one for row in made["panels"] for one in row.get("panels", []))]
    assert len({one["id"] for one in every}) == len(every)
    assert min(one["id"] for one in every) == 1
    for panel in panels(name):
        refs = [target["refId"] for target in panel["targets"]]
        assert refs
        assert len(set(refs)) == len(refs)


def test_panels_lie_side_by_side(name: str) -> None:
    """None over another, none beyond the 24 columns; what is in a row that is shut lies below that row."""
    made = dashboard(name)["panels"]
    for group in (made, *(row["panels"] for row in made if row["type"] == "row")):
        places = [one["gridPos"] for one in group]
        assert all(at["x"] >= 0 and at["x"] + at["w"] <= 24 and at["h"] > 0 for at in places)
        for one, other in itertools.combinations(places, 2):
            apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            apart = apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert apart, (one, other)
    for row in made:
        assert all(one["gridPos"]["y"] > row["gridPos"]["y"] for one in row.get("panels", []))


def test_every_metric_is_one_of_the_table(name: str) -> None:
    """What a query names is in ``telemetry.METRICS``, recorded by a shipped rule, or Prometheus' own series of alerts."""
    known = {one.name for one in telemetry.METRICS} | {one.name for one in rules("record")}
    buckets = {f"{telemetry.ITERATION_DURATION.name}_{part}" for part in ("sum", "count", "bucket")}
    for asked in queries(name):
        named = metrics_in(re.sub(r"`[^`]*`", "``", asked.expr))
        assert named <= known | buckets, asked.where
        assert named or "ALERTS{" in asked.expr, asked.where


def test_no_data_source_is_fixed(name: str) -> None:
    """Every query goes to the data source that is chosen above, which at first is the one that is provisioned."""
    made = dashboard(name)
    offered = {one["name"]: one for one in made["templating"]["list"]}
    sources = {one["uid"]: one["type"] for one in provisioned("datasources")["datasources"]}
    for panel in panels(name):
        for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
            variable = offered[source["uid"].removeprefix("${").removesuffix("}")]
            assert variable["type"] == "datasource"
            assert variable["query"] == source["type"] == sources[variable["current"]["value"]]
    for one in (*made["annotations"]["list"], offered["job"], offered["eval"]):
        assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_each_verdict_has_its_word_and_one_colour_everywhere() -> None:
    """All states are mapped, each to a colour of its own, in every panel of both dashboards that shows verdicts."""
    found: list[dict[str, Any]] = []
    for panel in (one for board in DASHBOARDS for one in panels(board)):
        found += panel["fieldConfig"]["defaults"].get("mappings", [])
        for over in panel["fieldConfig"]["overrides"]:
            found += [mapping for one in over["properties"] if one["id"] == "mappings" for mapping in one["value"]]
    assert len(found) >= 5
    assert all(one == found[0] for one in found)
    shown = [one["text"] for one in found[0]["options"].values()]
    assert sorted(shown) == sorted(STATES)
    assert len({one["color"] for one in found[0]["options"].values()}) == len(STATES)


def test_links_lead_to_dashboards_that_exist_and_to_the_runbook() -> None:
    """From an eval to all, from all to an eval, from both to the page that the alerts name."""
    texts = {board: (GRAFANA / "dashboards" / f"memeval-{board}.json").read_text(encoding="utf-8") for board in DASHBOARDS}
    uids = {dashboard(board)["uid"] for board in DASHBOARDS}
    for board, text in texts.items():
        led_to = set(re.findall(r"/d/([\w-]+)", text))
        assert led_to == uids - {dashboard(board)["uid"]}
        assert any(one["url"].endswith("/runbook.md") for one in dashboard(board)["links"])


def test_the_readme_lists_every_panel() -> None:
    """By its title, and no other."""
    text = (GRAFANA / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \*(.+?)\* \|", text, re.MULTILINE)
    assert listed == [panel["title"] for board in DASHBOARDS for panel in panels(board)]
