"""Find everything that grows in a run: the trend of each site, container and channel, computed once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from otel_memeval.analysis.evidence import Evidence, HolderSeries, SiteKey, settled_start
from otel_memeval.analysis.levels import level_traits, level_trend, mean_rise
from otel_memeval.analysis.rises import GrowthMode
from otel_memeval.analysis.sites_and_holders import GrowingHolder, GrowingSite
from otel_memeval.analysis.string_cache import may_fill_string_cache
from otel_memeval.analysis.trend import SeriesTraits, SeriesTrend, lower_envelope, rises_of, trend_of
from otel_memeval.analysis.untraced import mapped_trend, native_trend, page_cache_trend, unique_trend
from otel_memeval.records import Channels, Growth

SITE_FLOOR_BYTES = 8
"""Growth of a site, in bytes per iteration, below which it is ignored: one pointer in a list."""

TOTAL_FLOOR_BYTES = 48
"""Growth of retained memory, in bytes per iteration, below which it is ignored; a smaller leak is found by its holder."""

PEAK_FLOOR_BYTES = 256
"""Growth of the peak, in bytes per iteration, below which it is ignored."""

HOLDER_FLOOR_ITEMS = 0.1
"""Growth of a container, in items per iteration, below which it is ignored: an item every tenth iteration."""

APPENDED_TYPES = ("list", "deque")
"""Types of containers that gain an item with each event, whatever the event is."""

REFERENCE_BYTES = 88
"""Size of a weak reference with its header for the collector (CPython 3.10 to 3.13: 72 and 16 bytes)."""

NOISY_SLOPE_PART = 0.1
"""A slope is noisy if its interval is wider than this part of it."""

MIN_KEEPER_PART = 0.05
"""Part of the growth of all sites that an object must keep to count: the last statement of a library keeps its arguments."""


class RunTrends(msgspec.Struct, frozen=True, kw_only=True):
    """The trends of a run."""

    retained: SeriesTrend
    peak: SeriesTrend
    native: SeriesTrend
    calls_apart: int
    """Calls between two readings of ``native``."""
    unique: SeriesTrend
    """Unique memory of the process that neither heap explains."""
    mapped: SeriesTrend
    page_caches: SeriesTrend
    """SQLite's page caches that have a limit."""
    sites: tuple[GrowingSite, ...]
    """Growing sites, largest growth first."""
    string_cache: tuple[GrowingSite, ...]
    """Growing sites that fill pydantic's cache of strings; they are in no other field."""
    undecided_sites: tuple[SeriesTrend, ...]
    """Trends of sites that may or may not keep growing, largest growth first."""
    holders: tuple[GrowingHolder, ...]
    """Growing containers, most items per iteration first."""
    keepers: tuple[GrowingHolder, ...]
    """Objects that keep the memory of growing sites which fill none of ``holders``, largest growth first."""
    filling_holders: tuple[GrowingHolder, ...]
    """Containers with a bound that may or may not keep growing: both is harmless."""
    bookkeeping: tuple[GrowingHolder, ...]
    """Bounded containers of weak references that grow or may grow: no other memory hangs on them."""
    bookkeeping_bytes_per_iteration: float
    """Growth of these references, with their places in the containers."""
    only_filling: bool
    """Retained memory rose at the same steps as one of ``filling_holders``."""
    undecided_holders: tuple[int, ...]
    """Ids of containers that are undecided until their type is known."""
    kept_bytes_per_iteration: float
    """Growth of all growing sites together."""
    net_bytes_per_iteration: float
    """The same, less the steady loss of other sites."""

    @property
    def process(self) -> SeriesTrend:
        """Return the trend of unique memory, or that of mapped memory where only mapped memory grows."""
        return self.mapped if self.mapped.shape == "growing" and self.unique.shape != "growing" else self.unique


Rises = tuple[int, ...]
"""Indices at which the lower envelope of a series rises."""


