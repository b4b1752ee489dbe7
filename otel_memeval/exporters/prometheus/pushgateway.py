"""Push the gauges of one command to a Pushgateway.

The group of an eval, ``job="memeval", eval=LABEL``, holds the gauges of its last run:

- A run with a verdict replaces the group (PUT), so that series it does not have, such as a line that grew, are deleted.
  POST (``pushadd``) replaces family by family and cannot do that, since an empty family cannot be pushed.
- A failed run replaces only the families that it has (POST); the last good values stay.
- The time of the last success must survive both. It has a group of its own with the additional label
  ``part="last_success"``.

Each push is one request, so that no scrape sees half of a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
from prometheus_client import generate_latest

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.families import Snapshot, snapshot_registry
from otel_memeval.exporters.prometheus.gateway import Gateway
from otel_memeval.exporters.prometheus.gateway_request import JOB, GatewayResult, group_path, request
from otel_memeval.exporters.prometheus.state import EvalState

PATIENCE_SECONDS = 3.0
"""Timeout of one request."""

MOST_SECONDS = 20.0
"""Time for all waiting pushes at the end, of a gateway that answers: with hundreds of groups each push takes longer."""

RETRY_SECONDS = 60.0
"""A gateway that did not answer gets the next request after this time, or at the end."""

MOST_WAITING = 1000
"""Pushes that are kept while the gateway does not answer; older ones are given up."""

_LAST_SUCCESS_GROUP = {"part": "last_success"}


class _Push(NamedTuple):
    method: str
    path: str
    body: bytes


class PushgatewayExporter:
    """Pushes to one gateway; a push that gets no answer waits for the next attempt."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._waiting: list[_Push] = []
        self._away_since: float | None = None
        self._given_up = 0
        self._reason = ""

    def push_run(self, state: EvalState, *, failed: bool) -> None:
        """Push the state of an eval after a run. ``failed``: earlier values of other families stay."""
        last_success = [sample for sample in state.gauges if sample.metric == telemetry.LAST_SUCCESS.name]
        rest = msgspec.structs.replace(state, gauges=[sample for sample in state.gauges if sample not in last_success])
        self._push("POST" if failed else "PUT", {"eval": state.eval}, Snapshot(evals=[rest]))
        if last_success:
            self._push(
                "PUT",
                {"eval": state.eval, **_LAST_SUCCESS_GROUP},
                Snapshot(evals=[EvalState(eval=state.eval, gauges=last_success)]),
            )

    def queue_counters(self, evals: Iterable[str], snapshot: Snapshot) -> None:
        """Queue the counters of exporters in ``snapshot`` for the groups of these evals; ``close`` pushes them."""
        body = generate_latest(snapshot_registry(lambda: msgspec.structs.replace(snapshot, evals=[])))
        self._waiting.extend(_Push("POST", group_path({"eval": name}), body) for name in evals if body)

    @property
    def failures(self) -> int:
        """Return the number of pushes that did not arrive, including those that wait."""
        return self._given_up + len(self._waiting)

    def close(self) -> str:
        """Send the waiting pushes; return a line for the user if some did not arrive."""
        self._send_waiting(MOST_SECONDS)
        return f"{self._gateway.shown}: gauges were not pushed: {self._reason}" if self.failures else ""

    def _push(self, method: str, labels: dict[str, str], snapshot: Snapshot) -> None:
        body = generate_latest(snapshot_registry(lambda: snapshot))
        if not body:
            return
        self._waiting.append(_Push(method, group_path(labels), body))
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[0]
            self._given_up += 1
        if self._away_since is None or time.monotonic() - self._away_since >= RETRY_SECONDS:
            self._send_waiting(2 * PATIENCE_SECONDS)

    def _send_waiting(self, most_seconds: float) -> None:
        """Send waiting pushes in order, until one gets no answer or the time is over."""
        deadline = time.monotonic() + most_seconds
        while self._waiting:
            if time.monotonic() < deadline:
                result = request(self._gateway, *self._waiting[0], PATIENCE_SECONDS)
            else:
                result = GatewayResult("unreachable", "it answers too slowly")
            if result.outcome == "unreachable":
                self._away_since = time.monotonic()
                self._reason = result.reason
                return
            del self._waiting[0]
            self._away_since = None
            if result.outcome == "refused":
                self._given_up += 1
                self._reason = result.reason


class _Group(msgspec.Struct, frozen=True):
    labels: dict[str, str]


class _GroupList(msgspec.Struct, frozen=True):
    """The answer of ``/api/v1/metrics``, as far as it is read."""

    data: list[_Group]


def delete_groups(gateway: Gateway, is_selected: Callable[[str], bool]) -> tuple[list[str], str]:
    """Delete this tool's groups of the selected evals.

    Return the labels of the evals, and the reason if a group could not be deleted (else empty).
    """
    result = request(gateway, "GET", "/api/v1/metrics", b"", PATIENCE_SECONDS)
    if result.outcome != "accepted":
        return [], result.reason
    try:
        groups = msgspec.json.decode(result.body, type=_GroupList).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [], "the server is not a Pushgateway"
    deleted: dict[str, None] = {}
    for group in groups:
        labels = {name: value for name, value in group.labels.items() if name != "job"}
        if group.labels.get("job") == JOB and is_selected(labels.get("eval", "")):
            result = request(gateway, "DELETE", group_path(labels), b"", PATIENCE_SECONDS)
            if result.outcome != "accepted":
                return list(deleted), result.reason
            deleted[labels.get("eval", "")] = None
    return list(deleted), ""
