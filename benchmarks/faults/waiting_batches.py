"""Make a spool with batches that wait, and check that each of them is delivered once, or kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otel_memeval.exporters.otlp.delivery.spool import RunSpool
from otel_memeval.exporters.otlp.settings import ReceiverAddress

from .fault import CommandResult, Trial, expect
from .raw_receiver import OK, RawReceiver

REPLAY_SECONDS = 20.0
"""Longest time of a replay with ``--timeout 1`` and one second for a request."""


def line_of(span_id: str, name: str = "x") -> bytes:
    """Return a batch with one span."""
    span = {"traceId": "1" * 32, "spanId": span_id, "name": name, "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode() + b"\n"


class WaitingBatches:
    """The spool of a trial: ``number`` batches of one span, of a run that sent them to ``endpoint``."""

    def __init__(self, trial: Trial, number: int = 3, endpoint: str = "", run: str = "abcdef12") -> None:
        self._trial = trial
        self.root = trial.folder / "spool"
        self.ids = [f"{trial.random.getrandbits(64) | 1:016x}" for _ in range(number)]
        addresses: dict[str, ReceiverAddress] = {}
        if endpoint:
            addresses["traces"] = ReceiverAddress(protocol="http/protobuf", endpoint=f"{endpoint}/v1/traces")
        made = RunSpool(self.root, 1 << 30, run, addresses)
        for span_id in self.ids:
            made.put("traces", line_of(span_id))
        made.close()
        self.folder = made.folder

    def replay(self, *arguments: str, environment: Mapping[str, str] = {}, **options: object) -> CommandResult:
        """Return the result of a replay that waits one second for the receiver and for an answer."""
        variables = replay_variables(self._trial, environment)
        options = {"seconds": REPLAY_SECONDS, **options}
        return self._trial.run("replay", "--timeout", "1", *arguments, environment=variables, **options)  # type: ignore[arg-type]

    def waiting(self) -> Counter[str]:
        """Return the ids of the spans that wait."""
        return self._ids("*/*.traces.jsonl")

    def set_aside(self) -> Counter[str]:
        """Return the ids of the spans that are kept and not sent again."""
        return self._ids("*/*.rejected.jsonl")

    def _ids(self, pattern: str) -> Counter[str]:
        return Counter(
            span["spanId"]
            for path in self.root.glob(pattern)
            for line in _lines(path)
            for span in line["resourceSpans"][0]["scopeSpans"][0]["spans"]
        )

    def expect_rest_is_delivered_once(self, confirmed: Counter[str]) -> None:
        """Replay to a receiver that works; with the spans that were ``confirmed``, each is then delivered once."""
        kept = self.set_aside()
        with RawReceiver(OK) as well:
            self.replay("--endpoint", well.url, statuses=(0,))
            taken = well.times_taken()
        expect(not self.waiting(), "batches still wait after a replay with status 0")
        total = confirmed + taken + kept
        expect(set(total) == set(self.ids), "not all spans are delivered or kept")
        expect(set(total.values()) == {1}, "a span was delivered more than once")


def replay_variables(trial: Trial, more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a replay in a trial."""
    home = {"HOME": str(trial.folder), "XDG_STATE_HOME": "", "MEMEVAL_SPOOL": str(trial.folder / "spool")}
    return {**home, "OTEL_EXPORTER_OTLP_TIMEOUT": "1000", "NO_PROXY": "", "no_proxy": "", **more}


def _lines(path: Path) -> list[dict[str, Any]]:
    """Return the messages of a file; none if it is no batch."""
    try:
        found = [json.loads(line) for line in path.read_bytes().splitlines()] if path.is_file() else []
    except (ValueError, RecursionError):
        return []
    return [line for line in found if isinstance(line, dict) and "resourceSpans" in line]
