"""The dashboard files are fresh and complete, their texts are readable, and their queries read existing metrics."""

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
def test_generated_files_are_fresh_and_stale_files_are_named(tmp_path: Path) -> None:
    """Dashboards and alert rules are those of the generator; a file that was edited is named, and generated again."""
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


def test_every_panel_has_a_unit_a_description_and_a_title(name: str) -> None:
    """A panel has a unit of Grafana, a description of one or more sentences, and a title that is a question or a noun."""
    for panel in panels(name):
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        overrides = [given for over in panel["fieldConfig"]["overrides"] for given in over["properties"]]
        units = [given["value"] for given in overrides if given["id"] == "unit"]
        assert set(units) <= UNITS
        assert re.fullmatch(r"[A-Z].{15,}\.", panel["description"]), panel["title"]
        assert re.fullmatch(r"[A-Z][a-z]+(, and)? .*\?|[A-Z][a-z]+( [a-z]+){0,2}", panel["title"]), panel["title"]


def test_ids_and_uids_are_unique_and_stable(name: str) -> None:
    """Ids and uids, to which links, alert rules and bookmarks refer, are unique and do not change."""
    read = dashboard(name)
    assert read["uid"] == f"memeval-{name}"
    assert "id" not in read
    every = [*read["panels"], *(panel for row in read["panels"] for panel in row.get("panels", []))]
    assert len({panel["id"] for panel in every}) == len(every)
    assert min(panel["id"] for panel in every) == 1
    for panel in panels(name):
        refs = [target["refId"] for target in panel["targets"]]
        assert refs
        assert len(set(refs)) == len(refs)


def test_panels_do_not_overlap(name: str) -> None:
    """No panel overlaps another or exceeds the 24 columns; the panels of a collapsed row are below the row."""
    top_panels = dashboard(name)["panels"]
    for group in (top_panels, *(row["panels"] for row in top_panels if row["type"] == "row")):
        positions = [panel["gridPos"] for panel in group]
        assert all(at["x"] >= 0 and at["x"] + at["w"] <= 24 and at["h"] > 0 for at in positions)
        for left, right in itertools.combinations(positions, 2):
            apart = left["x"] + left["w"] <= right["x"] or right["x"] + right["w"] <= left["x"]
            apart = apart or left["y"] + left["h"] <= right["y"] or right["y"] + right["h"] <= left["y"]
            assert apart, (left, right)
    for row in top_panels:
        assert all(panel["gridPos"]["y"] > row["gridPos"]["y"] for panel in row.get("panels", []))


def test_queries_read_existing_metrics(name: str) -> None:
    """A query reads metrics of ``telemetry.METRICS``, series of a shipped rule, or Prometheus' own series of alerts."""
    known = {metric.name for metric in telemetry.METRICS} | {record.name for record in rules("record")}
    buckets = {f"{telemetry.ITERATION_DURATION.name}_{part}" for part in ("sum", "count", "bucket")}
    for query in queries(name):
        read = metrics_in(re.sub(r"`[^`]*`", "``", query.expr))
        assert read <= known | buckets, query.where
        assert read or "ALERTS{" in query.expr, query.where


def test_queries_use_the_chosen_data_source(name: str) -> None:
    """Every query uses the data source chosen at the top, whose initial value is the provisioned one."""
    read = dashboard(name)
    offered = {variable["name"]: variable for variable in read["templating"]["list"]}
    sources = {source["uid"]: source["type"] for source in provisioned("datasources")["datasources"]}
    for panel in panels(name):
        for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
            variable = offered[source["uid"].removeprefix("${").removesuffix("}")]
            assert variable["type"] == "datasource"
            assert variable["query"] == source["type"] == sources[variable["current"]["value"]]
    for chosen in (*read["annotations"]["list"], offered["job"], offered["eval"]):
        assert chosen["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_each_verdict_has_its_word_and_colour_in_all_panels() -> None:
    """Every panel that shows verdicts maps each state to its word and to a colour of its own."""
    found: list[dict[str, Any]] = []
    for panel in (panel for board in DASHBOARDS for panel in panels(board)):
        found += panel["fieldConfig"]["defaults"].get("mappings", [])
        for over in panel["fieldConfig"]["overrides"]:
            found += [mapping for given in over["properties"] if given["id"] == "mappings" for mapping in given["value"]]
    assert len(found) >= 5
    assert all(mapping == found[0] for mapping in found)
    shown = [option["text"] for option in found[0]["options"].values()]
    assert sorted(shown) == sorted(STATES)
    assert len({option["color"] for option in found[0]["options"].values()}) == len(STATES)


def test_counts_of_evals_cover_each_verdict_once() -> None:
    """The numbers of evals by verdict add up to all evals: each state is part of one number."""
    exprs = [query.expr for query in queries("overview") if query.where.startswith("How many evals are in trouble?")]
    counted = [state for expr in exprs for state in re.findall(r'state=~"([^"]+)"', expr)[0].split("|")]
    assert sorted(counted) == sorted(STATES)


def test_dashboards_link_to_each_other_and_to_the_runbook() -> None:
    """Each dashboard links to the other one, and both link to the page that the alerts name."""
    texts = {board: (GRAFANA / "dashboards" / f"memeval-{board}.json").read_text(encoding="utf-8") for board in DASHBOARDS}
    uids = {dashboard(board)["uid"] for board in DASHBOARDS}
    for board, text in texts.items():
        linked = set(re.findall(r"/d/([\w-]+)", text))
        assert linked == uids - {dashboard(board)["uid"]}
        assert any(link["url"].endswith("/runbook.md") for link in dashboard(board)["links"])


def test_readme_lists_every_panel() -> None:
    """The README lists the titles of all panels in their order, and no others."""
    text = (GRAFANA / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \*(.+?)\* \|", text, re.MULTILINE)
    assert listed == [panel["title"] for board in DASHBOARDS for panel in panels(board)]
