"""Take growth that the user ignores out of the evidence. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from otel_memeval.analysis.evidence import Evidence, SiteKey
from otel_memeval.analysis.holder_contents import HolderContents, mainly_fills
from otel_memeval.analysis.resources import ResourceTrends
from otel_memeval.analysis.sites_and_holders import GrowingSite
from otel_memeval.records import CHILD_MEMORY


class SuppressedGrowth(msgspec.Struct, frozen=True, kw_only=True):
    """Growth that is not judged; of a site, or of a container with the sites that fill it."""

    site: SiteKey | None = None
    path: str = ""
    resource: str = ""
    bytes_per_iteration: float
    """A number of resources for a ``resource`` other than the memory of children."""
    reason: str


def suppress(
    evidence: Evidence, sites: Sequence[GrowingSite], holders: Sequence[HolderContents]
) -> tuple[Evidence, tuple[SuppressedGrowth, ...]]:
    """Return the evidence without ignored sites and containers, and the growth that this takes out.

    ``sites`` and ``holders``: those that grow by the whole evidence. A site that mainly fills ignored containers, and no
    other, is taken out with them, and so is a container whose items only ignored sites allocate. The retained total becomes
    smaller by the sites that are taken out.
    """
    ignored = [contents for contents in holders if contents.holder.id in evidence.ignored_holders]
    others = [contents for contents in holders if contents.holder.id not in evidence.ignored_holders]
    suppressed = []
    filling: set[SiteKey] = set()
    for contents in ignored:
        inside = [site for site in sites if site.key not in filling and _is_filled_by(contents, site, ignored, others)]
        filling.update(site.key for site in inside)
        suppressed.append(
            SuppressedGrowth(
                path=contents.path,
                bytes_per_iteration=sum(site.bytes_per_iteration for site in inside),
                reason=evidence.ignored_holders[contents.holder.id],
            )
        )
    for site in sites:
        rule = evidence.ignored_sites.get(site.key)
        if rule is not None and site.key not in filling:
            suppressed.append(
                SuppressedGrowth(site=rule.site, bytes_per_iteration=site.bytes_per_iteration, reason=rule.reason)
            )
    removed = {*evidence.ignored_sites, *filling}
    named = {site.key for site in sites}
    removed.update(
        source for contents in holders for source, user in contents.reused if user in removed and source not in named
    )
    emptied = {contents.holder.id for contents in others if contents.items and contents.items.keys() <= removed}
    return _without(evidence, removed, {*evidence.ignored_holders, *emptied}), tuple(suppressed)


def suppress_resources(evidence: Evidence, trends: ResourceTrends) -> tuple[Evidence, tuple[SuppressedGrowth, ...]]:
    """Return the evidence without ignored resources, and the growth that this takes out.

    ``trends``: those of the whole evidence. Descriptors are without the sockets, if these are ignored.
    """
    ignored = evidence.ignored_resources
    growing = {resource.name: resource.per_iteration for resource in trends.growing}
    if trends.child_memory is not None and trends.child_memory.growing:
        growing[CHILD_MEMORY] = trends.child_memory.per_iteration
    suppressed = [
        SuppressedGrowth(resource=name, bytes_per_iteration=growing[name], reason=reason)
        for name, reason in ignored.items()
        if name in growing
    ]
    sockets = next((series.counts for series in evidence.resources if series.name == "sockets"), ())
    remaining = []
    for series in evidence.resources:
        if series.name == "file_descriptors" and "sockets" in ignored:
            counts = tuple(count - part for count, part in zip(series.counts, sockets))
            remaining.append(msgspec.structs.replace(series, counts=counts))
        elif series.name not in ignored:
            remaining.append(series)
    evidence = msgspec.structs.replace(evidence, resources=tuple(r for r in remaining if r.name not in ignored))
    if CHILD_MEMORY in ignored:
        evidence = msgspec.structs.replace(evidence, children=(), child_bytes=())
    return evidence, tuple(suppressed)


def _is_filled_by(
    contents: HolderContents, site: GrowingSite, ignored: Sequence[HolderContents], others: Sequence[HolderContents]
) -> bool:
    """Return whether a site's growth is items of this container, or the room for them, and in no other container."""
    if contents.storage == site.key:
        return not any(container.storage == site.key or container.bytes_of(site.key) for container in others)
    return contents.bytes_of(site.key) > 0 and mainly_fills(site, ignored, others)


def _without(evidence: Evidence, sites: Collection[SiteKey], holders: Collection[int]) -> Evidence:
    removed = [evidence.sites[site] for site in sites if site in evidence.sites]
    retained = [total - sum(values) for total, *values in zip(evidence.retained, *removed)] if removed else evidence.retained
    return msgspec.structs.replace(
        evidence,
        retained=tuple(retained),
        sites={site: values for site, values in evidence.sites.items() if site not in sites},
        holders=tuple(holder for holder in evidence.holders if holder.id not in holders),
        ring_buffers=tuple(ring for ring in evidence.ring_buffers if ring.id not in holders),
        keepers=tuple(keeper for keeper in evidence.keepers if keeper.id not in holders),
    )
