"""Every rule on a real Prometheus that holds gauges of real runs: clean, leaking, creeping, failing."""

from __future__ import annotations

import pytest

from tests.deploy.conftest import Filled
from tests.deploy.shipped import Rule, metrics_in, rules

FIRING = {
    "MemevalRetainedGrowth": {"leaking"},
    "MemevalPeakCreep": {"creeping"},
    "MemevalGrowthLimitExceeded": {"leaking", "creeping"},
    "MemevalRegression": {"leaking"},
    "MemevalEvalFailing": {"failing"},
    "MemevalRunsSkipped": set(),
}
"""Alerts on evals, by the evals of the fixture that they fire for; the others for none."""


def of(rule: Rule) -> str:
    """Its name, for pytest."""
    return rule.name


@pytest.mark.parametrize("rule", rules("record"), ids=of)
def test_every_recording_rule_has_data(filled: Filled, rule: Rule) -> None:
    """It was evaluated without an error, and its query returns series."""
    assert filled.prometheus.query(rule.name)
    assert filled.prometheus.query(rule.expr)


@pytest.mark.parametrize("rule", rules("alert"), ids=of)
def test_everything_that_an_alert_reads_has_data(filled: Filled, rule: Rule) -> None:
    """Each series that its query names is there, and the query is answered."""
    read = metrics_in(rule.expr)
    assert read
    assert [name for name in read if not filled.prometheus.query(name)] == []
    filled.prometheus.query(rule.expr)


def test_no_rule_has_failed(filled: Filled) -> None:
    """Prometheus reports every group as evaluated, without a duplicate series or a many-to-many match."""
    groups = filled.prometheus.api("rules")["groups"]
    assert len(groups) == 7
    assert {
        rule["name"]: rule.get("lastError") for group in groups for rule in group["rules"] if rule["health"] != "ok"
    } == {}


@pytest.mark.parametrize("rule", [rule for rule in rules("alert") if rule.group == "memeval-evals"], ids=of)
def test_an_alert_fires_for_the_evals_that_it_is_for(filled: Filled, rule: Rule) -> None:
    """And for no other of the four."""
    found = filled.prometheus.query(f'ALERTS{{alertname="{rule.name}", alertstate="firing"}}')
    assert {one.labels["eval"] for one in found} == FIRING.get(rule.name, set())


def test_an_alert_names_line_and_target(filled: Filled) -> None:
    """As the run's result has them."""
    [alert] = [one for one in filled.prometheus.alerts() if one["labels"]["alertname"] == "MemevalRetainedGrowth"]
    site = filled.runs["leaking"].sites[0]
    assert alert["labels"]["site"] == f"{site.file}:{site.line}"
    assert alert["labels"]["holder"] == "scenario.KEPT"
    assert alert["labels"]["target"] == filled.runs["leaking"].run.target
    assert alert["annotations"]["description"].startswith("leaking (memeval) keeps 64.07kiB more with every iteration, ")


def test_services_that_are_not_there_are_told(filled: Filled) -> None:
    """The Collector is; the exporter and the Pushgateway, which are there, are not."""
    found = filled.prometheus.query('ALERTS{alertname=~"Memeval.+Down"}')
    assert [one.labels["alertname"] for one in found] == ["MemevalCollectorDown"]
