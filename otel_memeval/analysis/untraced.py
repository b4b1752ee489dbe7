"""Find growth of untraced memory: the C heap, unique memory of the process, and mapped memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from otel_memeval.analysis.evidence import Evidence, settled_start
from otel_memeval.analysis.levels import level_traits, level_trend
from otel_memeval.analysis.noise import jitter
from otel_memeval.analysis.trend import SeriesTraits, SeriesTrend, Undecided, trend_of

NATIVE_FLOOR_BYTES = 64
"""Growth of a quiet C heap, in bytes per iteration, below which it is ignored."""

NATIVE_DRIFT = 1e-5
"""Part of itself, per iteration, by which a C heap drifts without a leak: freed blocks leave holes of other sizes."""

SMALL_SLOPE_PART = 1e-4
"""Part of the C heap, per iteration, below which growth needs more iterations: large processes warm up for long."""

SMALL_SLOPE_ITERATIONS = 20
"""Iterations after which growth of a small part of the C heap counts."""

MIN_NOISE_ITERATIONS = 10
"""Iterations that show how noisy the C heap is."""

PROCESS_FLOOR_BYTES = 32_768
"""Growth of unique memory, in bytes per iteration, below which it is ignored: pages of arenas and of the C heap that are
used for the first time come to some ten kilobytes for many iterations."""

MAPPED_FLOOR_BYTES = 1024
"""Growth of mapped memory, in bytes per iteration, below which it is ignored: a page every fourth iteration."""

ARENA_BYTES = 1 << 20
"""Bytes that Python's small-object allocator maps at a time since 3.10 (Objects/obmalloc.c: ``ARENA_BITS``)."""

PAGE_CACHE_MARGIN = 1.25
"""Memory of SQLite, in limits of its page caches, up to which it is that of page caches: each page has a header, and each
connection its schema and statements beside."""

PAGE_OVERHEAD_PART = 0.016
"""Memory of page caches that SQLite does not count, as a part of them: malloc's header and rounding, and SQLite's own size
field, come to 16 to 34 bytes for each page, which has at least 1,024 bytes as a rule."""

MAX_START_READINGS = 10
"""Readings of unique memory up to which pages may still be used for the first time."""

MIN_RISING_PART = 0.6
"""Part of the later steps in which growing unique memory has to rise by half of the floor: arenas come and go."""


def _smoothed(values: Sequence[float]) -> list[float]:
    """Return the means of neighbours, which cancel differences between every other reading, as of a reading's own tables."""
    return [(before + after) / 2 for before, after in pairwise(values)]


def _untraced_trend(evidence: Evidence, channel: Sequence[float], floor_bytes: float) -> SeriesTrend:
    """Return the trend of a channel that small changes of other code make jitter."""
    values = settled_start(evidence, channel)
    floor_bytes = max(floor_bytes, _noise_bytes(evidence, values))
    return trend_of(_smoothed(values), floor_bytes, level_traits(evidence, noisy=True, smoothed=True))


def _noise_bytes(evidence: Evidence, values: Sequence[float]) -> float:
    """Return the noise per iteration: that of a reading does not depend on the iterations before it."""
    drift = NATIVE_DRIFT * abs(values[0]) if values else 0.0
    return max(drift, jitter(_smoothed(values))) / evidence.readings_every


def _with_judged_native(evidence: Evidence) -> Evidence:
    """Return the evidence with the series of the C heap that is judged: of batched readings, and without page caches.

    ``page_caches`` are those of the same readings, empty if they are not left out.
    """
    batched = evidence.batched_native
    if batched is not None:
        evidence = msgspec.structs.replace(
            evidence, native=batched.native, page_caches=batched.page_caches, readings_every=batched.calls_apart
        )
    if not fills_page_caches(evidence):
        return msgspec.structs.replace(evidence, page_caches=())
    rest = [
        value - math.ceil(cached * (1 + PAGE_OVERHEAD_PART)) for value, cached in zip(evidence.native, evidence.page_caches)
    ]
    return msgspec.structs.replace(evidence, native=tuple(rest))


def fills_page_caches(evidence: Evidence) -> bool:
    """Return whether all memory of SQLite is within the limit of its page caches, so that its growth will end."""
    limit_bytes, caches = evidence.page_cache_limit_bytes, evidence.page_caches
    if limit_bytes is None or not caches or len(caches) != len(evidence.native):
        return False
    return caches[-1] <= PAGE_CACHE_MARGIN * limit_bytes


