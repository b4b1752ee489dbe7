"""Prometheus' files: what ``promtool`` says of them, and how alerts are written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel_memeval.telemetry import METRICS
from tests.deploy.shipped import PROMETHEUS, RULES, RUNBOOK, UNIT_TESTS, Rule, metrics_in, rules
from tests.servers.prometheus import promtool

ALERTS = rules("alert")
RECORDS = rules("record")
THRESHOLDS = [rule for rule in RECORDS if rule.group == "memeval-thresholds"]


def of(rule: Rule) -> str:
    """Its name, for pytest."""
    return rule.name


def test_the_configuration_is_valid() -> None:
    """With the rules that it names."""
    done = promtool("check", "config", str(PROMETHEUS / "prometheus.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rule files found" in done.stdout


def test_the_rules_are_valid() -> None:
    """Promtool and its linter have nothing to say."""
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", *map(str, RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == len(RULES) == 2


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_not_else(path: Path) -> None:
    """The unit tests that are shipped with the rules."""
    done = promtool("test", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def unit_tests() -> list[dict[str, Any]]:
    """Every single check of an alert in those."""
    tests = [test for path in UNIT_TESTS for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]]
    return [one for test in tests for one in test.get("alert_rule_test", [])]


@pytest.mark.parametrize("rule", ALERTS, ids=of)
def test_an_alert_has_a_unit_test_of_either_kind(rule: Rule) -> None:
    """One where it fires, with all labels and annotations, and one where it does not."""
    expected = [one["exp_alerts"] for one in unit_tests() if one["alertname"] == rule.name]
    assert [] in expected
    fired = [one for alerts in expected for one in alerts]
    assert fired
    assert all(one["exp_annotations"].keys() == rule.whole["annotations"].keys() for one in fired)


def test_pushed_and_scraped_gauges_are_both_in_the_unit_tests() -> None:
    """Gauges without an instance, as the Pushgateway has them, and with one."""
    for path in UNIT_TESTS:
        series = [
            one["series"]
            for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
            for one in test["input_series"]
            if one["series"].startswith("memeval_")
        ]
        assert {"instance=" in one for one in series} == {True, False}, path


@pytest.mark.parametrize("rule", ALERTS, ids=of)
def test_an_alert_is_written_as_alerts_are(rule: Rule) -> None:
    """CamelCase with the prefix, a severity, a summary that is one sentence, a description with values."""
    assert re.fullmatch(r"Memeval([A-Z][a-z]+)+", rule.name)
    assert rule.whole["labels"].keys() == {"severity"}
    assert rule.whole["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule.whole["annotations"].keys() == {"summary", "description", "runbook_url"}
    summary, description = rule.whole["annotations"]["summary"], rule.whole["annotations"]["description"]
    assert re.fullmatch(r"[^\n]+[^.]\.", summary)
    assert "{{ $labels." in description
    assert description.endswith((".", ".\n"))


@pytest.mark.parametrize("rule", ALERTS, ids=of)
def test_an_alert_leads_to_its_heading_in_the_runbook(rule: Rule) -> None:
    """Every address is the same page, and the heading is there; it says what it means, how to look and what to do."""
    page, _, anchor = rule.whole["annotations"]["runbook_url"].partition("#")
    assert page == "https://example.org/otel_memeval/deploy/runbook.md"
    text = RUNBOOK.read_text(encoding="utf-8")
    sections = {section.partition("\n")[0].lower(): section for section in re.split(r"^## ", text, flags=re.MULTILINE)}
    assert anchor == rule.name.lower()
    for part in ("**Meaning.**", "**Diagnosis.**", "**Mitigation.**"):
        assert part in sections[anchor]


def test_the_runbook_has_no_heading_of_an_alert_that_is_gone() -> None:
    """Each heading that is called like an alert is one."""
    headings = re.findall(r"^## (Memeval\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [rule.name for rule in ALERTS]


def test_no_two_rules_have_one_name() -> None:
    """Grafana wants titles of alerts to differ; a recorded series of two rules would be two truths."""
    names = [rule.name for rule in ALERTS] + [(rule.name + str(rule.whole.get("labels", ""))) for rule in RECORDS]
    assert len(names) == len(set(names))


def test_every_metric_that_a_rule_reads_exists() -> None:
    """It is recorded by a rule, or in the table of metrics, or Prometheus' own ``up``."""
    known = {metric.name for metric in METRICS} | {rule.name for rule in RECORDS} | {"up"}
    read = {name for rule in (*ALERTS, *RECORDS) for name in metrics_in(rule.expr)}
    assert len(read) > 25
    assert read - known == set()


def test_every_recorded_series_is_of_use() -> None:
    """Some other rule reads it."""
    for rule in RECORDS:
        assert any(rule.name in metrics_in(other.expr) for other in (*ALERTS, *RECORDS) if other.name != rule.name), (
            rule.name
        )


@pytest.mark.parametrize("rule", [*ALERTS, *(one for one in RECORDS if one not in THRESHOLDS)], ids=of)
def test_thresholds_stand_in_one_place(rule: Rule) -> None:
    """No other rule has a number but 0, 1 and the factors of Tukey's fence; quantiles and windows aside."""
    assert THRESHOLDS
    expr = re.sub(r"quantile_over_time\([\d.]+|offset \w+", "", rule.expr)
    numbers = re.findall(r"(?<![\w:.$\[])\d+(?:\.\d+)?(?![\w.\]:])", expr)
    allowed = {"0", "1"} | ({"3", "4"} if rule.name.endswith("fence_1w") else set())
    assert set(numbers) <= allowed


def test_one_window_bridges_what_is_not_there() -> None:
    """Every rule that looks back for gauges that ended looks back as far: to change it is to change one number."""
    windows = {window for rule in RECORDS for window in re.findall(r"last_over_time\([^\[]+\[(\w+)\]", rule.expr)}
    assert windows == {"26h", "1h"}
    assert {rule.name for rule in RECORDS if "[1h]" in rule.expr} == {"eval:memeval_regression:bool"}