def run_trends(evidence: Evidence) -> RunTrends:
    """Return the trends of all series of a run."""
    holders, filling, bookkeeping, undecided_holders = _holder_trends(evidence)
    filling_rises = _rises_of_holders(evidence, (*filling, *bookkeeping))
    references = _bytes_of_references(evidence, bookkeeping)
    sites, undecided_sites, lost = _site_trends(evidence, _rises_of_holders(evidence, holders), filling_rises, references)
    keepers = _keepers(evidence, sites, {holder.id for holder in (*holders, *filling)})
    string_cache = _string_cache(evidence, sites, keepers)
    sites = tuple(site for site in sites if site not in string_cache)
    kept = sum(site.bytes_per_iteration for site in sites)
    peak_traits = SeriesTraits(noisy=True, growth_mode="independent", calls_before=max(evidence.warmup, 1))
    peak = trend_of(settled_start(evidence, evidence.peak), PEAK_FLOOR_BYTES, peak_traits)
    mapped = mapped_trend(evidence)
    return RunTrends(
        retained=level_trend(evidence, evidence.retained, TOTAL_FLOOR_BYTES),
        peak=peak,
        native=native_trend(evidence),
        calls_apart=1 if evidence.batched_native is None else evidence.batched_native.calls_apart,
        unique=unique_trend(evidence, peak, mapped),
        mapped=mapped,
        page_caches=page_cache_trend(evidence),
        sites=sites,
        undecided_sites=undecided_sites,
        holders=holders or _ring_buffers(evidence, sites),
        string_cache=string_cache,
        keepers=keepers,
        filling_holders=filling,
        bookkeeping=bookkeeping,
        bookkeeping_bytes_per_iteration=sum(references.values()),
        only_filling=_rises(evidence, evidence.retained, TOTAL_FLOOR_BYTES) in _rises_of_holders(evidence, filling),
        undecided_holders=undecided_holders,
        kept_bytes_per_iteration=kept,
        net_bytes_per_iteration=kept - lost,
    )


def channels(trends: RunTrends, iterations: int) -> Channels:
    """Return the growth of each channel; for retained memory the net growth of sites where the total is noisy or differs."""
    if iterations < 2:
        return Channels()
    retained = trends.retained.growth
    net = trends.net_bytes_per_iteration
    spread = retained.ci_high - retained.ci_low
    difference = abs(retained.bytes_per_iteration - net)
    if trends.sites and max(spread, difference) > NOISY_SLOPE_PART * abs(retained.bytes_per_iteration):
        retained = Growth(bytes_per_iteration=net, ci_low=min(retained.ci_low, net), ci_high=max(retained.ci_high, net))
    return Channels(retained=retained, peak=trends.peak.growth, native=trends.native.growth, process=trends.process.growth)


def _rises_of_holders(evidence: Evidence, holders: Sequence[GrowingHolder]) -> frozenset[Rises]:
    ids = {holder.id for holder in holders}
    return frozenset(_rises(evidence, holder.lengths, HOLDER_FLOOR_ITEMS) for holder in evidence.holders if holder.id in ids)


def _bytes_of_references(evidence: Evidence, bookkeeping: Sequence[GrowingHolder]) -> dict[SiteKey | None, float]:
    """Return the growth of weak references and of their places in containers, in bytes per iteration, by site.

    A list grows ahead by an eighth and moves: two pointers for each reference are an upper limit. References that were not
    measured are those of any site (key None).
    """
    growth = {holder.id: holder.items_per_iteration for holder in bookkeeping}
    found: dict[SiteKey | None, float] = {}
    for series in evidence.holders:
        if series.id not in growth:
            continue
        sizes: dict[SiteKey | None, float] = {key: size / series.items_seen for key, size in series.items.items()}
        sizes = sizes or {None: REFERENCE_BYTES}
        for key, size in sizes.items():
            found[key] = found.get(key, 0.0) + growth[series.id] * (size + 2 * SITE_FLOOR_BYTES)
    return found


def _rises(evidence: Evidence, values: Sequence[int], floor: float) -> Rises:
    return tuple(rises_of(lower_envelope(settled_start(evidence, values)), floor * evidence.readings_every))


def _site_trends(
    evidence: Evidence,
    growing_rises: frozenset[Rises],
    filling_rises: frozenset[Rises],
    references: dict[SiteKey | None, float],
) -> tuple[tuple[GrowingSite, ...], tuple[SeriesTrend, ...], float]:
    """Return the growing sites, the trends of undecided sites, and the steady loss of sites in bytes per iteration.

    An undecided site is decided by a container with the same rises: it grows with a container that grows
    (``growing_rises``), and is harmless with one that fills up to its bound (``filling_rises``). A site that grows by
    little more than its weak references (``references``) does not count.
    """
    growing = []
    undecided = []
    lost = 0.0
    for key, values in evidence.sites.items():
        judged = settled_start(evidence, values)
        if not judged or max(judged) - min(judged) < SITE_FLOOR_BYTES:
            continue
        traits = level_traits(evidence, single_block=evidence.blocks.get(key) == 1)
        trend = level_trend(evidence, values, SITE_FLOOR_BYTES, traits)
        rises = _rises(evidence, values, SITE_FLOOR_BYTES) if trend.shape == "undecided" else ()
        explained = references.get(key, 0.0) + references.get(None, 0.0)
        if explained and trend.growth.bytes_per_iteration - explained < TOTAL_FLOOR_BYTES:
            continue
        if trend.shape == "growing":
            growing.append(_growing_site(evidence, key, trend.growth.bytes_per_iteration))
        elif rises in growing_rises:
            growing.append(_growing_site(evidence, key, mean_rise(evidence, values)))
        elif trend.shape == "undecided" and rises not in filling_rises:
            if trend.growth.bytes_per_iteration >= TOTAL_FLOOR_BYTES:
                undecided.append(trend)
        elif judged[-1] < judged[0]:
            losing = level_trend(evidence, [-value for value in values], SITE_FLOOR_BYTES)
            lost += losing.growth.bytes_per_iteration if losing.shape == "growing" else 0.0
    growing.sort(key=lambda site: (-site.bytes_per_iteration, site.key))
    undecided.sort(key=lambda trend: -trend.growth.bytes_per_iteration)
    return tuple(growing), tuple(undecided), lost


