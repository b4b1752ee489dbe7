"""Recognise a scenario that does no work."""

from __future__ import annotations

from otel_memeval.analysis.evidence import Evidence
from otel_memeval.units import format_bytes

IDLE_PEAK_BYTES = 32
"""Bytes that an idle function may allocate above the peak of an empty call."""

IDLE_NATIVE_BYTES = 4096
"""Bytes by which the C heap may move beside an idle function."""

IDLE_CPU_SECONDS = 0.02
"""Processor time of an idle iteration: an agent framework may spend it on making a stream that nobody reads."""

IDLE_ASYNC_PEAK_BYTES = 65_536
"""Bytes that an async function which awaits nothing may allocate for such a stream."""


def idle_reason(evidence: Evidence) -> str:
    """Return why the scenario counts as idle; empty if it does work."""
    if _memory_changed(evidence):
        return ""
    # Without a warm-up the first iteration imports and connects, whatever the scenario does.
    work = evidence.work if evidence.warmup else evidence.work[1:] or evidence.work
    if not work or any(each.suspended or each.waits or each.cpu_seconds > IDLE_CPU_SECONDS for each in work):
        return ""
    peak_bytes = max(each.peak_bytes for each in work)
    if evidence.awaits_nothing and peak_bytes <= IDLE_ASYNC_PEAK_BYTES:
        return (
            "the function is async and awaits nothing: no iteration waited for anything, "
            "and a stream or async generator that it starts is dropped unread"
        )
    if peak_bytes <= evidence.noop_peak_bytes + IDLE_PEAK_BYTES:
        return f"no iteration waited for anything or allocated more than the {format_bytes(peak_bytes)} of an empty call"
    return ""


def _memory_changed(evidence: Evidence) -> bool:
    resources = (resource.counts for resource in evidence.resources)
    levels = (*resources, evidence.retained, *evidence.sites.values(), *(holder.lengths for holder in evidence.holders))
    native = evidence.native[1:] or (0,)
    return any(len(set(series[1:])) > 1 for series in levels) or max(native) - min(native) > IDLE_NATIVE_BYTES
