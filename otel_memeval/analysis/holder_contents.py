"""What the newest items of growing containers say about the lines that grow. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from otel_memeval.analysis.evidence import Evidence, SiteKey
from otel_memeval.analysis.growth import GrowingHolder, GrowingSite
from otel_memeval.records import Channels, Growth

MOST_OF_IT = 0.5
"""A line fills bounded containers if they explain this part of its growth."""

NOISY = 0.1
"""An interval wider than this part of a slope says that the slope is not the best figure."""


class HolderContents(msgspec.Struct, frozen=True, kw_only=True):
    """A growing container, and what its ``items_seen`` newest items take: bytes by line."""

    holder: GrowingHolder
    items_seen: int
    items: dict[SiteKey, int]
    storage: SiteKey | None
    """The line that last made room in the container; None where that is not known."""

    @property
    def bytes_per_iteration(self) -> float | None:
        """What the container's items take more every iteration; None where no item was allocated since the start."""
        return sum(map(self.bytes_of, self.items)) if self.items else None

    def bytes_of(self, line: SiteKey) -> float:
        """What of it one line allocates."""
        return self.holder.items_per_iteration * self.items.get(line, 0) / self.items_seen if self.items_seen else 0.0


def mark_bounded_sites(sites: Sequence[GrowingSite], contents: Sequence[HolderContents]) -> tuple[GrowingSite, ...]:
    """The growing sites, those that fill bounded containers told apart from those that leak."""
    bounded = [one for one in contents if one.holder.bounded]
    endless = [one for one in contents if not one.holder.bounded]
    return tuple(
        msgspec.structs.replace(site, bounded=True)
        if sum(one.bytes_of(site.key) for one in bounded) > MOST_OF_IT * site.bytes_per_iteration
        and not any(one.bytes_of(site.key) for one in endless)
        else site
        for site in sites
    )


def growth_from_items(growth: Channels, sites: Sequence[GrowingSite], judged: Sequence[GrowingSite]) -> Channels:
    """The channels' growth; where noise hides it and only a container's items show the leak, by these items."""
    retained = growth.retained
    if judged or not sites or retained is None:
        return growth
    if retained.ci_high - retained.ci_low <= NOISY * abs(retained.bytes_per_iteration):
        return growth
    kept = sum(site.bytes_per_iteration for site in sites)
    better = Growth(bytes_per_iteration=kept, ci_low=min(retained.ci_low, kept), ci_high=max(retained.ci_high, kept))
    return msgspec.structs.replace(growth, retained=better)


def sites_from_items(contents: Sequence[HolderContents], evidence: Evidence) -> tuple[GrowingSite, ...]:
    """The lines that filled the first of the unbounded containers that says any: for a leak that no line's own series
    shows, because the same line makes noise, or because only references are kept.
    """
    for one in contents:
        if one.holder.bounded:
            continue
        lines = {line: one.bytes_of(line) for line in one.items}
        if not lines and one.storage is not None:
            values = evidence.sites.get(one.storage, (0, 0))
            lines = {one.storage: (values[-1] - values[0]) / max(1, len(values) - 1)}
        if lines:
            return tuple(
                GrowingSite(
                    key=line,
                    bytes_per_iteration=lines[line],
                    retained_bytes=evidence.sites.get(line, (0,))[-1],
                    blocks=evidence.blocks.get(line, 0),
                )
                for line in sorted(lines, key=lambda line: (-lines[line], line))
            )
    return ()
