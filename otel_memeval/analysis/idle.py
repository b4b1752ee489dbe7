"""Recognise a scenario that does no work."""

from __future__ import annotations

from collections.abc import Sequence

from otel_memeval.analysis.evidence import CallWork, DroppedStream, Evidence, IterationWork, settled_start
from otel_memeval.units import format_bytes

IDLE_PEAK_BYTES = 32
"""Bytes that an idle function may allocate above the peak of an empty call."""

IDLE_CHANGE_BYTES = 4096
"""Bytes by which the C heap may move beside an idle function, and live memory beside one that drops a stream unread."""

IDLE_CPU_SECONDS = 0.02
"""Processor time of an idle iteration: an agent framework may spend it on making a stream that nobody reads."""

IDLE_ASYNC_PEAK_BYTES = 65_536
"""Bytes that an async function which awaits nothing may allocate for such a stream, if no call was watched."""


def may_be_idle(evidence: Evidence) -> bool:
    """Return whether no iteration waited, computed for long or changed much memory, so that one watched call can decide."""
    work = _work(evidence)
    waited = any(each.suspended if each.waits is None else each.waits for each in work)
    computed = any(each.cpu_seconds > IDLE_CPU_SECONDS for each in work)
    moved_bytes = max(_movement(evidence, evidence.native), _movement(evidence, evidence.retained))
    return bool(work) and not waited and not computed and moved_bytes <= IDLE_CHANGE_BYTES


def idle_reason(evidence: Evidence) -> str:
    """Return why the scenario counts as idle; empty if it does work."""
    if not may_be_idle(evidence):
        return ""
    return _reason_without_call(evidence) if evidence.call_work is None else _reason_of_call(evidence, evidence.call_work)


def _work(evidence: Evidence) -> Sequence[IterationWork]:
    """Return the work of the iterations; without a warm-up the first one imports and connects, and does not count."""
    return evidence.work if evidence.warmup else evidence.work[1:] or evidence.work


def _reason_of_call(evidence: Evidence, call: CallWork) -> str:
    if call.communicates:
        return ""
    if call.dropped:
        return _dropped_reason(call.dropped)
    if call.computes or _memory_changed(evidence):
        return ""
    return "the function calls nothing, and no iteration waited for anything"


def _reason_without_call(evidence: Evidence) -> str:
    work = _work(evidence)
    if _memory_changed(evidence) or any(each.suspended for each in work):
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


def _dropped_reason(dropped: tuple[DroppedStream, ...]) -> str:
    first = dropped[0]
    more = f" (and {len(dropped) - 1} more)" if len(dropped) > 1 else ""
    return f"the {first.kind} of {first.name} is dropped unread at {first.place}{more}; {_remedy(first.kind)}"


def _remedy(kind: str) -> str:
    return {"coroutine": "await it", "generator": "read it with `for`"}.get(kind, "read it with `async for`")


def _memory_changed(evidence: Evidence) -> bool:
    resources = (resource.counts for resource in evidence.resources)
    levels = (*resources, evidence.retained, *evidence.sites.values(), *(holder.lengths for holder in evidence.holders))
    return any(_movement(evidence, series) for series in levels)


def _movement(evidence: Evidence, series: Sequence[int]) -> int:
    """Return the range of the readings after measured iterations; without a warm-up the first of these is one."""
    values = settled_start(evidence, series[1:])
    return max(values) - min(values) if values else 0
