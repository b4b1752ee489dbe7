"""Find resources beside memory that keep growing, and children whose memory does. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from otel_memeval.analysis.evidence import ChildSeries, Evidence, ResourceSeries, SiteKey, settled_start
from otel_memeval.analysis.levels import level_traits, level_trend, mean_rise
from otel_memeval.analysis.trend import SeriesTrend
from otel_memeval.records import CHILD_MEMORY, WORDS
from otel_memeval.units import format_bytes, format_items

RESOURCE_FLOOR = 0.1
"""Growth of a resource, in resources per iteration, below which it is ignored: as a container's items."""

CHILD_FLOOR_BYTES = 16_384
"""Growth of the memory of children, in bytes per iteration, below which it is ignored: pages are used for the first time."""


class ResourceGrowth(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one resource before the first measured iteration and after the last, with their trend."""

    name: str
    before: int
    after: int
    per_iteration: float
    growing: bool
    iterations_needed: int = 0
    """Iterations that would decide; 0 if it is decided, or grows too little to matter."""
    examples: tuple[str, ...] = ()
    """Those that were added last, in words, equal ones together."""
    lines: tuple[SiteKey, ...] = ()
    """Sites that made them, most frequent first."""
    made_at: str = ""
    """The first of these sites as the report shows it."""


class ChildMemoryGrowth(msgspec.Struct, frozen=True, kw_only=True):
    """Memory of all child processes in bytes, without that of files and without shared memory, with its trend."""

    before: int
    after: int
    per_iteration: float
    growing: bool
    examples: tuple[str, ...] = ()
    """Children that grow, largest growth first."""


class ResourceTrends(msgspec.Struct, frozen=True, kw_only=True):
    """Trends of all resources that could be read."""

    resources: tuple[ResourceGrowth, ...] = ()
    """In the order of ``WORDS``."""
    child_memory: ChildMemoryGrowth | None = None

    @property
    def growing(self) -> tuple[ResourceGrowth, ...]:
        """Return the resources that keep growing; descriptors are left out if all of their growth is that of sockets."""
        growing = {resource.name: resource for resource in self.resources if resource.growing}
        sockets, descriptors = growing.get("sockets"), growing.get("file_descriptors")
        if sockets and descriptors and descriptors.per_iteration - sockets.per_iteration < RESOURCE_FLOOR:
            del growing["file_descriptors"]
        return tuple(growing.values())

    @property
    def iterations_needed(self) -> int:
        """Return the iterations that would decide all resources; 0 if none is undecided."""
        return max((resource.iterations_needed for resource in self.resources), default=0)

    @property
    def undecided_words(self) -> str:
        """Return the names of the undecided resources in words."""
        return " and ".join(WORDS[resource.name][1] for resource in self.resources if resource.iterations_needed)

    @property
    def child_memory_leaks(self) -> bool:
        """Return whether the memory of children keeps growing."""
        return self.child_memory is not None and self.child_memory.growing

    def channels(self) -> list[str]:
        """Return the names of the resources that grow, and the channel of the memory of children."""
        return [*(resource.name for resource in self.growing), *([CHILD_MEMORY] if self.child_memory_leaks else [])]

    def reasons(self, iterations: int) -> list[str]:
        """Return a reason for each resource that grows, and for the memory of children."""
        reasons = [
            f"{WORDS[resource.name][1]} rose from {resource.before} to {resource.after} in {iterations} iterations, "
            f"{format_items(resource.per_iteration)} per iteration{_examples(resource.examples)}"
            for resource in self.growing
        ]
        memory = self.child_memory
        if memory is not None and memory.growing:
            rise = format_bytes(memory.per_iteration, signed=True)
            reasons.append(f"the memory of child processes rose by {rise} per iteration{_examples(memory.examples)}")
        return reasons


def _examples(examples: Sequence[str]) -> str:
    return f": {', '.join(examples[:3])}" if examples else ""


def resource_trends(evidence: Evidence) -> ResourceTrends:
    """Return the trends of the resources of a run; of those that could be read."""
    series = {resource.name: resource for resource in evidence.resources}
    growing = {name: _trend(evidence, _judged(resource)).shape for name, resource in series.items()}
    if "sockets" in series:  # a pool of sockets that comes and goes must not hide other descriptors, and the reverse
        descriptors, sockets = series["file_descriptors"], series["sockets"]
        others = [count - part for count, part in zip(_judged(descriptors), sockets.counts)]
        if "growing" in (growing["sockets"], _trend(evidence, others).shape):
            growing["file_descriptors"] = "growing"
    resources = tuple(_growth(evidence, series[name], growing[name]) for name in WORDS if name in series)
    leaves_children = any(resource.name == "child_processes" and resource.growing for resource in resources)
    return ResourceTrends(resources=resources, child_memory=_child_memory(evidence, leaves_children=leaves_children))


def _judged(resource: ResourceSeries) -> list[int]:
    """Return the numbers without those in pools, which fill up to a limit."""
    return [count - pooled for count, pooled in zip(resource.counts, resource.pooled or (0,) * len(resource.counts))]


def _trend(evidence: Evidence, counts: Sequence[int]) -> SeriesTrend:
    return level_trend(evidence, counts, RESOURCE_FLOOR, level_traits(evidence, growth_mode="appended"))


def _growth(evidence: Evidence, resource: ResourceSeries, shape: str) -> ResourceGrowth:
    counts = settled_start(evidence, resource.counts) or (0,)
    trend = _trend(evidence, resource.counts)
    needed = trend.steps_needed or 2 * len(evidence.peak)
    matters = mean_rise(evidence, resource.counts) >= RESOURCE_FLOOR
    return ResourceGrowth(
        name=resource.name,
        before=counts[0],
        after=counts[-1],
        per_iteration=trend.growth.bytes_per_iteration,
        growing=shape == "growing",
        iterations_needed=needed if trend.shape == shape == "undecided" and matters else 0,
        examples=resource.examples,
        lines=resource.lines,
        made_at=resource.made_at,
    )


def _child_memory(evidence: Evidence, *, leaves_children: bool) -> ChildMemoryGrowth | None:
    """Return the growth of the memory of children: that of children which live all the time, or that of added ones."""
    if not evidence.child_bytes:
        return None
    total = _memory_trend(evidence, evidence.child_bytes)
    lasting = [child for child in evidence.children if len(child.private_bytes) == len(evidence.child_bytes)]
    together = [sum(values) for values in zip(*(child.private_bytes for child in lasting))]
    trends = {child.process: _memory_trend(evidence, child.private_bytes) for child in lasting}
    grown = [child for child in lasting if trends[child.process].shape == "growing"]
    growing = bool(grown) or _memory_trend(evidence, together).shape == "growing"
    adds = leaves_children and total.growth.bytes_per_iteration >= CHILD_FLOOR_BYTES
    values = settled_start(evidence, evidence.child_bytes) or (0,)
    by_growth = sorted(grown or lasting, key=lambda child: -trends[child.process].growth.bytes_per_iteration)
    return ChildMemoryGrowth(
        before=values[0],
        after=values[-1],
        per_iteration=total.growth.bytes_per_iteration,
        growing=growing or adds,
        examples=tuple(_child_example(child, trends[child.process]) for child in by_growth) if growing else (),
    )


def _memory_trend(evidence: Evidence, values: Sequence[int]) -> SeriesTrend:
    return level_trend(evidence, values, CHILD_FLOOR_BYTES, level_traits(evidence, noisy=True))


def _child_example(child: ChildSeries, trend: SeriesTrend) -> str:
    rise = format_bytes(trend.growth.bytes_per_iteration, signed=True)
    return f"{child.text or f'process {child.process}'} ({rise} per iteration)"
