"""Read the files shipped for Grafana."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import yaml

from tests.deploy.shipped import DEPLOY

GRAFANA = DEPLOY / "grafana"
DASHBOARDS = ("overview", "eval")


class PanelQuery(NamedTuple):
    """A query to Prometheus: the panel or annotation that has it, its text, and whether it is instant."""

    where: str
    expr: str
    instant: bool


def dashboard(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((GRAFANA / "dashboards" / f"memeval-{name}.json").read_text(encoding="utf-8"))
    return content


def panels(name: str) -> list[dict[str, Any]]:
    """Return all panels, including those within rows, without the rows."""
    return [panel for top in dashboard(name)["panels"] for panel in ([top] if top["type"] != "row" else top["panels"])]


def queries(name: str) -> list[PanelQuery]:
    """Return the queries of panels and annotations."""
    of_panels = [
        PanelQuery(f"{panel['title']} [{target['refId']}]", target["expr"], target["instant"])
        for panel in panels(name)
        for target in panel["targets"]
        if "expr" in target
    ]
    annotations = dashboard(name)["annotations"]["list"]
    return of_panels + [PanelQuery(mark["name"], mark["target"]["expr"], False) for mark in annotations]


def filled_in(expr: str, name: str, range_seconds: int) -> str:
    """Replace Grafana's variables in a query: all jobs, and one eval (or all, with ``.*``)."""
    chosen = ".*" if name == ".*" else re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", name)
    text = expr.replace("${job:regex}", ".*").replace("${eval:regex}", chosen).replace("$__range", f"{range_seconds}s")
    assert "$" not in text.replace('"$1"', ""), text
    return text


def provisioned(kind: str) -> dict[str, Any]:
    """Return the content of the only provisioning file of a kind."""
    (path,) = (GRAFANA / "provisioning" / kind).glob("*.yaml")
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read
