"""Promtool accepts Prometheus' files, the shipped unit tests pass, and alerts have a consistent form."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel_memeval.telemetry import METRICS
from otel_memeval.verdicts import STATES
from tests.deploy.shipped import PROMETHEUS, RULES, RUNBOOK, UNIT_TESTS, Rule, for_prometheus_2, metrics_in, rules
from tests.servers.prometheus import promtool

ALERTS = rules("alert")
RECORDS = rules("record")
THRESHOLDS = [rule for rule in RECORDS if rule.group == "memeval-thresholds"]


def rule_name(rule: Rule) -> str:
    """Return the name of a rule as the id of a test."""
    return rule.name


def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    """Promtool finds no error in the configuration and in the rules that it names."""
    (tmp_path / "rules").symlink_to(PROMETHEUS / "rules")
    path = tmp_path / "prometheus.yaml"
    path.write_text(json.dumps(for_prometheus_2()), encoding="utf-8")
    done = promtool("check", "config", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rule files found" in done.stdout


def test_promtool_and_its_linter_accept_the_rules() -> None:
    """Promtool and its linter report nothing about the rules."""
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", *map(str, RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == len(RULES) == 2


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_shipped_unit_tests_of_the_rules_pass(path: Path) -> None:
    """The unit tests shipped with the rules pass: alerts fire in the described cases only."""
    done = promtool("test", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def unit_tests() -> list[dict[str, Any]]:
    """Return every check of an alert in the unit tests."""
    tests = [test for path in UNIT_TESTS for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]]
    return [check for test in tests for check in test.get("alert_rule_test", [])]


@pytest.mark.parametrize("rule", ALERTS, ids=rule_name)
def test_alert_has_a_unit_test_of_either_kind(rule: Rule) -> None:
    """Each alert has a unit test in which it fires, with all labels and annotations, and one in which it does not."""
    expected = [check["exp_alerts"] for check in unit_tests() if check["alertname"] == rule.name]
    assert [] in expected
    fired = [alert for alerts in expected for alert in alerts]
    assert fired
    assert all(alert["exp_annotations"].keys() == rule.fields["annotations"].keys() for alert in fired)


def test_unit_tests_have_pushed_and_scraped_gauges() -> None:
    """Each file of unit tests has gauges without an instance, as in the Pushgateway, and gauges with one."""
    for path in UNIT_TESTS:
        series = [
            series["series"]
            for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
            for series in test["input_series"]
            if series["series"].startswith("memeval_")
        ]
        assert {"instance=" in series for series in series} == {True, False}, path


@pytest.mark.parametrize("rule", ALERTS, ids=rule_name)
def test_alert_has_name_severity_summary_and_description(rule: Rule) -> None:
    """An alert has a CamelCase name with the prefix, a severity, a summary of one sentence and a description with values."""
    assert re.fullmatch(r"Memeval([A-Z][a-z]+)+", rule.name)
    assert rule.fields["labels"].keys() == {"severity"}
    assert rule.fields["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule.fields["annotations"].keys() == {"summary", "description", "runbook_url"}
    summary, description = rule.fields["annotations"]["summary"], rule.fields["annotations"]["description"]
    assert re.fullmatch(r"[^\n]+[^.]\.", summary)
    assert "{{ $labels." in description
    assert description.endswith((".", ".\n"))


@pytest.mark.parametrize("rule", ALERTS, ids=rule_name)
def test_alert_links_to_its_section_in_the_runbook(rule: Rule) -> None:
    """All alerts link to the same page; the section exists, with meaning, diagnosis and mitigation."""
    page, _, anchor = rule.fields["annotations"]["runbook_url"].partition("#")
    assert page == "https://example.org/otel_memeval/deploy/runbook.md"
    text = RUNBOOK.read_text(encoding="utf-8")
    sections = {section.partition("\n")[0].lower(): section for section in re.split(r"^## ", text, flags=re.MULTILINE)}
    assert anchor == rule.name.lower()
    for part in ("**Meaning.**", "**Diagnosis.**", "**Mitigation.**"):
        assert part in sections[anchor]


def test_runbook_has_sections_for_existing_alerts_only() -> None:
    """Each section with the name of an alert belongs to an existing alert."""
    headings = re.findall(r"^## (Memeval\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [rule.name for rule in ALERTS]


def test_rules_have_unique_names() -> None:
    """Titles of alerts differ, as Grafana requires, and each series is recorded by one rule only."""
    names = [rule.name for rule in ALERTS] + [(rule.name + str(rule.fields.get("labels", ""))) for rule in RECORDS]
    assert len(names) == len(set(names))


def test_rules_read_existing_series() -> None:
    """Each series that a rule reads is recorded by a rule, is in the table of metrics, or is Prometheus' own ``up``."""
    known = {metric.name for metric in METRICS} | {rule.name for rule in RECORDS} | {"up"}
    read = {name for rule in (*ALERTS, *RECORDS) for name in metrics_in(rule.expr)}
    assert len(read) > 25
    assert read - known == set()


def test_rules_name_existing_states() -> None:
    """Each state of a verdict that a rule selects is one of the package's."""
    selected = [text for rule in (*ALERTS, *RECORDS) for text in re.findall(r'state=~?"([^"]+)"', rule.expr)]
    assert len(selected) > 5
    assert {state for text in selected for state in text.split("|")} <= set(STATES)


def test_every_recorded_series_is_read_by_another_rule() -> None:
    """No rule records a series that no other rule reads."""
    for rule in RECORDS:
        assert any(rule.name in metrics_in(other.expr) for other in (*ALERTS, *RECORDS) if other.name != rule.name), (
            rule.name
        )


@pytest.mark.parametrize("rule", [*ALERTS, *(record for record in RECORDS if record not in THRESHOLDS)], ids=rule_name)
def test_thresholds_are_in_one_group_only(rule: Rule) -> None:
    """Other rules contain no numbers except 0, 1, the factors of Tukey's fence, quantiles and windows."""
    assert THRESHOLDS
    expr = re.sub(r"quantile_over_time\([\d.]+|offset \w+", "", rule.expr)
    numbers = re.findall(r"(?<![\w:.$\[])\d+(?:\.\d+)?(?![\w.\]:])", expr)
    allowed = {"0", "1"} | ({"3", "4"} if rule.name.endswith("fence_1w") else set())
    assert set(numbers) <= allowed


def test_all_rules_use_the_same_window_for_past_gauges() -> None:
    """Every rule that reads ended gauges has the same window, except for the comparison with the past week."""
    windows = {window for rule in RECORDS for window in re.findall(r"last_over_time\([^\[]+\[(\w+)\]", rule.expr)}
    assert windows == {"26h", "1h"}
    assert {rule.name for rule in RECORDS if "[1h]" in rule.expr} == {"eval:memeval_regression:bool"}
