"""Relate the newest items of growing containers to the sites that grow."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from otel_memeval.analysis.evidence import Evidence, SiteKey
from otel_memeval.analysis.growth import NOISY_SLOPE_PART
from otel_memeval.analysis.levels import mean_rise
from otel_memeval.analysis.sites_and_holders import GrowingHolder, GrowingSite
from otel_memeval.records import Channels, Growth

BOUNDED_PART = 0.5
"""A site fills bounded containers if they explain more than this part of its growth."""

MOSTLY_REUSED_PART = 0.8
"""A site whose growth is re-used blocks to this part has no growth of its own: the newest items are a sample."""

LARGE_PART = 0.5
"""Containers with at least this part of the bytes of the largest hold the same growth: one memory is often in several."""


class HolderContents(msgspec.Struct, frozen=True, kw_only=True):
    """A growing container with the memory of its newest items."""

    holder: GrowingHolder
    path: str = ""
    type: str = ""
    items_seen: int
    """Newest items that were measured."""
    items: dict[SiteKey, int]
    """Bytes of the measured items, by the site that allocated them."""
    reused: dict[tuple[SiteKey, SiteKey], int] = {}
    """Bytes of the measured items in re-used blocks, by the site that still has the blocks and the site that uses them."""
    storage: SiteKey | None
    """The site that last made room in the container; None where this is not known."""

    @property
    def bytes_per_iteration(self) -> float | None:
        """Return the growth of all items; None if no item was allocated since the start."""
        if self.holder.lines:
            return sum(self.holder.lines.values())
        return sum(map(self.bytes_of, self.items)) if self.items else None

    def bytes_of(self, site: SiteKey) -> float:
        """Return the growth of the items that a site allocates, in bytes per iteration."""
        if self.holder.lines:
            return self.holder.lines.get(site, 0.0)
        return self.holder.items_per_iteration * self.items.get(site, 0) / self.items_seen if self.items_seen else 0.0


def holders_in_order(holders: Sequence[GrowingHolder], evidence: Evidence) -> tuple[HolderContents, ...]:
    """Return the described ones of the growing containers with their contents, in the order of the report.

    Those without a bound come first, and of these the ones whose items explain most of the growth: at least
    ``LARGE_PART`` of the bytes of the largest. Within each the scenario's own come first, then those that a module leads
    to, then most bytes first. Containers whose bytes are not known keep their order.
    """
    series = {holder.id: holder for holder in evidence.holders}
    others = {ring.id: (ring.path, ring.type) for ring in evidence.ring_buffers}
    others.update((keeper.id, (keeper.path, keeper.type)) for keeper in evidence.keepers)
    contents = []
    for holder in holders:
        if (found := series.get(holder.id)) is not None and found.type:
            contents.append(
                HolderContents(
                    holder=holder,
                    path=found.path,
                    type=found.type,
                    items_seen=found.items_seen,
                    items=found.items,
                    reused=found.reused,
                    storage=found.storage,
                )
            )
        elif holder.id in others:
            path, kind = others[holder.id]
            contents.append(HolderContents(holder=holder, path=path, type=kind, items_seen=0, items={}, storage=None))

    most = {
        bounded: max((_bytes(container) for container in contents if container.holder.bounded is bounded), default=0.0)
        for bounded in (False, True)
    }

    def rank(contents: HolderContents) -> tuple[bool, bool, bool, bool, float]:
        return (
            contents.holder.bounded,
            _bytes(contents) < LARGE_PART * most[contents.holder.bounded],
            not contents.path.startswith(f"{evidence.module}."),
            not contents.path,
            -_bytes(contents),
        )

    return tuple(sorted(contents, key=rank))


def _bytes(contents: HolderContents) -> float:
    return contents.bytes_per_iteration or 0.0


def move_reused_blocks(sites: Sequence[GrowingSite], contents: Sequence[HolderContents]) -> tuple[GrowingSite, ...]:
    """Return the sites with the growth of re-used blocks moved to the sites that use them, largest growth first.

    CPython gives a freed block out again with the traceback of its first user.
    """
    moves: dict[tuple[SiteKey, SiteKey], float] = {}
    for container in contents:
        for key, size in container.reused.items():
            growth = container.holder.items_per_iteration * size / max(container.items_seen, 1)
            moves[key] = max(growth, moves.get(key, 0.0))  # the same items may be in several containers
    moved = {site.key: site for site in sites}
    for (source, user), growth in moves.items():
        if source not in moved:
            continue
        site = moved.pop(source)
        part = min(1.0, growth / site.bytes_per_iteration)
        part = 1.0 if part >= MOSTLY_REUSED_PART else part
        new = GrowingSite(key=user, bytes_per_iteration=0.0, retained_bytes=0, blocks=0)
        moved[user] = _with_part(moved.get(user, new), site, part)
        if part < 1.0:
            moved[source] = _with_part(site, site, -part)
    return tuple(sorted(moved.values(), key=lambda site: (-site.bytes_per_iteration, site.key)))


def _with_part(site: GrowingSite, other: GrowingSite, part: float) -> GrowingSite:
    return msgspec.structs.replace(
        site,
        bytes_per_iteration=site.bytes_per_iteration + part * other.bytes_per_iteration,
        retained_bytes=site.retained_bytes + round(part * other.retained_bytes),
        blocks=site.blocks + round(part * other.blocks),
    )


def mark_bounded_sites(sites: Sequence[GrowingSite], contents: Sequence[HolderContents]) -> tuple[GrowingSite, ...]:
    """Return the sites; those that fill only bounded containers are marked ``bounded``."""
    bounded = [container for container in contents if container.holder.bounded]
    unbounded = [container for container in contents if not container.holder.bounded]
    return tuple(
        msgspec.structs.replace(site, bounded=True) if mainly_fills(site, bounded, unbounded) else site for site in sites
    )


def mainly_fills(site: GrowingSite, contents: Sequence[HolderContents], others: Sequence[HolderContents]) -> bool:
    """Return whether a site's growth goes mainly into these containers, and none of it into the others."""
    share = sum(container.bytes_of(site.key) for container in contents)
    return share > BOUNDED_PART * site.bytes_per_iteration and not any(container.bytes_of(site.key) for container in others)


