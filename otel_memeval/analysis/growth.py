"""What grows in a run: trends of each line, container and channel, worked out once. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from otel_memeval.analysis.evidence import Evidence, SiteKey
from otel_memeval.analysis.trend import Trend, jitter, trend_of
from otel_memeval.records import Channels, Growth

SITE_FLOOR_BYTES = 8
"""Growth per iteration below which a single line is not worth a word: one pointer in a list."""

TOTAL_FLOOR_BYTES = 48
"""The same for everything that is retained together; a leak below it is found by its holder."""

PEAK_FLOOR_BYTES = 256
"""The same for the peak."""

NATIVE_FLOOR_BYTES = 64
"""The same for the C heap, when it is quiet."""

DRIFT = 2e-5
"""A large C heap drifts by this part of itself an iteration without leaking: holes of other sizes than what was freed."""

JITTERS = 1.0
"""Growth outside of the traced heap is believed from this many times its usual jitter on."""

PROCESS_FLOOR_BYTES = 65_536
"""The same for memory that is mapped, not malloc'ed: pages of arenas and of the C heap that are used for the first time
come to some ten kilobytes an iteration for a long while."""

MOST_STEPS = 0.8
"""And it has to grow by half of that in this part of the later iterations: whole arenas come and go."""

HOLDER_FLOOR_ITEMS = 0.2
"""A container that gains an item every fifth iteration."""


class GrowingSite(msgspec.Struct, frozen=True, kw_only=True):
    """A line that goes on growing."""

    key: SiteKey
    bytes_per_iteration: float
    retained_bytes: int
    blocks: int
    allocated_at: tuple[SiteKey, ...] = ()
    """The lines of a library that allocated, if this is the line that called them; most bytes first."""
    bounded: bool = False
    """What it allocates goes into a container that names its bound."""


class GrowingHolder(msgspec.Struct, frozen=True, kw_only=True):
    """A container that goes on growing."""

    id: int
    length: int
    items_per_iteration: float
    bound: int | None


class Trends(msgspec.Struct, frozen=True, kw_only=True):
    """The trends of a whole run."""

    retained: Trend
    peak: Trend
    native: Trend
    process: Trend
    sites: tuple[GrowingSite, ...]
    open_sites: tuple[Trend, ...]
    """Trends of lines that cannot be told yet."""
    holders: tuple[GrowingHolder, ...]
    kept: float
    """Bytes an iteration that the growing lines keep together."""
    net: float
    """The same less what other lines steadily lose."""


def trends_of_run(evidence: Evidence) -> Trends:
    """The trends of all that a run's evidence holds."""
    sites, open_sites, lost = _site_trends(evidence)
    kept = sum(site.bytes_per_iteration for site in sites)
    return Trends(
        retained=trend_of(settled_start(evidence, evidence.retained), TOTAL_FLOOR_BYTES),
        peak=trend_of(settled_start(evidence, evidence.peak), PEAK_FLOOR_BYTES, noise="redrawn"),
        native=_outside(settled_start(evidence, evidence.native), NATIVE_FLOOR_BYTES),
        process=_process_trend(settled_start(evidence, evidence.process)),
        sites=sites,
        open_sites=open_sites,
        holders=_growing_holders(evidence),
        kept=kept,
        net=kept - lost,
    )


def _smoothed(values: Sequence[int]) -> list[float]:
    return [(before + after) / 2 for before, after in pairwise(values)]


def _outside(values: Sequence[int], floor: float) -> Trend:
    """The trend of a channel outside of the traced heap, which other code's small change makes jitter.

    Neighbours are averaged: what every other reading finds in another place, as the readings' own tables, cancels out.
    """
    floor = max(floor, DRIFT * abs(values[0])) if values else floor
    smooth = _smoothed(values)
    return trend_of(smooth, max(floor, JITTERS * jitter(smooth)), noise="level")


def _process_trend(values: Sequence[int]) -> Trend:
    trend = _outside(values, PROCESS_FLOOR_BYTES)
    smooth = _smoothed(values)
    later = [after - before for before, after in pairwise(smooth)][len(smooth) // 2 :]
    if trend.shape == "growing" and sum(step >= PROCESS_FLOOR_BYTES / 2 for step in later) < MOST_STEPS * len(later):
        return Trend(shape="returning", growth=trend.growth)
    return trend


def channels(series: Trends, iterations: int) -> Channels:
    """Growth by channel. Where the total is noisy and lines are not, their sum is the better figure."""
    if iterations < 2:
        return Channels()
    retained = series.retained.growth
    spread = retained.ci_high - retained.ci_low
    if series.sites and spread > 0.1 * abs(retained.bytes_per_iteration):
        low = min(retained.ci_low, series.net)
        high = max(retained.ci_high, series.net)
        retained = Growth(bytes_per_iteration=series.net, ci_low=low, ci_high=high)
    outside = series.process if series.process.shape == "growing" and series.native.shape != "growing" else series.native
    return Channels(retained=retained, peak=series.peak.growth, native=outside.growth)


def settled_start(evidence: Evidence, values: tuple[int, ...]) -> tuple[int, ...]:
    """Without a warm-up the first iteration is one: what it imports and caches is not growth."""
    return values if evidence.warmup else values[1:]


def _site_trends(evidence: Evidence) -> tuple[tuple[GrowingSite, ...], tuple[Trend, ...], float]:
    """The growing lines, the trends of those that cannot be told, and what lines steadily lose (bytes an iteration)."""
    growing = []
    undecided = []
    lost = 0.0
    for key, values in evidence.sites.items():
        judged = settled_start(evidence, values)
        if not judged or max(judged) - min(judged) < SITE_FLOOR_BYTES:
            continue
        trend = trend_of(judged, SITE_FLOOR_BYTES, one_block=evidence.blocks.get(key) == 1)
        if trend.shape == "growing":
            growing.append(
                GrowingSite(
                    key=key,
                    bytes_per_iteration=trend.growth.bytes_per_iteration,
                    retained_bytes=values[-1],
                    blocks=evidence.blocks.get(key, 0),
                )
            )
        elif trend.shape == "undecided" and trend.growth.bytes_per_iteration >= TOTAL_FLOOR_BYTES:
            undecided.append(trend)
        elif judged[-1] < judged[0]:
            losing = trend_of([-value for value in judged], SITE_FLOOR_BYTES)
            lost += losing.growth.bytes_per_iteration if losing.shape == "growing" else 0.0
    growing.sort(key=lambda site: (-site.bytes_per_iteration, site.key))
    undecided.sort(key=lambda trend: -trend.growth.bytes_per_iteration)
    return tuple(growing), tuple(undecided), lost


def _growing_holders(evidence: Evidence) -> tuple[GrowingHolder, ...]:
    growing = []
    for holder in evidence.holders:
        trend = trend_of(settled_start(evidence, holder.lengths), HOLDER_FLOOR_ITEMS)
        if trend.shape == "growing":
            growing.append(
                GrowingHolder(
                    id=holder.id,
                    length=holder.lengths[-1],
                    items_per_iteration=trend.growth.bytes_per_iteration,
                    bound=holder.bound,
                )
            )
    growing.sort(key=lambda holder: (-holder.items_per_iteration, -holder.length))
    return tuple(growing)
