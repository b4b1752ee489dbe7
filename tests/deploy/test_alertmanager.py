"""Alertmanager's configuration is valid, and sends each alert to the intended receiver."""

from __future__ import annotations

import pytest

from tests.deploy.shipped import ALERTMANAGER, Rule, rules
from tests.servers.alertmanager import amtool


def test_amtool_accepts_the_configuration() -> None:
    """Amtool finds no error in the shipped configuration."""
    done = amtool("check-config", str(ALERTMANAGER))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: rule.name)
def test_alert_reaches_people_unless_its_severity_is_info(rule: Rule) -> None:
    """Each alert is routed by its severity only."""
    name, severity = rule.name, rule.fields["labels"]["severity"]
    done = amtool(
        "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"alertname={name}", f"severity={severity}", "eval=team"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == (["nobody"] if severity == "info" else ["people"])
