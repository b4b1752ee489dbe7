"""Assess the evidence of a run: the one entry point of the analysis."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from otel_memeval.analysis.evidence import Evidence
from otel_memeval.analysis.holder_contents import (
    HolderContents,
    growth_from_items,
    holders_in_order,
    mark_bounded_sites,
    move_reused_blocks,
    sites_from_items,
)
from otel_memeval.analysis.judge import Judgement, judge
from otel_memeval.analysis.sites_and_holders import GrowingSite
from otel_memeval.analysis.suppression import SuppressedGrowth, suppress, suppress_resources
from otel_memeval.analysis.untraced import hidden_native_bytes
from otel_memeval.records import Channels


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence with everything that is derived from it alone."""

    evidence: Evidence
    judgement: Judgement
    growth: Channels
    """Growth by channel; where noise hides it, of the items of the growing container."""
    sites: tuple[GrowingSite, ...]
    """Growing sites: those of a leak before those that fill bounded containers beside it. If no site's own series shows the
    leak, the sites of the newest items of its container."""
    holders: tuple[HolderContents, ...]
    """Growing containers in the order of the report."""
    hidden_native_bytes: float
    """Growth of the C heap, in bytes per iteration, below which noise hides it; 0 where the heap is quiet."""
    suppressed: tuple[SuppressedGrowth, ...] = ()
    """Growth that the user ignores; it is in none of the fields above."""


def assess(evidence: Evidence) -> Assessment:
    """Return the judgement on the evidence together with the evidence; call this once for each change of the evidence."""
    assessment = _assess_all(evidence)
    if not (evidence.ignored_sites or evidence.ignored_holders or evidence.ignored_resources):
        return assessment
    remaining, suppressed = suppress(evidence, assessment.sites, assessment.holders)
    remaining, resources = suppress_resources(remaining, assessment.judgement.resources)
    return msgspec.structs.replace(_assess_all(remaining), suppressed=(*suppressed, *resources))


def _assess_all(evidence: Evidence) -> Assessment:
    judgement = judge(evidence)
    holders = holders_in_order(judgement.holders, evidence)
    sites = _sites(judgement, holders, evidence)
    return Assessment(
        evidence=evidence,
        judgement=judgement,
        growth=growth_from_items(judgement.growth, sites, judgement.sites),
        sites=sites,
        holders=holders,
        hidden_native_bytes=hidden_native_bytes(evidence),
    )


def _sites(judgement: Judgement, holders: Sequence[HolderContents], evidence: Evidence) -> tuple[GrowingSite, ...]:
    moved = move_reused_blocks(judgement.sites, holders)
    if judgement.memory_state != "leaking":
        return moved
    sites = mark_bounded_sites(moved, holders)
    leaking = [site for site in sites if not site.bounded] or list(sites_from_items(holders, evidence))
    return (*leaking, *(site for site in sites if site.bounded))
