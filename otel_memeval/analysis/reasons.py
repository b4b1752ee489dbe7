"""Phrase the reasons of a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence

from otel_memeval.analysis.evidence import Evidence
from otel_memeval.analysis.growth import RunTrends
from otel_memeval.analysis.sites_and_holders import GrowingHolder
from otel_memeval.analysis.string_cache import CACHED_STRING_BYTES, CACHED_STRINGS
from otel_memeval.analysis.untraced import NATIVE_FLOOR_BYTES, PROCESS_FLOOR_BYTES
from otel_memeval.records import Growth
from otel_memeval.units import format_bytes

UNTRACED_PART = 0.05
"""Untraced growth counts if it is more than this part of the traced growth: each block has a header of malloc's."""


def untraced_channels(trends: RunTrends) -> list[str]:
    """Return the names of the channels that grow by more than the traced heap explains.

    Unique memory beside a leak in the traced heap is no evidence of its own: allocators take whole pages for it. Mapped
    memory is.
    """
    explained = UNTRACED_PART * max(trends.kept_bytes_per_iteration, 0)
    process = trends.process if not trends.sites or trends.mapped.shape == "growing" else None
    return [
        name
        for name, trend in (("native", trends.native), ("process", process))
        if trend is not None and trend.shape == "growing" and trend.growth.bytes_per_iteration > explained
    ]


def untraced_reasons(trends: RunTrends) -> list[str]:
    """Return a reason for each channel that grows by more than the traced heap explains."""
    apart = f" (readings {trends.calls_apart} calls apart)" if trends.calls_apart > 1 else ""
    words = {"native": (f"the C heap{apart}", trends.native), "process": ("the process' own memory", trends.process)}
    return [
        f"{words[name][0]} grew by {per_iteration(words[name][1].growth)}, and the traced heap does not explain it"
        for name in untraced_channels(trends)
    ]


def not_lasting_reasons(trends: RunTrends) -> list[str]:
    """Return a reason for each channel outside of the traced heap that rose by more than its floor, and not to the end."""
    channels = (
        ("the C heap", trends.native, NATIVE_FLOOR_BYTES),
        ("the process' own memory", trends.process, PROCESS_FLOOR_BYTES),
    )
    ends = {"settled": "levelled off", "returning": "came back"}
    return [
        f"{words} rose by {per_iteration(trend.growth)} and {ends[trend.shape]}"
        for words, trend, floor_bytes in channels
        if trend.shape in ends and trend.growth.ci_low > floor_bytes
    ]


def leak_reason(trends: RunTrends, iterations: int) -> str:
    """Return the reason of a leak that sites show."""
    sites = "one line" if len(trends.sites) == 1 else f"{len(trends.sites)} lines"
    together = f"together {format_bytes(trends.kept_bytes_per_iteration, signed=True)} per iteration"
    return f"the live memory of {sites} rose to the end of {iterations} iterations and was never given back, {together}"


def distant_bound_reasons(trends: RunTrends) -> list[str]:
    """Return a reason that names the first bound that is too far away to count."""
    distant = [
        holder
        for holder in trends.holders
        if holder.bound is not None and not holder.fills_up(trends.kept_bytes_per_iteration)
    ]
    return [f"a bound of {holder.bound} items is too far away to count, with {holder.length} now" for holder in distant[:1]]


def holder_reason(holder: GrowingHolder, iterations: int) -> str:
    """Return the reason of a leak that only its container shows."""
    return f"a container grew to the end of {iterations} iterations, to {holder.length} items, and has no known bound"


def bounded_reason(holder: GrowingHolder) -> str:
    """Return the reason of a container that fills up to its bound."""
    container = f"the growth goes into a container of {holder.length} items"
    if holder.bound is None:
        return f"{container} with a limit: {holder.limit}"
    return f"{container} that will hold at most {holder.bound}{f': {holder.limit}' if holder.limit else ''}"


def bookkeeping_reason(holder: GrowingHolder) -> str:
    """Return the note on a bounded container of weak references."""
    most = f", to at most {holder.bound}" if holder.bound is not None else ""
    return f"a list of {holder.length} weak references grows{most}, and no other memory hangs on it: {holder.limit}"


def end_reasons(holders: Sequence[GrowingHolder], kept_bytes_per_iteration: float) -> list[str]:
    """Return a reason that says how much memory is still to come; none if a bound is not a number of items."""
    if any(holder.bound is None or holder.items_per_iteration <= 0 for holder in holders):
        return []
    iterations = max(((holder.bound or 0) - holder.length) / holder.items_per_iteration for holder in holders)
    more = format_bytes(max(0.0, iterations) * kept_bytes_per_iteration)
    return [f"the growth ends in about {math.ceil(max(0.0, iterations))} iterations, at most about {more} above now"]


def page_cache_reason(trends: RunTrends, evidence: Evidence) -> str:
    """Return the reason of SQLite's page caches that fill up."""
    size = format_bytes(evidence.page_caches[-1])
    growth = per_iteration(trends.page_caches.growth)
    limit = format_bytes(evidence.page_cache_limit_bytes or 0)
    return f"SQLite's page cache of {size} grows by {growth}, to at most about {limit} (PRAGMA cache_size)"


def string_cache_reason(trends: RunTrends) -> str:
    """Return the reason of pydantic's cache of strings that fills up."""
    growth = format_bytes(sum(site.bytes_per_iteration for site in trends.string_cache))
    most = format_bytes(CACHED_STRINGS * CACHED_STRING_BYTES)
    cache = f"pydantic's cache of strings from JSON grows by {growth} per iteration"
    return f"{cache}, to at most {CACHED_STRINGS:,} strings, about {most} (cache_strings)"


def peak_reason(trends: RunTrends) -> str:
    """Return the reason of a peak that grows alone."""
    rise = f"the peak rose to the end, by {per_iteration(trends.peak.growth)}"
    return f"{rise}; retained memory did not ({trends.retained.shape})"


def per_iteration(growth: Growth) -> str:
    """Return a slope in words, such as ``12.2 KiB per iteration``."""
    return f"{format_bytes(growth.bytes_per_iteration)} per iteration"
