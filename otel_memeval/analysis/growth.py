"""What grows in a run: trends of each line, container and channel, worked out once. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from otel_memeval.analysis.evidence import Evidence, HolderSeries, SiteKey, settled_start
from otel_memeval.analysis.rises import Gathers
from otel_memeval.analysis.trend import Nature, Trend, kept, rises_of, trend_of
from otel_memeval.analysis.untraced import native_trend, process_trend
from otel_memeval.records import Channels, Growth

SITE_FLOOR_BYTES = 8
"""Growth per iteration below which a single line is not worth a word: one pointer in a list."""

TOTAL_FLOOR_BYTES = 48
"""The same for everything that is retained together; a leak below it is found by its holder."""

PEAK_FLOOR_BYTES = 256
"""The same for the peak."""

HOLDER_FLOOR_ITEMS = 0.1
"""A container that gains an item every tenth iteration."""

APPENDED_TYPES = ("list", "deque")
"""Containers that gain an item with each event, whatever it is."""


MOST_ITERATIONS_TO_FILL = 1_000_000
"""A bound that is further away than this many iterations is none."""

MOST_BYTES_TO_FILL = 1 << 36
"""Nor is one that would take more memory than this (64 GiB); the same on every machine, so that a verdict is."""


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
    limit: str = ""
    """What bounds it, in words."""
    bookkeeping: bool = False
    """Weak references only: no other memory hangs on it."""

    @property
    def bounded(self) -> bool:
        """Whether anything bounds it, however far away."""
        return self.bound is not None or bool(self.limit)

    def ends(self, bytes_per_iteration: float) -> bool:
        """Whether it is bounded, and near enough: with what the run keeps in all, the machine would still be there."""
        if self.bound is None:
            return bool(self.limit)
        iterations = (self.bound - self.length) / self.items_per_iteration
        return iterations <= MOST_ITERATIONS_TO_FILL and iterations * bytes_per_iteration <= MOST_BYTES_TO_FILL


class Trends(msgspec.Struct, frozen=True, kw_only=True):
    """The trends of a whole run."""

    retained: Trend
    peak: Trend
    native: Trend
    calls_apart: int
    """How many calls lay between the readings that ``native`` is from."""
    process: Trend
    sites: tuple[GrowingSite, ...]
    open_sites: tuple[Trend, ...]
    """Trends of lines that cannot be told yet."""
    holders: tuple[GrowingHolder, ...]
    filling: tuple[GrowingHolder, ...]
    """Containers with a bound that rose and may or may not go on: both is harmless."""
    filled: bool
    """Whether everything that was retained came with those."""
    undecided_holders: tuple[int, ...]
    """Ids of containers of which the type would tell whether they go on growing."""
    kept: float
    """Bytes an iteration that the growing lines keep together."""
    net: float
    """The same less what other lines steadily lose."""


def trends_of_run(evidence: Evidence) -> Trends:
    """The trends of all that a run's evidence holds."""
    holders, filling, undecided_holders = _holder_trends(evidence)
    sites, open_sites, lost = _site_trends(
        evidence, _places_of_rises(evidence, holders), _places_of_rises(evidence, filling)
    )
    kept_bytes = sum(site.bytes_per_iteration for site in sites)
    peak = trend_of(
        settled_start(evidence, evidence.peak), PEAK_FLOOR_BYTES, _nature(evidence, noisy=True, gathers="redrawn")
    )
    return Trends(
        retained=trend_of(settled_start(evidence, evidence.retained), TOTAL_FLOOR_BYTES, _nature(evidence)),
        peak=peak,
        native=native_trend(evidence),
        calls_apart=1 if evidence.batched_native is None else evidence.batched_native.calls_apart,
        process=process_trend(evidence, peak),
        sites=sites,
        open_sites=open_sites,
        holders=holders or _rings(evidence, sites),
        filling=filling,
        filled=_rises(evidence, evidence.retained, TOTAL_FLOOR_BYTES) in _places_of_rises(evidence, filling),
        undecided_holders=undecided_holders,
        kept=kept_bytes,
        net=kept_bytes - lost,
    )


def _nature(evidence: Evidence, *, noisy: bool = False, one_block: bool = False, gathers: Gathers = "") -> Nature:
    return Nature(noisy=noisy, one_block=one_block, gathers=gathers, calls_before=max(evidence.warmup, 1))


def channels(series: Trends, iterations: int) -> Channels:
    """Growth by channel. Where the total is noisy, or other lines move it, the sum of growing lines is better."""
    if iterations < 2:
        return Channels()
    retained = series.retained.growth
    spread = retained.ci_high - retained.ci_low
    differ = abs(retained.bytes_per_iteration - series.net)
    if series.sites and max(spread, differ) > 0.1 * abs(retained.bytes_per_iteration):
        low = min(retained.ci_low, series.net)
        high = max(retained.ci_high, series.net)
        retained = Growth(bytes_per_iteration=series.net, ci_low=low, ci_high=high)
    return Channels(retained=retained, peak=series.peak.growth, native=series.native.growth, process=series.process.growth)


