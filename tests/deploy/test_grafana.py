"""Grafana's provisioning: data sources linked with each other, the folder of the dashboards, alert rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.families import Snapshot, metric_families
from otel_memeval.exporters.prometheus.state import Durations, EvalState, TraceExemplar
from tests.deploy.grafana_files import GRAFANA, dashboard, provisioned
from tests.deploy.shipped import metrics_in, rules
from tests.servers.prometheus import promtool


def sources() -> dict[str, dict[str, Any]]:
    """Return the provisioned data sources by type."""
    return {source["type"]: source for source in provisioned("datasources")["datasources"]}


def grafana_rules() -> list[dict[str, Any]]:
    """Return all provisioned alert rules in order."""
    return [rule for group in provisioned("alerting")["groups"] for rule in group["rules"]]


def test_data_sources_do_not_affect_existing_ones() -> None:
    """Data sources have names and uids of their own, and none becomes Grafana's default."""
    by_type = sources()
    assert set(by_type) == {"prometheus", "tempo", "alertmanager"}
    for kind, source in by_type.items():
        assert source["uid"] == f"memeval-{kind}"
        assert source["name"].startswith("memeval ")
        assert "isDefault" not in source


def test_exemplar_links_to_its_trace() -> None:
    """The link uses the label of the exemplars, and opens Tempo."""
    exemplar = TraceExemplar("0af7651916cd43dd8448eb211c80319c", 0.5, 1.0)
    state = EvalState(
        eval="a", durations=Durations((1, *Durations().counts[1:]), 0.5, (exemplar, *Durations().exemplars[1:]))
    )
    (histogram,) = families_of(state)
    labels = [sample.exemplar.labels for sample in histogram.samples if sample.exemplar]
    (destination,) = sources()["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert [list(label) for label in labels] == [[destination["name"]]]
    assert destination["datasourceUid"] == sources()["tempo"]["uid"]


def families_of(state: EvalState) -> list[Any]:
    """Return the metric families of one eval."""
    return list(metric_families(Snapshot(evals=[state])))


def test_span_links_to_the_gauges_of_its_eval() -> None:
    """The link maps an attribute of all spans to the label of gauges, and its queries read existing metrics."""
    link = sources()["tempo"]["jsonData"]["tracesToMetrics"]
    assert link["datasourceUid"] == sources()["prometheus"]["uid"]
    assert link["tags"] == [{"key": telemetry.SUITE_NAME, "value": "eval"}]
    assert telemetry.SUITE_NAME in {attribute.name for attribute in telemetry.ATTRIBUTES if attribute.on == "every"}
    for query in link["queries"]:
        assert "{$$__tags}" in query["query"]
        assert metrics_in(query["query"].replace("$$__tags", "")) <= {metric.name for metric in telemetry.METRICS}


def test_alert_rules_are_those_of_prometheus() -> None:
    """Grafana's rules have the same names, queries, waiting times, labels and annotations, in the same groups and order."""
    shipped, provisioned_rules = rules("alert"), grafana_rules()
    assert [rule["title"] for rule in provisioned_rules] == [rule.name for rule in shipped]
    groups = [(group["name"], len(group["rules"])) for group in provisioned("alerting")["groups"]]
    assert [name for name, count in groups for _ in range(count)] == [rule.group for rule in shipped]
    for rule, original in zip(provisioned_rules, shipped, strict=True):
        assert rule["data"][0]["model"]["expr"] == original.expr.strip()
        assert rule["for"] == original.fields.get("for", "0s")
        assert rule["labels"] == original.fields["labels"]
        texts = {key: in_prometheus(text) for key, text in rule["annotations"].items()}
        assert texts == original.fields["annotations"]


def in_prometheus(text: str) -> str:
    """Translate a template of Grafana back to that of Prometheus."""
    return text.replace(".Values.query.Value", "$value").replace(".Labels.", "$labels.")


def test_alert_rules_are_paused_and_can_be_switched_on() -> None:
    """All rules are paused, so that with Alertmanager no alert is sent twice; the file explains how to switch them on."""
    assert all(rule["isPaused"] is True for rule in grafana_rules())
    (path,) = (GRAFANA / "provisioning" / "alerting").glob("*.yaml")
    text = path.read_text(encoding="utf-8")
    assert "isPaused: true/isPaused: false" in text
    activated = re.sub("isPaused: true", "isPaused: false", text.partition("apiVersion")[2])
    assert activated.count("isPaused: false") == len(grafana_rules())


def test_alert_rule_fires_as_in_prometheus() -> None:
    """A rule fires for each series whatever its value, not without series, and resolves when the series ends."""
    for rule in grafana_rules():
        query, any_value, threshold = rule["data"]
        assert [step["refId"] for step in rule["data"]] == ["query", "any_value", "threshold"]
        assert query["datasourceUid"] == query["model"]["datasource"]["uid"] == sources()["prometheus"]["uid"]
        assert query["model"]["instant"] is True
        assert any_value["model"]["expression"] == "is_number($query) || is_nan($query) || is_inf($query)"
        assert threshold["model"]["expression"] == any_value["refId"]
        assert threshold["model"]["conditions"][0]["evaluator"] == {"type": "gt", "params": [0]}
        assert rule["condition"] == "threshold"
        assert (rule["noDataState"], rule["execErrState"], rule["missing_series_evals_to_resolve"]) == ("OK", "Error", 1)


def test_alert_rule_has_a_unique_id_and_links_to_the_panel_of_growth() -> None:
    """Ids have at most 40 characters that Grafana accepts; the panel is that of growth and its limit."""
    uids = [rule["uid"] for rule in grafana_rules()]
    assert len(set(uids)) == len(uids)
    assert all(re.fullmatch(r"[a-z-]{1,40}", uid) for uid in uids)
    titles = {panel["id"]: panel["title"] for panel in dashboard("eval")["panels"]}
    for rule in grafana_rules():
        assert rule["dashboardUid"] == "memeval-eval"
        assert titles[rule["panelId"]] == "Is growth within its limit?"


def test_templates_contain_no_dollar_and_parse(tmp_path: Path) -> None:
    """Templates have no dollar, which some versions of Grafana expand, and otherwise the syntax of Prometheus."""
    translated = []
    for rule in grafana_rules():
        annotations = rule["annotations"]
        assert all("$" not in text for text in annotations.values())
        shared = {key: text.replace(".Values.query.Value", ".Value") for key, text in annotations.items()}
        translated.append({"alert": rule["title"], "expr": rule["data"][0]["model"]["expr"], "annotations": shared})
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "grafana", "rules": translated}]}), encoding="utf-8")
    done = promtool("check", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboards_are_read_only_and_share_a_folder_with_the_rules() -> None:
    """Dashboards are loaded from a path, cannot be changed in Grafana, and are in the same folder as the alert rules."""
    (provider,) = provisioned("dashboards")["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["options"]["path"].startswith("/")
    assert {group["folder"] for group in provisioned("alerting")["groups"]} == {provider["folder"]}
