"""The files in ``deploy/``, as tests use them: as shipped, or with their waiting times shortened and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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
    """One rule: the alert's or the record's name, its group, its query, and all of it as it stands in the file."""

    name: str
    group: str
    expr: str
    whole: dict[str, Any]


def rules(kind: str) -> list[Rule]:
    """All of a kind, ``alert`` or ``record``, in the order of evaluation."""
    return [
        Rule(rule[kind], group["name"], rule["expr"], rule)
        for path in reversed(RULES)
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if kind in rule
    ]


def metrics_in(expr: str) -> set[str]:
    """Names of the series that a query reads."""
    return set(_METRIC.findall(re.sub(r"\"[^\"]*\"|\([a-z_, ]*\)", "", expr)))


def hurried(folder: Path, interval: str = "500ms") -> list[str]:
    """The rules, copied into ``folder``: where they wait, or are evaluated now and then, it is ``interval`` instead."""
    folder.mkdir(parents=True, exist_ok=True)
    copies = []
    for path in RULES:
        copy = folder / path.name
        copy.write_text(_WAITING.sub(rf"\g<1>{interval}", path.read_text(encoding="utf-8")), encoding="utf-8")
        copies.append(str(copy))
    return copies


def config(rule_files: Sequence[str], services: Mapping[str, str]) -> str:
    """The shipped configuration of Prometheus, scraping twice a second, with the jobs of ``services`` where those are.

    ``services``: a URL, or host and port, by the job's name. One that is not named is not scraped; ``alertmanager`` is also
    where alerts go.
    """
    made = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text(encoding="utf-8"))
    places = {name: one.rpartition("//")[2] for name, one in services.items()}
    made["global"] |= {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    made["rule_files"] = list(rule_files)
    made["scrape_configs"] = [one for one in made["scrape_configs"] if one["job_name"] in places]
    for one in made["scrape_configs"]:
        one["static_configs"] = [{"targets": [places[one["job_name"]]]}]
    if "alertmanager" in places:
        made["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [places["alertmanager"]]}]
    else:
        del made["alerting"]
    return json.dumps(made)


def routed(webhook_url: str) -> str:
    """The shipped configuration of Alertmanager, with an address for ``people`` and waiting times of half a second."""
    made = yaml.safe_load(_ALERTMANAGER_WAITING.sub(r"\g<1>500ms", ALERTMANAGER.read_text(encoding="utf-8")))
    [people] = [one for one in made["receivers"] if one["name"] == "people"]
    people["webhook_configs"] = [{"url": webhook_url}]
    return json.dumps(made)