Places = tuple[int, ...]
"""Of the rises of a series, counted from its start."""


def _places_of_rises(evidence: Evidence, holders: Sequence[GrowingHolder]) -> frozenset[Places]:
    ids = {holder.id for holder in holders}
    return frozenset(_rises(evidence, holder.lengths, HOLDER_FLOOR_ITEMS) for holder in evidence.holders if holder.id in ids)


def _rises(evidence: Evidence, values: Sequence[int], floor: float) -> Places:
    return tuple(rises_of(kept(settled_start(evidence, values)), floor))


def _site_trends(
    evidence: Evidence, growing_with: frozenset[Places], filling_with: frozenset[Places]
) -> tuple[tuple[GrowingSite, ...], tuple[Trend, ...], float]:
    """The growing lines, the trends of those that cannot be told, and what lines steadily lose (bytes an iteration).

    A line that cannot be told by itself goes the way of the container whose rises are its own: that grows (its places are
    in ``growing_with``), or fills up to a bound (``filling_with``).
    """
    growing = []
    undecided = []
    lost = 0.0
    for key, values in evidence.sites.items():
        judged = settled_start(evidence, values)
        if not judged or max(judged) - min(judged) < SITE_FLOOR_BYTES:
            continue
        trend = trend_of(judged, SITE_FLOOR_BYTES, _nature(evidence, one_block=evidence.blocks.get(key) == 1))
        rises = _rises(evidence, values, SITE_FLOOR_BYTES) if trend.shape == "undecided" else ()
        if trend.shape == "growing" or rises in growing_with:
            growing.append(
                GrowingSite(
                    key=key,
                    bytes_per_iteration=trend.growth.bytes_per_iteration
                    if trend.shape == "growing"
                    else (judged[-1] - judged[0]) / (len(judged) - 1),
                    retained_bytes=values[-1],
                    blocks=evidence.blocks.get(key, 0),
                )
            )
        elif trend.shape == "undecided" and rises not in filling_with:
            if trend.growth.bytes_per_iteration >= TOTAL_FLOOR_BYTES:
                undecided.append(trend)
        elif judged[-1] < judged[0]:
            losing = trend_of([-value for value in judged], SITE_FLOOR_BYTES, _nature(evidence))
            lost += losing.growth.bytes_per_iteration if losing.shape == "growing" else 0.0
    growing.sort(key=lambda site: (-site.bytes_per_iteration, site.key))
    undecided.sort(key=lambda trend: -trend.growth.bytes_per_iteration)
    return tuple(growing), tuple(undecided), lost


def _holder_trends(
    evidence: Evidence,
) -> tuple[tuple[GrowingHolder, ...], tuple[GrowingHolder, ...], tuple[int, ...]]:
    """The growing containers, those that fill up to a bound, and those of which the type would tell."""
    growing = []
    filling = []
    untold = []
    for holder in evidence.holders:
        lengths = settled_start(evidence, holder.lengths)
        trend = trend_of(lengths, HOLDER_FLOOR_ITEMS, _nature(evidence, gathers=_gathers(holder)))
        told = GrowingHolder(
            id=holder.id,
            length=holder.lengths[-1] if holder.lengths else 0,
            items_per_iteration=trend.growth.bytes_per_iteration,
            bound=holder.bound,
            limit=holder.limit,
            bookkeeping=holder.bookkeeping,
        )
        if trend.shape == "growing":
            growing.append(told)
        elif trend.shape == "undecided" and told.bounded:
            filling.append(told)
        elif trend.shape == "undecided" and not holder.type:
            untold.append(holder.id)
    growing.sort(key=lambda holder: (-holder.items_per_iteration, -holder.length))
    return tuple(growing), tuple(filling), tuple(untold)


def _gathers(holder: HolderSeries) -> Gathers:
    if not holder.type:
        return ""
    appended = holder.type in APPENDED_TYPES or holder.only_misses
    return "appended" if appended else "keyed"


def _rings(evidence: Evidence, sites: Sequence[GrowingSite]) -> tuple[GrowingHolder, ...]:
    """The lists that end and hold what all growing lines allocate; none if a line's objects are in no such list."""
    lines = {site.key for site in sites}
    inside = [one for one in evidence.ring_buffers if lines & one.lines]
    if not lines or not lines <= frozenset[SiteKey]().union(*(one.lines for one in inside)):
        return ()
    iterations = len(evidence.peak) + evidence.warmup
    return tuple(
        GrowingHolder(
            id=one.id, length=one.length, items_per_iteration=one.length / iterations, bound=one.bound, limit=one.limit
        )
        for one in inside
    )
