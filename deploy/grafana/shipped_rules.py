"""Read the rules shipped for Prometheus: the only source of the alerts' names, expressions and texts, and of thresholds."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

RULES = Path(__file__).parent.parent / "prometheus" / "rules"
ALERTS, RECORDING = RULES / "memeval-alerts.yaml", RULES / "memeval-recording.yaml"

Rule = dict[str, object]
Group = tuple[str, list[Rule]]


def alert_groups() -> list[Group]:
    """Return the name and the rules of each group of alerts, in the order of the file."""
    return _groups(ALERTS)


def threshold(name: str) -> int:
    """Return a whole number of the group ``memeval-thresholds``. Raises ``ValueError`` if there is no such number."""
    records = {rule["record"]: str(rule["expr"]) for group, rules in _groups(RECORDING) for rule in rules}
    number = re.fullmatch(r"vector\((\d+)\)", records.get(f"memeval:threshold:{name}", ""))
    if number is None:
        raise ValueError(f"{RECORDING}: no whole number memeval:threshold:{name}; write it as vector(N)")
    return int(number[1])


def runbook_url() -> str:
    """Return the address of the runbook, without a heading."""
    pages = {
        str(texts(rule, "annotations")["runbook_url"]).partition("#")[0] for _, rules in alert_groups() for rule in rules
    }
    assert len(pages) == 1, pages
    return pages.pop()


def texts(rule: Rule, name: str) -> dict[str, str]:
    """Return the annotations or the labels of a rule."""
    found = rule.get(name, {})
    assert isinstance(found, dict)
    return {str(key): str(value) for key, value in found.items()}


def _groups(file: Path) -> list[Group]:
    read = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [(group["name"], group["rules"]) for group in read["groups"]]
