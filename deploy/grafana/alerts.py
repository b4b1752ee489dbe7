"""Translate Prometheus' alerting rules to rules that Grafana evaluates, for users without Alertmanager.

The translation is that of Grafana's own import: a rule fires for each series that its query returns, whatever the value,
and resolves as soon as the series is gone. Recording rules stay in Prometheus. Pure, except for reading the rules.
"""

from __future__ import annotations

import json
import re

import yaml
from grafana_foundation_sdk.builders import alerting, expr, prometheus
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.alerting import RelativeTimeRange

from deploy.grafana.dashboards import FOLDER, PROMETHEUS_UID
from deploy.grafana.overview_panels import EVAL_UID
from deploy.grafana.shipped_rules import Rule, alert_groups, texts

HEADER = """\
# Generated from ../../../prometheus/rules/memeval-alerts.yaml by `python -m deploy.grafana.build`; do not edit.
#
# For users without Alertmanager. Use either these rules or the alerts in Prometheus; with both, every alert is sent twice.
# As shipped, all rules here are paused. To use them, run `sed -i 's/isPaused: true/isPaused: false/'` on this file, and
# remove memeval-alerts.yaml from Prometheus' `rule_files`. Keep memeval-recording.yaml there: these rules read its series.
"""


def alert_rules(panel_id: int) -> str:
    """Return the text of the provisioning file; alerts link to the panel with this id on the dashboard of the eval."""
    groups = [
        {
            "orgId": 1,
            "name": name,
            "folder": FOLDER,
            "interval": "1m",
            "rules": [_provisioned(_rule(name, rule), panel_id) for rule in rules],
        }
        for name, rules in alert_groups()
    ]
    file = {"apiVersion": 1, "groups": groups}
    return HEADER + yaml.dump(file, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Write a text of several lines as a block, and lists in the form that yamllint requires."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def _as_block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _as_block)


def _rule(group: str, rule: Rule) -> alerting.Rule:
    name = str(rule["alert"])
    translated = (
        alerting.Rule(name)
        .uid(_kebab(name))
        .rule_group(group)
        .folder_uid("memeval")
        .org_id(1)
        .condition("threshold")
        .for_val(str(rule.get("for", "0s")))
        .no_data_state("OK")
        .exec_err_state("Error")
        .missing_series_evals_to_resolve(1)
        .is_paused(True)
        .labels(texts(rule, "labels"))
        .annotations({key: _in_grafana(text) for key, text in texts(rule, "annotations").items()})
    )
    if "keep_firing_for" in rule:
        translated = translated.keep_firing_for(str(rule["keep_firing_for"]))
    for query in _queries(str(rule["expr"])):
        translated = translated.with_query(query)
    return translated


def _queries(expression: str) -> list[alerting.Query]:
    source = common.DataSourceRef(type_val="prometheus", uid=PROMETHEUS_UID)
    server = common.DataSourceRef(type_val="__expr__", uid="__expr__")
    query = prometheus.Dataquery().ref_id("query").datasource(source).expr(expression.strip()).instant()
    any_value = expr.TypeMath().ref_id("any_value").datasource(server)
    any_value = any_value.expression("is_number($query) || is_nan($query) || is_inf($query)")
    above = expr.ExprTypeThresholdConditions().evaluator(expr.ExprTypeThresholdConditionsEvaluator().type("gt").params([0]))
    threshold = expr.TypeThreshold().ref_id("threshold").datasource(server).expression("any_value").conditions([above])
    window = RelativeTimeRange(from_val=600, to=0)
    return [
        alerting.Query("query").datasource_uid(PROMETHEUS_UID).relative_time_range(window).model(query),
        alerting.Query("any_value").datasource_uid("__expr__").relative_time_range(window).model(any_value),
        alerting.Query("threshold").datasource_uid("__expr__").relative_time_range(window).model(threshold),
    ]


def _provisioned(rule: alerting.Rule, panel_id: int) -> dict[str, object]:
    """Return a rule in the form of a provisioning file, which differs from the API's in a few names."""
    encoded: dict[str, object] = json.loads(JSONEncoder().encode(rule.build()))
    for name in ("folderUID", "orgID", "ruleGroup"):
        del encoded[name]  # given by the group
    if "keep_firing_for" in encoded:
        encoded["keepFiringFor"] = encoded.pop("keep_firing_for")
    encoded["missing_series_evals_to_resolve"] = encoded.pop("missingSeriesEvalsToResolve")
    first = ("uid", "title", "isPaused", "labels", "annotations", "for")
    ordered = {name: encoded[name] for name in first} | {
        name: encoded[name] for name in sorted(encoded) if name not in first
    }
    return {**ordered, "dashboardUid": EVAL_UID, "panelId": panel_id}


def _in_grafana(template: str) -> str:
    """Translate a template: in Grafana ``$value`` is a sentence of all values, and some versions expand every dollar."""
    text = re.sub(r"\$value\b", ".Values.query.Value", re.sub(r"\$labels\b", ".Labels", template))
    assert "$" not in text, f"this template has no equivalent in Grafana: {template}"
    return text


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
