"""The alerting rules as they are shipped for Prometheus: the one source of names, expressions and texts."""

from __future__ import annotations

from pathlib import Path

import yaml

ALERTS = Path(__file__).parent.parent / "prometheus" / "rules" / "memeval-alerts.yaml"

Group = tuple[str, list[dict[str, object]]]


def groups() -> list[Group]:
    """The name of each group and its rules, as they stand in the file."""
    read = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [(one["name"], one["rules"]) for one in read["groups"]]


def runbook_url() -> str:
    """Where the runbook is, without a heading."""
    pages = {str(texts(rule, "annotations")["runbook_url"]).partition("#")[0] for _, rules in groups() for rule in rules}
    assert len(pages) == 1, pages
    return pages.pop()


def texts(rule: dict[str, object], name: str) -> dict[str, str]:
    """The annotations or labels of a rule."""
    found = rule.get(name, {})
    assert isinstance(found, dict)
    return {str(key): str(value) for key, value in found.items()}
