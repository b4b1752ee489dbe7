"""Evaluate every rule on a real Prometheus with gauges of real runs: clean, leaking, creeping, failing."""

from __future__ import annotations

import pytest

from tests.deploy.conftest import Filled
from tests.deploy.shipped import Rule, metrics_in, rules

FIRING = {
    "MemevalRetainedGrowth": {"leaking"},
    "MemevalResourceLeak": {"leaking"},
    "MemevalChildMemoryGrowth": {"leaking"},
    "MemevalPeakCreep": {"creeping"},
    "MemevalGrowthLimitExceeded": {"leaking", "creeping"},
    "MemevalRegressed": {"leaking"},
    "MemevalRegression": {"leaking"},
    "MemevalEvalFailing": {"failing"},
    "MemevalRunsSkipped": set(),
}
"""The evals of the fixture for which each alert on evals fires; other alerts fire for none."""


def rule_name(rule: Rule) -> str:
    """Return the name of a rule as the id of a test."""
    return rule.name


@pytest.mark.parametrize("rule", rules("record"), ids=rule_name)
def test_every_recording_rule_returns_series(filled: Filled, rule: Rule) -> None:
    """A recording rule was evaluated without an error, and its query returns series."""
    assert filled.prometheus.query(rule.name)
    assert filled.prometheus.query(rule.expr)


@pytest.mark.parametrize("rule", rules("alert"), ids=rule_name)
def test_every_series_of_an_alert_exists(filled: Filled, rule: Rule) -> None:
    """Each series in the query of an alert exists, and the query is valid."""
    read = metrics_in(rule.expr)
    assert read
    assert [name for name in read if not filled.prometheus.query(name)] == []
    filled.prometheus.query(rule.expr)


def test_no_rule_fails(filled: Filled) -> None:
    """Prometheus evaluates every group without a duplicate series or a many-to-many match."""
    groups = filled.prometheus.api("rules")["groups"]
    assert len(groups) == 7
    assert {
        rule["name"]: rule.get("lastError") for group in groups for rule in group["rules"] if rule["health"] != "ok"
    } == {}


@pytest.mark.parametrize("rule", [rule for rule in rules("alert") if rule.group == "memeval-evals"], ids=rule_name)
def test_alert_fires_for_the_intended_evals_only(filled: Filled, rule: Rule) -> None:
    """An alert fires for the evals in the table ``FIRING``, and for no other of the four."""
    found = filled.prometheus.query(f'ALERTS{{alertname="{rule.name}", alertstate="firing"}}')
    assert {alert.labels["eval"] for alert in found} == FIRING.get(rule.name, set())


def test_alert_names_line_holder_and_target(filled: Filled) -> None:
    """The labels of the alert are those of the run's result."""
    [alert] = [firing for firing in filled.prometheus.alerts() if firing["labels"]["alertname"] == "MemevalRetainedGrowth"]
    site = filled.runs["leaking"].sites[0]
    assert alert["labels"]["site"] == f"{site.file}:{site.line}"
    assert alert["labels"]["holder"] == "scenario.KEPT"
    assert alert["labels"]["target"] == filled.runs["leaking"].run.target
    assert alert["annotations"]["description"].startswith("leaking (memeval) keeps 64.07kiB more with every iteration, ")


def test_only_missing_services_are_alerted(filled: Filled) -> None:
    """The Collector is down and alerted; the exporter and the Pushgateway are up and are not."""
    found = filled.prometheus.query('ALERTS{alertname=~"Memeval.+Down"}')
    assert [alert.labels["alertname"] for alert in found] == ["MemevalCollectorDown"]
