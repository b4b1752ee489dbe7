"""The ids of a run's spans: worked out, not drawn, so that worker, exporters and spool need not ask each other. Pure.

A run's id is 32 hexadecimal digits, which is what a trace's id is; without a parent from outside the two are the same.
"""

from __future__ import annotations

import re
from hashlib import sha256

import msgspec

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
"""https://www.w3.org/TR/trace-context/#traceparent-header: a later version may add to its end."""


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """The span that a run is a child of: ids in hexadecimal."""

    trace_id: str
    span_id: str
    sampled: bool


def parse_traceparent(text: str) -> Parent | None:
    """The parent that ``TRACEPARENT`` names; None for what the W3C's specification says to ignore."""
    match = _TRACEPARENT.fullmatch(text.strip())
    if match is None or not int(match[1], 16) or not int(match[2], 16) or (text.strip()[:2] == "00" and match[4]):
        return None
    return Parent(trace_id=match[1], span_id=match[2], sampled=bool(int(match[3], 16) & 1))


def trace_id(run_id: str, parent: Parent | None) -> str:
    """The trace that a run is in: its parent's, else one of its own."""
    return run_id if parent is None else parent.trace_id


def run_span_id(run_id: str) -> str:
    """The id of the span ``memeval.run``."""
    return _span_id(run_id, "run")


def iteration_span_id(run_id: str, phase: str, index: int) -> str:
    """The id of the span ``memeval.iteration``; ``phase`` and ``index`` as in the iteration's record."""
    return _span_id(run_id, f"{phase}/{index}")


def _span_id(run_id: str, name: str) -> str:
    digest = sha256(f"{run_id}/{name}".encode()).hexdigest()
    return next(part for part in (digest[:16], digest[16:32]) if int(part, 16))  # all zeros is no id
