"""The sentence of a verdict: its state in words, with its number, its line and its holder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otel_memeval.records import Channels, Holder, Site
from otel_memeval.units import format_bytes, format_items
from otel_memeval.verdicts import State


def holder_in_words(holder: Holder) -> str:
    """``scenarios.leaky_team.SESSIONS (dict, +1 an iteration)``."""
    bound = f", at most {holder.bound}" if holder.bound is not None else ""
    path = holder.path or "a container that no module leads to"
    return f"{path} ({holder.type}, {format_items(holder.items_per_iteration)} an iteration{bound})"


OUTSIDE = {"native": "in the C heap", "process": "mapped"}
"""Channels outside of the traced heap, in words."""


def _parts(outside: Mapping[str, float]) -> str:
    """Which part of a leak's bytes is not in the traced heap."""
    parts = [f"{format_bytes(size)} of it {OUTSIDE[name]}" for name, size in outside.items()]
    return f" ({', '.join(parts)})" if parts else ""


def _where(outside: Mapping[str, float]) -> str:
    return " and ".join(OUTSIDE[name] for name in outside)


def phrase(
    state: State,
    growth: Channels,
    sites: Sequence[Site],
    holders: Sequence[Holder],
    reasons: Sequence[str],
    iterations: int,
    grown: Sequence[str] = (),
) -> str:
    """One sentence for a person: what the memory does, how much, where.

    The number of a leak is all that it keeps: what its lines allocate and, where they are apart, what grows in the C heap
    and in mapped memory (``grown`` names the channels).
    """
    where = f"; allocated at {sites[0].file}:{sites[0].line}" if sites else ""
    held = f", held by {holder_in_words(holders[0])}" if holders else ""
    kept = sum(site.bytes_per_iteration for site in sites if state == "bounded" or not site.bounded)
    if not sites and growth.retained is not None:
        kept = growth.retained.bytes_per_iteration
    outside = {name: found.bytes_per_iteration for name in grown if name in OUTSIDE and (found := getattr(growth, name))}
    if state == "leaking":
        return f"keeps {format_bytes(kept + sum(outside.values()))} more every iteration{_parts(outside)}{where}{held}"
    if state == "bounded":
        return f"keeps {format_bytes(kept)} more every iteration{where}{held}: a bounded cache that is still filling"
    if state == "creeping" and growth.peak is not None:
        more = format_bytes(growth.peak.bytes_per_iteration)
        return f"needs {more} more at its peak every iteration, and keeps none of it"
    if state == "native-leak" and outside:
        kept = sum(outside.values())
        return f"keeps {format_bytes(kept)} more every iteration outside of Python's traced heap, {_where(outside)}"
    if state == "settling":
        return f"grew at first and levelled off within {iterations} iterations"
    if state == "stable":
        return f"keeps nothing from one iteration to the next, over {iterations} iterations"
    if state == "idle":
        return f"did no work: {reasons[0] if reasons else 'nothing was seen to happen'}"
    if state == "inconclusive":
        return f"cannot tell yet after {iterations} iterations: {reasons[0] if reasons else 'too little was measured'}"
    return f"failed: {reasons[0] if reasons else 'no iteration was measured'}"
