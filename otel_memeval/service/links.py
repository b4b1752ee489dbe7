"""Links from the pages of the service to other pages. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from urllib.parse import quote

import msgspec

from otel_memeval.exporters.html.markup import Html, escaped, tag
from otel_memeval.verdicts import State

TRACE_VARIABLE = "MEMEVAL_TRACE_URL"
"""Variable of the environment with the address of a trace, ``{trace_id}`` in the place of its identifier."""
RUNBOOK_VARIABLE = "MEMEVAL_RUNBOOK_URL"
"""Variable of the environment with the address of the runbook (``deploy/runbook.md``): a heading for each alert."""

_DIGITS = 12
"""Hexadecimal digits of an eval's key in its address: no two of a million evals have the same."""
_LONGEST_NAME = 40
_ALERTS: Mapping[State, str] = {
    "leaking": "MemevalRetainedGrowth",
    "native-leak": "MemevalNativeLeak",
    "creeping": "MemevalPeakCreep",
    "failed": "MemevalEvalFailing",
    "idle": "MemevalEvalIdle",
    "inconclusive": "MemevalEvalInconclusive",
}
_CHANNEL_ALERTS = {"resources": "MemevalResourceLeak", "child_memory": "MemevalChildMemoryGrowth"}


class Links(msgspec.Struct, frozen=True):
    """Addresses of pages elsewhere; empty: no link, only the name."""

    trace_url: str = ""
    runbook_url: str = ""

    def trace(self, trace_id: str) -> Html:
        """Return the identifier of a trace, as a link where an address is set."""
        return _link(trace_id, self.trace_url.replace("{trace_id}", quote(trace_id, safe="")))

    def runbook(self, state: State, channels: Sequence[str] = (), *, passed: bool) -> Html:
        """Return the heading of the runbook about a verdict; nothing for an eval that has nothing wrong."""
        alert = _CHANNEL_ALERTS.get(channels[0] if channels else "", _ALERTS.get(state, ""))
        if not alert and not passed:
            alert = "MemevalGrowthLimitExceeded"
        return _link(alert, f"{self.runbook_url}#{alert.lower()}" if self.runbook_url else "")


def read_links(environment: Mapping[str, str]) -> Links:
    """Return the addresses that the environment sets; those that are not of the web are left out."""
    urls = [environment.get(variable, "").strip() for variable in (TRACE_VARIABLE, RUNBOOK_VARIABLE)]
    return Links(*(url if re.match("https?://", url) else "" for url in urls))


def _link(text: str, url: str) -> Html:
    return tag("a", text, href=url) if url and text else escaped(text)


def eval_path(key: str, label: str) -> str:
    """Return the path of an eval's page: readable, and found by its end, which is the same under every label."""
    readable = re.sub("[^a-z0-9]+", "-", label.lower()).strip("-")[:_LONGEST_NAME]
    return f"/evals/{readable}-{key_digest(key)}"


def key_digest(key: str) -> str:
    """Return the end of an eval's path."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def run_path(run_id: str) -> str:
    """Return the path of a run's report; ``.json`` behind it is that of its result."""
    return f"/runs/{quote(run_id, safe='', errors='replace')}"
