"""Alertmanager's configuration: it is valid, and alerts go where they should."""

from __future__ import annotations

import pytest

from tests.deploy.shipped import ALERTMANAGER, Rule, rules
from tests.servers.alertmanager import amtool


def test_the_configuration_is_valid() -> None:
    """Amtool has nothing to say."""
    done = amtool("check-config", str(ALERTMANAGER))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: rule.name)
def test_an_alert_reaches_people_unless_it_is_for_information(rule: Rule) -> None:
    """By its severity, whichever alert it is."""
    name, severity = rule.name, rule.whole["labels"]["severity"]
    done = amtool(
        "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"alertname={name}", f"severity={severity}", "eval=team"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == (["nobody"] if severity == "info" else ["people"])