def page_cache_trend(evidence: Evidence) -> SeriesTrend:
    """Return the trend of SQLite's page caches that have a limit."""
    return level_trend(evidence, evidence.page_caches if fills_page_caches(evidence) else (), NATIVE_FLOOR_BYTES)


def native_trend(evidence: Evidence) -> SeriesTrend:
    """Return the trend of the C heap, in bytes per call."""
    judged = _with_judged_native(evidence)
    trend = _untraced_trend(judged, judged.native, NATIVE_FLOOR_BYTES + _overhead_bytes(judged))
    is_batched = evidence.batched_native is not None
    if not is_batched and trend.shape == "growing" and _is_early(evidence, trend.growth.bytes_per_iteration):
        return _early(trend, SMALL_SLOPE_ITERATIONS)
    return trend


def _overhead_bytes(judged: Evidence) -> float:
    """Return the bytes per call by which the overhead of page caches may differ from the part that is left out."""
    caches = judged.page_caches
    grown = max(0, caches[-1] - caches[0]) if caches else 0
    return PAGE_OVERHEAD_PART * grown / (max(1, len(caches) - 1) * judged.readings_every)


def _is_early(evidence: Evidence, bytes_per_iteration: float) -> bool:
    """Return whether growth of the C heap is so small a part of it that more iterations are needed."""
    small = bytes_per_iteration < SMALL_SLOPE_PART * settled_start(evidence, evidence.native)[0]
    return small and len(evidence.native) - 1 < SMALL_SLOPE_ITERATIONS


def hidden_native_bytes(evidence: Evidence) -> float:
    """Return the growth of the C heap, in bytes per iteration, below which noise hides it.

    0 where the heap is quiet, and where too few iterations were read to tell.
    """
    judged = _with_judged_native(evidence)
    if len(judged.native) <= MIN_NOISE_ITERATIONS:
        return 0.0
    noise_bytes = _noise_bytes(judged, settled_start(judged, judged.native))
    return noise_bytes if noise_bytes > NATIVE_FLOOR_BYTES else 0.0


def _without_arenas(values: Sequence[int]) -> list[int]:
    """Return a mapped series without steps of complete arenas, which come and go with the demand of the traced heap."""
    rest = [0] if values else []
    for before, after in pairwise(values):
        rest.append(rest[-1] + (after - before + ARENA_BYTES // 2) % ARENA_BYTES - ARENA_BYTES // 2)
    return rest


def mapped_trend(evidence: Evidence) -> SeriesTrend:
    """Return the trend of mapped memory, which is exact to a page."""
    return trend_of(_without_arenas(settled_start(evidence, evidence.mapped)), MAPPED_FLOOR_BYTES, level_traits(evidence))


def unique_trend(evidence: Evidence, peak: SeriesTrend, mapped: SeriesTrend) -> SeriesTrend:
    """Return the trend of unique memory that neither heap explains.

    ``peak``, ``mapped``: trends of the peak of the traced heap and of mapped memory.

    A short run uses pages for the first time in any of its iterations: its growth is undecided. Growth beside a growing peak
    and without new maps is freed memory, whose pages the allocator keeps.
    """
    trend = _untraced_trend(evidence, evidence.process, PROCESS_FLOOR_BYTES)
    smooth = _smoothed(settled_start(evidence, evidence.process))
    later = [after - before for before, after in pairwise(smooth)][len(smooth) // 2 :]
    least_bytes = PROCESS_FLOOR_BYTES * evidence.readings_every / 2
    comes_and_goes = sum(step >= least_bytes for step in later) < MIN_RISING_PART * len(later)
    if trend.shape != "growing":
        return trend
    freed = peak.shape == "growing" and mapped.shape != "growing"
    if comes_and_goes or freed:
        return SeriesTrend(shape="returning", growth=trend.growth)
    return _early(trend, MAX_START_READINGS) if len(evidence.process) <= MAX_START_READINGS else trend


def _early(trend: SeriesTrend, iterations: int) -> SeriesTrend:
    """Return the trend as undecided until so many iterations were measured."""
    rest = Undecided(window=(), rises=(), traits=SeriesTraits(), unbelieved=0, least=iterations)
    return SeriesTrend(shape="undecided", growth=trend.growth, undecided=rest, early=True)
