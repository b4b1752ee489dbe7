"""Pushes of one command to a Pushgateway.

An eval's group, ``job="memeval", eval=LABEL``, always holds what its last run said, and this is how:

- A run that was judged replaces the whole group (PUT). So whatever it has no series for is gone: a line that grew, a limit.
  Replacing family by family (POST, ``pushadd``) cannot do that, since an empty family cannot be pushed.
- A run that failed replaces the families it has something to say on (POST). The last good values stay.
- When the eval last passed is to outlive both. It stands in a group of its own, ``part="last_success"`` beside those labels,
  and is only ever replaced.

Each of these is one request, so that no scrape sees half of a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
from prometheus_client import generate_latest

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.families import Snapshot, registry
from otel_memeval.exporters.prometheus.gateway import Gateway
from otel_memeval.exporters.prometheus.requesting import JOB, Answer, group_path, request
from otel_memeval.exporters.prometheus.state import EvalState

PATIENCE_SECONDS = 3.0
"""For one request."""

MOST_SECONDS = 20.0
"""At the end, for all that waits, of a gateway that does answer: with hundreds of groups each push takes it longer."""

RETRY_SECONDS = 60.0
"""A gateway that did not answer is asked again so much later, or at the end."""

MOST_WAITING = 1000

_PART = {"part": "last_success"}


class _Push(NamedTuple):
    method: str
    path: str
    body: bytes


class PushgatewayExporter:
    """The way to one gateway. ``problem`` is the line for a person, empty while all is well."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._waiting: list[_Push] = []
        self._away_since: float | None = None
        self._given_up = 0
        self._why = ""

    def told(self, state: EvalState, *, failed: bool) -> None:
        """Push what is known of an eval after a run. ``failed``: the run measured little."""
        lasting = [one for one in state.gauges if one.metric == telemetry.LAST_SUCCESS.name]
        rest = msgspec.structs.replace(state, gauges=[one for one in state.gauges if one not in lasting])
        self._push("POST" if failed else "PUT", {"eval": state.eval}, Snapshot(evals=[rest]))
        if lasting:
            self._push("PUT", {"eval": state.eval, **_PART}, Snapshot(evals=[EvalState(eval=state.eval, gauges=lasting)]))

    def counted(self, evals: Iterable[str], snapshot: Snapshot) -> None:
        """Have ``close`` push what exporters counted (of ``snapshot``, its evals aside) into the groups of these evals."""
        body = generate_latest(registry(lambda: msgspec.structs.replace(snapshot, evals=[])))
        self._waiting.extend(_Push("POST", group_path({"eval": name}), body) for name in evals if body)

    @property
    def failures(self) -> int:
        """Pushes that did not arrive, those that wait included."""
        return self._given_up + len(self._waiting)

    def close(self) -> str:
        """Try once more what waits; a line for a person if something did not arrive."""
        self._send_waiting(MOST_SECONDS)
        return f"{self._gateway.shown}: gauges were not pushed: {self._why}" if self.failures else ""

    def _push(self, method: str, labels: dict[str, str], snapshot: Snapshot) -> None:
        body = generate_latest(registry(lambda: snapshot))
        if not body:
            return
        self._waiting.append(_Push(method, group_path(labels), body))
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[0]
            self._given_up += 1
        if self._away_since is None or time.monotonic() - self._away_since >= RETRY_SECONDS:
            self._send_waiting(2 * PATIENCE_SECONDS)

    def _send_waiting(self, most_seconds: float) -> None:
        """In order, until nobody answers one, or for so long in all."""
        deadline = time.monotonic() + most_seconds
        while self._waiting:
            if time.monotonic() < deadline:
                answer = request(self._gateway, *self._waiting[0], PATIENCE_SECONDS)
            else:
                answer = Answer("absent", "it answers too slowly")
            if answer.kind == "absent":
                self._away_since = time.monotonic()
                self._why = answer.reason
                return
            del self._waiting[0]
            self._away_since = None
            if answer.kind == "refused":
                self._given_up += 1
                self._why = answer.reason


class _Groups(msgspec.Struct, frozen=True):
    """``/api/v1/metrics``: of each group its labels are read."""

    class Group(msgspec.Struct, frozen=True):
        """One group."""

        labels: dict[str, str]

    data: list[Group]


def forget(gateway: Gateway, is_meant: Callable[[str], bool]) -> tuple[list[str], str]:
    """Delete all groups of this tool whose eval is meant: which evals they were, and why that is not all (empty: it is)."""
    answer = request(gateway, "GET", "/api/v1/metrics", b"", PATIENCE_SECONDS)
    if answer.kind != "taken":
        return [], answer.reason
    try:
        groups = msgspec.json.decode(answer.body, type=_Groups).data
    except (msgspec.DecodeError, msgspec.ValidationError):
        return [], "what answered is no Pushgateway"
    deleted: dict[str, None] = {}
    for group in groups:
        labels = {name: value for name, value in group.labels.items() if name != "job"}
        if group.labels.get("job") == JOB and is_meant(labels.get("eval", "")):
            answer = request(gateway, "DELETE", group_path(labels), b"", PATIENCE_SECONDS)
            if answer.kind != "taken":
                return list(deleted), answer.reason
            deleted[labels.get("eval", "")] = None
    return list(deleted), ""
