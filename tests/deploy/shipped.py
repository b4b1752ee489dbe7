"""Provide the files in ``deploy/`` to tests: as shipped, or changed only in their waiting times and addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yaml"))
UNIT_TESTS = sorted((PROMETHEUS / "tests").glob("*.yaml"))
ALERTMANAGER = DEPLOY / "alertmanager" / "alertmanager.yaml"
RUNBOOK = DEPLOY / "runbook.md"

_WAITING = re.compile(r"^(\s*(?:for|interval): )\S+$", re.MULTILINE)
_ALERTMANAGER_WAITING = re.compile(r"^(\s*group_(?:wait|interval): )\S+$", re.MULTILINE)
_METRIC = re.compile(r"(?<![\w:{,\"$])(?:[a-z]+:)?memeval[a-z0-9_:]*|(?<![\w:])up(?=\{)")


class Rule(NamedTuple):
    """A rule: the name of the alert or recorded series, its group, its query, and all its fields in the file."""

    name: str
    group: str
    expr: str
    fields: dict[str, Any]


def rules(kind: str) -> list[Rule]:
    """Return all rules of a kind, ``alert`` or ``record``, in the order of evaluation."""
    return [
        Rule(rule[kind], group["name"], rule["expr"], rule)
        for path in reversed(RULES)
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if kind in rule
    ]


def metrics_in(expr: str) -> set[str]:
    """Return the names of the series that a query reads."""
    return set(
        _METRIC.findall(re.sub(r"\"[^\"]*\"|\b(?:by|on|ignoring|without|group_left|group_right) *\([a-z_, ]*\)", "", expr))
    )


def with_short_waits(folder: Path, interval: str = "500ms") -> list[str]:
    """Copy the rules into ``folder`` with every ``for`` and ``interval`` replaced; return the paths of the copies."""
    folder.mkdir(parents=True, exist_ok=True)
    copies = []
    for path in RULES:
        copy = folder / path.name
        copy.write_text(_WAITING.sub(rf"\g<1>{interval}", path.read_text(encoding="utf-8")), encoding="utf-8")
        copies.append(str(copy))
    return copies


def for_prometheus_2() -> dict[str, Any]:
    """Return the shipped configuration of Prometheus without the part that version 2 does not know."""
    content = _shipped_prometheus()
    del content["otlp"]
    return content


def _shipped_prometheus() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text(encoding="utf-8"))
    return content


def config(rule_files: Sequence[str], services: Mapping[str, str], version: Literal[2, 3] = 2) -> str:
    """Return the shipped configuration of Prometheus with other addresses, scraping twice a second.

    ``version`` is the major version of Prometheus. ``services`` has a URL, or host and port, by the name of the job; other
    jobs are not scraped. Alerts are sent to the address of ``alertmanager``.
    """
    content = for_prometheus_2() if version == 2 else _shipped_prometheus()
    addresses = {name: address.rpartition("//")[2] for name, address in services.items()}
    content["global"] |= {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    content["rule_files"] = list(rule_files)
    content["scrape_configs"] = [job for job in content["scrape_configs"] if job["job_name"] in addresses]
    for job in content["scrape_configs"]:
        job["static_configs"] = [{"targets": [addresses[job["job_name"]]]}]
    if "alertmanager" in addresses:
        content["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [addresses["alertmanager"]]}]
    else:
        del content["alerting"]
    return json.dumps(content)


def routing_to(webhook_url: str) -> str:
    """Return Alertmanager's shipped configuration with a webhook for ``people`` and waiting times of half a second."""
    content = yaml.safe_load(_ALERTMANAGER_WAITING.sub(r"\g<1>500ms", ALERTMANAGER.read_text(encoding="utf-8")))
    [people] = [receiver for receiver in content["receivers"] if receiver["name"] == "people"]
    people["webhook_configs"] = [{"url": webhook_url}]
    return json.dumps(content)