def _growing_site(evidence: Evidence, key: SiteKey, bytes_per_iteration: float) -> GrowingSite:
    return GrowingSite(
        key=key,
        bytes_per_iteration=bytes_per_iteration,
        retained_bytes=evidence.sites[key][-1],
        blocks=evidence.blocks.get(key, 0),
    )


def _holder_trends(
    evidence: Evidence,
) -> tuple[tuple[GrowingHolder, ...], tuple[GrowingHolder, ...], tuple[GrowingHolder, ...], tuple[int, ...]]:
    """Return the growing containers, those that fill up to a bound, bounded ones of weak references that grow or fill up,
    and the ids of those that their type would decide.
    """
    growing = []
    filling = []
    bookkeeping = []
    undecided = []
    for series in evidence.holders:
        traits = level_traits(evidence, growth_mode=_growth_mode(series))
        trend = level_trend(evidence, series.lengths, HOLDER_FLOOR_ITEMS, traits)
        holder = GrowingHolder(
            id=series.id,
            length=series.lengths[-1] if series.lengths else 0,
            items_per_iteration=trend.growth.bytes_per_iteration,
            bound=series.bound,
            limit=series.limit,
            bookkeeping=series.bookkeeping,
        )
        if trend.shape in ("growing", "undecided") and holder.bookkeeping and holder.bounded:
            bookkeeping.append(holder)
        elif trend.shape == "growing":
            growing.append(holder)
        elif trend.shape == "undecided" and holder.bounded:
            filling.append(holder)
        elif trend.shape == "undecided" and not series.type:
            undecided.append(series.id)
    growing.sort(key=lambda holder: (-holder.items_per_iteration, -holder.length))
    return tuple(growing), tuple(filling), tuple(bookkeeping), tuple(undecided)


def _growth_mode(series: HolderSeries) -> GrowthMode:
    if not series.type:
        return ""
    return "appended" if series.type in APPENDED_TYPES or series.only_misses else "keyed"


def _ring_buffers(evidence: Evidence, sites: Sequence[GrowingSite]) -> tuple[GrowingHolder, ...]:
    """Return the ring buffers that hold the memory of all growing sites; none if a site has memory in no ring buffer."""
    keys = {site.key for site in sites}
    rings = [ring for ring in evidence.ring_buffers if keys & ring.lines]
    if not keys or not keys <= frozenset[SiteKey]().union(*(ring.lines for ring in rings)):
        return ()
    iterations = len(evidence.peak) + evidence.warmup
    return tuple(
        GrowingHolder(
            id=ring.id, length=ring.length, items_per_iteration=ring.length / iterations, bound=ring.bound, limit=ring.limit
        )
        for ring in rings
    )


def _string_cache(
    evidence: Evidence, sites: Sequence[GrowingSite], keepers: Sequence[GrowingHolder]
) -> tuple[GrowingSite, ...]:
    """Return the sites that fill pydantic's cache of strings: nothing that was described holds their memory."""
    held = {key for series in evidence.holders for key in series.items}.union(*(keeper.lines for keeper in keepers))
    return tuple(
        site for site in sites if site.key not in held and may_fill_string_cache(site.key, site.retained_bytes, site.blocks)
    )


def _keepers(evidence: Evidence, sites: Sequence[GrowingSite], holders: Collection[int]) -> tuple[GrowingHolder, ...]:
    """Return the objects that keep the memory of growing sites in none of ``holders``, largest growth first."""
    iterations = len(evidence.peak) + evidence.warmup
    kept = sum(site.bytes_per_iteration for site in sites)
    keepers = []
    for keeper in evidence.keepers:
        lines = {site.key: site.bytes_per_iteration for site in sites if site.key in keeper.lines}
        if keeper.behind.isdisjoint(holders) and sum(lines.values()) > MIN_KEEPER_PART * kept:
            length = keeper.length or 0
            rate = length / max(iterations, 1)
            keepers.append(GrowingHolder(id=keeper.id, length=length, items_per_iteration=rate, bound=None, lines=lines))
    return tuple(sorted(keepers, key=lambda keeper: -sum(keeper.lines.values())))
