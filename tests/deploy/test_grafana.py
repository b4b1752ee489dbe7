"""What Grafana is provisioned with: data sources that know of each other, the dashboards' folder, alert rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.families import Snapshot, families
from otel_memeval.exporters.prometheus.state import Durations, EvalState, Exemplar
from tests.deploy.grafana_files import GRAFANA, dashboard, provisioned
from tests.deploy.shipped import metrics_in, rules
from tests.servers.prometheus import promtool


def sources() -> dict[str, dict[str, Any]]:
    """By type."""
    return {one["type"]: one for one in provisioned("datasources")["datasources"]}


def grafana_rules() -> list[dict[str, Any]]:
    """All of them, in order."""
    return [rule for group in provisioned("alerting")["groups"] for rule in group["rules"]]


def test_data_sources_leave_those_of_others_alone() -> None:
    """Names and uids of our own; none is the default, of which a Grafana has one only."""
    made = sources()
    assert set(made) == {"prometheus", "tempo", "alertmanager"}
    for kind, one in made.items():
        assert one["uid"] == f"memeval-{kind}"
        assert one["name"].startswith("memeval ")
        assert "isDefault" not in one


def test_an_exemplar_leads_to_its_trace() -> None:
    """The link is bound to the label that our exemplars have, and opens Tempo."""
    seen = Exemplar("0af7651916cd43dd8448eb211c80319c", 0.5, 1.0)
    state = EvalState(eval="a", durations=Durations((1, 0, 0), 0.5, (seen, None, None)))
    (histogram,) = families_of(state)
    labels = [one.exemplar.labels for one in histogram.samples if one.exemplar]
    (way,) = sources()["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert [list(one) for one in labels] == [[way["name"]]]
    assert way["datasourceUid"] == sources()["tempo"]["uid"]


def families_of(state: EvalState) -> list[Any]:
    return list(families(Snapshot(evals=[state])))


def test_a_span_leads_to_the_gauges_of_its_eval() -> None:
    """By the attribute that spans have and the label that gauges have; the queries name metrics that there are."""
    ways = sources()["tempo"]["jsonData"]["tracesToMetrics"]
    assert ways["datasourceUid"] == sources()["prometheus"]["uid"]
    assert ways["tags"] == [{"key": telemetry.SUITE_NAME, "value": "eval"}]
    assert telemetry.SUITE_NAME in {one.name for one in telemetry.ATTRIBUTES if one.on == "every"}
    for one in ways["queries"]:
        assert "{$$__tags}" in one["query"]
        assert metrics_in(one["query"].replace("$$__tags", "")) <= {metric.name for metric in telemetry.METRICS}


def test_the_alert_rules_are_prometheus_own() -> None:
    """The same names, queries, waiting times, labels and annotations, in the same groups and order."""
    shipped, made = rules("alert"), grafana_rules()
    assert [one["title"] for one in made] == [one.name for one in shipped]
    groups = [(group["name"], len(group["rules"])) for group in provisioned("alerting")["groups"]]
    assert [name for name, count in groups for _ in range(count)] == [one.group for one in shipped]
    for rule, original in zip(made, shipped, strict=True):
        assert rule["data"][0]["model"]["expr"] == original.expr.strip()
        assert rule["for"] == original.whole.get("for", "0s")
        assert rule["labels"] == original.whole["labels"]
        texts = {key: in_prometheus(text) for key, text in rule["annotations"].items()}
        assert texts == original.whole["annotations"]


def in_prometheus(text: str) -> str:
    """A template as Prometheus has it."""
    return text.replace(".Values.query.Value", "$value").replace(".Labels.", "$labels.")


def test_the_alert_rules_are_off_until_they_are_wanted() -> None:
    """All are paused, so that with Alertmanager nothing is told twice; the file says how to have them."""
    assert all(rule["isPaused"] is True for rule in grafana_rules())
    (path,) = (GRAFANA / "provisioning" / "alerting").glob("*.yaml")
    text = path.read_text(encoding="utf-8")
    assert "isPaused: true/isPaused: false" in text
    switched = re.sub("isPaused: true", "isPaused: false", text.partition("apiVersion")[2])
    assert switched.count("isPaused: false") == len(grafana_rules())


def test_an_alert_rule_fires_as_in_prometheus() -> None:
    """For each series that is there, whatever its value; not while there is none; over as soon as it is gone."""
    for rule in grafana_rules():
        query, any_value, threshold = rule["data"]
        assert [one["refId"] for one in rule["data"]] == ["query", "any_value", "threshold"]
        assert query["datasourceUid"] == query["model"]["datasource"]["uid"] == sources()["prometheus"]["uid"]
        assert query["model"]["instant"] is True
        assert any_value["model"]["expression"] == "is_number($query) || is_nan($query) || is_inf($query)"
        assert threshold["model"]["expression"] == any_value["refId"]
        assert threshold["model"]["conditions"][0]["evaluator"] == {"type": "gt", "params": [0]}
        assert rule["condition"] == "threshold"
        assert (rule["noDataState"], rule["execErrState"], rule["missing_series_evals_to_resolve"]) == ("OK", "Error", 1)


def test_an_alert_rule_has_an_id_of_its_own_and_leads_to_its_panel() -> None:
    """Ids are at most 40 characters of those that Grafana takes; the panel is that of growth and its limit."""
    uids = [rule["uid"] for rule in grafana_rules()]
    assert len(set(uids)) == len(uids)
    assert all(re.fullmatch(r"[a-z-]{1,40}", uid) for uid in uids)
    titles = {one["id"]: one["title"] for one in dashboard("eval")["panels"]}
    for rule in grafana_rules():
        assert rule["dashboardUid"] == "memeval-eval"
        assert titles[rule["panelId"]] == "Is growth within its limit?"


def test_templates_hold_no_dollar_and_parse(tmp_path: Path) -> None:
    """A dollar would be the environment's to some versions of Grafana; the rest is the language that Prometheus has."""
    made = []
    for rule in grafana_rules():
        annotations = rule["annotations"]
        assert all("$" not in text for text in annotations.values())
        shared = {key: text.replace(".Values.query.Value", ".Value") for key, text in annotations.items()}
        made.append({"alert": rule["title"], "expr": rule["data"][0]["model"]["expr"], "annotations": shared})
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "grafana", "rules": made}]}), encoding="utf-8")
    done = promtool("check", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboards_are_loaded_from_a_folder_and_not_changed_in_place() -> None:
    """One folder of Grafana's, which the alert rules are in as well."""
    (provider,) = provisioned("dashboards")["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["options"]["path"].startswith("/")
    assert {group["folder"] for group in provisioned("alerting")["groups"]} == {provider["folder"]}
