"""What grows outside of the traced heap: the C heap, unique memory, maps. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from otel_memeval.analysis.evidence import Evidence, settled_start
from otel_memeval.analysis.noise import jitter
from otel_memeval.analysis.trend import Nature, Trend, trend_of

NATIVE_FLOOR_BYTES = 64
"""Growth of the C heap per iteration below which it is not worth a word, when it is quiet."""

FEWEST_FOR_NOISE = 10
"""Iterations that tell how unsteady the C heap is."""

DRIFT = 1e-5
"""A large C heap drifts by this part of itself an iteration without leaking: holes of other sizes than what was freed."""

JITTERS = 1.0
"""Growth outside of the traced heap is believed from this many times its usual jitter on."""

PROCESS_FLOOR_BYTES = 32_768
"""The same for memory that is mapped, not malloc'ed: pages of arenas and of the C heap that are used for the first time
come to some ten kilobytes an iteration for a long while."""

MAPPED_FLOOR_BYTES = 1024
"""The same for what is mapped, which is counted exactly: a page every fourth iteration."""

ARENA_BYTES = 1 << 20
"""What Python's small-object allocator maps at a time since 3.10 (Objects/obmalloc.c: ``ARENA_BITS``)."""

OF_THE_PEAK = 1.5
"""A process that grows by less than so many times what the peak does keeps what was freed: pages go back late."""

MOST_STEPS = 0.6
"""And it has to grow by half of that in this part of the later iterations: whole arenas come and go."""


def _smoothed(values: Sequence[float]) -> list[float]:
    return [(before + after) / 2 for before, after in pairwise(values)]


def _outside(evidence: Evidence, channel: Sequence[float], floor: float) -> Trend:
    """The trend of a channel outside of the traced heap, which other code's small change makes jitter.

    Neighbours are averaged: what every other reading finds in another place, as the readings' own tables, cancels out.
    """
    values = settled_start(evidence, channel)
    nature = Nature(noisy=True, smoothed=True, calls_before=max(evidence.warmup, 1))
    return trend_of(_smoothed(values), _outside_floor(values, floor), nature)


def _outside_floor(values: Sequence[float], floor: float) -> float:
    floor = max(floor, DRIFT * abs(values[0])) if values else floor
    return max(floor, JITTERS * jitter(_smoothed(values)))


def _native(evidence: Evidence) -> Sequence[float]:
    """The C heap, of the wider look where there is one: then each value is what it was, divided by the calls between two,
    so that steps are those of one call.
    """
    batched = evidence.batched_native
    return evidence.native if batched is None else [value / batched.calls_apart for value in batched.native]


def native_trend(evidence: Evidence) -> Trend:
    """Of the C heap, per call."""
    trend = _outside(evidence, _native(evidence), NATIVE_FLOOR_BYTES)
    batched = evidence.batched_native
    return trend if batched is None else msgspec.structs.replace(trend, stride=trend.stride * batched.calls_apart)


def hidden_native_bytes(evidence: Evidence) -> float:
    """Growth of the C heap, in bytes an iteration, below which it does not show because the heap is unsteady; 0 where it is
    quiet, or where too few iterations were read to tell.
    """
    values = _native(evidence)
    if len(values) <= FEWEST_FOR_NOISE:
        return 0.0
    least = _outside_floor(settled_start(evidence, values), NATIVE_FLOOR_BYTES)
    return least if least > NATIVE_FLOOR_BYTES else 0.0


def _without_arenas(values: Sequence[int]) -> list[int]:
    """A mapped series without steps of whole arenas, which come and go as the traced heap has use for them."""
    rest = [0] if values else []
    for before, after in pairwise(values):
        rest.append(rest[-1] + (after - before + ARENA_BYTES // 2) % ARENA_BYTES - ARENA_BYTES // 2)
    return rest


def process_trend(evidence: Evidence, peak: Trend) -> Trend:
    """Of unique memory; of what is mapped where only that, which is exact, tells."""
    used = _used_trend(evidence, peak)
    exact = Nature(calls_before=max(evidence.warmup, 1))
    mapped = trend_of(_without_arenas(settled_start(evidence, evidence.mapped)), MAPPED_FLOOR_BYTES, exact)
    return mapped if mapped.shape == "growing" and used.shape != "growing" else used


def _used_trend(evidence: Evidence, peak: Trend) -> Trend:
    trend = _outside(evidence, evidence.process, PROCESS_FLOOR_BYTES)
    smooth = _smoothed(settled_start(evidence, evidence.process))
    later = [after - before for before, after in pairwise(smooth)][len(smooth) // 2 :]
    comes_and_goes = sum(step >= PROCESS_FLOOR_BYTES / 2 for step in later) < MOST_STEPS * len(later)
    explained = OF_THE_PEAK * peak.growth.bytes_per_iteration if peak.shape == "growing" else 0.0
    if trend.shape == "growing" and (comes_and_goes or trend.growth.bytes_per_iteration < explained):
        return Trend(shape="returning", growth=trend.growth)
    return trend