def growth_from_items(growth: Channels, sites: Sequence[GrowingSite], judged: Sequence[GrowingSite]) -> Channels:
    """Return the growth of the channels, corrected where noise hides a leak that only the items of a container show.

    ``judged``: growing sites by their own series; ``sites``: those, or the sites of items where there are none.
    """
    retained = growth.retained
    if judged or not sites or retained is None:
        return growth
    if retained.ci_high - retained.ci_low <= NOISY_SLOPE_PART * abs(retained.bytes_per_iteration):
        return growth
    kept = sum(site.bytes_per_iteration for site in sites)
    better = Growth(bytes_per_iteration=kept, ci_low=min(retained.ci_low, kept), ci_high=max(retained.ci_high, kept))
    return msgspec.structs.replace(growth, retained=better)


def sites_from_items(contents: Sequence[HolderContents], evidence: Evidence) -> tuple[GrowingSite, ...]:
    """Return the sites that filled the first unbounded container with a known site, largest growth first.

    For a leak that no series of a site shows: the same site makes noise, or the container keeps only references.
    """
    for container in contents:
        if container.holder.bounded:
            continue
        growth = {site: container.bytes_of(site) for site in container.items}
        if not growth and container.storage is not None:
            growth = {container.storage: mean_rise(evidence, evidence.sites.get(container.storage, ()))}
        if growth:
            return tuple(
                GrowingSite(
                    key=site,
                    bytes_per_iteration=growth[site],
                    retained_bytes=evidence.sites.get(site, (0,))[-1],
                    blocks=evidence.blocks.get(site, 0),
                )
                for site in sorted(growth, key=lambda site: (-growth[site], site))
            )
    return ()
