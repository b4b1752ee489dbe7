"""What is shipped for Grafana, as tests read it."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import yaml

from tests.deploy.shipped import DEPLOY

GRAFANA = DEPLOY / "grafana"
DASHBOARDS = ("overview", "eval")


class Asked(NamedTuple):
    """One query to Prometheus: where it stands, its text, whether it is of now."""

    where: str
    expr: str
    instant: bool


def dashboard(name: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((GRAFANA / "dashboards" / f"memeval-{name}.json").read_text(encoding="utf-8"))
    return made


def panels(name: str) -> list[dict[str, Any]]:
    """All panels, those in rows too, without the rows."""
    return [one for top in dashboard(name)["panels"] for one in ([top] if top["type"] != "row" else top["panels"])]


def queries(name: str) -> list[Asked]:
    """Those of panels and annotations."""
    of_panels = [
        Asked(f"{panel['title']} [{target['refId']}]", target["expr"], target["instant"])
        for panel in panels(name)
        for target in panel["targets"]
        if "expr" in target
    ]
    return of_panels + [Asked(one["name"], one["target"]["expr"], False) for one in dashboard(name)["annotations"]["list"]]


def filled_in(expr: str, name: str, range_seconds: int) -> str:
    """As Grafana fills it in: all jobs, and one eval (or all of them, by ``.*``)."""
    chosen = ".*" if name == ".*" else re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", name)
    text = expr.replace("${job:regex}", ".*").replace("${eval:regex}", chosen).replace("$__range", f"{range_seconds}s")
    assert "$" not in text.replace('"$1"', ""), text
    return text


def provisioned(kind: str) -> dict[str, Any]:
    """The only provisioning file of a kind."""
    (path,) = (GRAFANA / "provisioning" / kind).glob("*.yaml")
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read
