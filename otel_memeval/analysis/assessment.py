"""Assess the evidence of a run: the one entry point of the analysis."""

from __future__ import annotations

import msgspec

from otel_memeval.analysis.evidence import Evidence
from otel_memeval.analysis.judge import Judgement, judge
from otel_memeval.analysis.untraced import hidden_native_bytes


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence with everything that is derived from it alone."""

    evidence: Evidence
    judgement: Judgement
    hidden_native_bytes: float
    """Growth of the C heap, in bytes per iteration, below which noise hides it; 0 where the heap is quiet."""


def assess(evidence: Evidence) -> Assessment:
    """Return the judgement on the evidence together with the evidence; call this once for each change of the evidence."""
    return Assessment(evidence=evidence, judgement=judge(evidence), hidden_native_bytes=hidden_native_bytes(evidence))
