"""Derive the ids of spans from the id of the run, so that worker and exporters need not exchange them. Pure.

The id of a run has 32 hexadecimal digits, as the id of a trace has; without a parent from outside the two are the same.
"""

from __future__ import annotations

import re
from hashlib import sha256

import msgspec

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
"""https://www.w3.org/TR/trace-context/#traceparent-header: a later version may add to its end."""


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """The span outside that is the parent of a run; ids are hexadecimal."""

    trace_id: str
    span_id: str
    sampled: bool


def parse_traceparent(text: str) -> Parent | None:
    """Return the parent that ``TRACEPARENT`` names; None for a value that the W3C's specification ignores."""
    match = _TRACEPARENT.fullmatch(text.strip())
    if match is None or not int(match[1], 16) or not int(match[2], 16) or (text.strip()[:2] == "00" and match[4]):
        return None
    return Parent(trace_id=match[1], span_id=match[2], sampled=bool(int(match[3], 16) & 1))


def trace_id(run_id: str, parent: Parent | None) -> str:
    """Return the id of a run's trace: the parent's trace, else a trace of the run alone."""
    return run_id if parent is None else parent.trace_id


def run_span_id(run_id: str) -> str:
    """Return the id of the span ``memeval.run``."""
    return _span_id(run_id, "run")


def iteration_span_id(run_id: str, phase: str, index: int) -> str:
    """Return the id of the span ``memeval.iteration``; ``phase`` and ``index`` as in the iteration's record."""
    return _span_id(run_id, f"{phase}/{index}")


def _span_id(run_id: str, name: str) -> str:
    digest = sha256(f"{run_id}/{name}".encode()).hexdigest()
    return next(part for part in (digest[:16], digest[16:32]) if int(part, 16))  # an id of zeros is invalid
