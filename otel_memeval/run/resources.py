"""Resources beside memory: from the worker's readings to the evidence, and from the assessment to the result. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from otel_memeval import wire
from otel_memeval.analysis.evidence import ChildSeries, ResourceSeries, SiteKey
from otel_memeval.analysis.resources import ResourceGrowth, ResourceTrends
from otel_memeval.records import WORDS, ChildMemory, CodeLocation, Resource, Resources
from otel_memeval.redact import one_line
from otel_memeval.units import format_location

_POOLED = {"threads": "pooled_threads", "child_processes": "pooled_processes", "file_descriptors": "pooled_descriptors"}
_MOST_LINES = 3

GRACE_SECONDS = 2.0
"""Time in which processes, threads and tasks that were added may end by themselves, after the last iteration."""


class ResourceReadings:
    """The worker's readings of resources, with its last description."""

    def __init__(self, display_path: Callable[[str], str], secrets: tuple[str, ...]) -> None:
        self._display_path = display_path
        self._secrets = secrets
        self._readings: list[wire.ResourceCounts | None] = []
        self._last: wire.ResourceDescriptions | None = None
        self._added: dict[str, list[wire.AddedResources]] = {}
        self._programs: dict[int, str] = {}
        self._lines: dict[str, tuple[SiteKey, ...]] = {}

    def add(self, counts: wire.ResourceCounts | None) -> None:
        """Take one reading; None if the worker made none."""
        self._readings.append(counts)

    def describe(self, answer: wire.ResourceDescriptions) -> None:
        """Take the description of the resources that were added last; it is later than the last reading."""
        self._last = answer
        self._added = answer.added
        self._programs = {child.process: one_line(child.text, self._secrets) for child in answer.children}

    def locate(self, lines: Mapping[str, tuple[SiteKey, ...]]) -> None:
        """Take the sites that made the added resources, by name, most frequent first."""
        self._lines = dict(lines)

    @property
    def added(self) -> Mapping[str, Sequence[wire.AddedResources]]:
        """Return the resources that were added during the run, by the name of their kind."""
        return self._added

    def _judged(self, places: Sequence[int]) -> list[wire.ResourceCounts]:
        """Return the readings at these places; none if one of them was not made."""
        readings = [counts for place in places if (counts := self._readings[place]) is not None]
        return readings if len(readings) == len(places) else []

    def series(self, places: Sequence[int]) -> tuple[ResourceSeries, ...]:
        """Return the series of each resource at the readings ``places``; without those that could not be read."""
        readings = self._judged(places)
        found = []
        for name in WORDS if readings else ():
            counts = [getattr(each, name) for each in readings]
            if None in counts:
                continue
            pooled = [getattr(each, _POOLED[name]) for each in readings] if name in _POOLED else ()
            if self._last is not None:  # those that ended in the grace period are not kept
                counts[-1] = min(counts[-1], getattr(self._last.counts, name))
            lines = self._lines.get(name, ())
            found.append(
                ResourceSeries(
                    name=name,
                    counts=tuple(counts),
                    pooled=tuple(pooled),
                    examples=self._examples(name),
                    lines=lines,
                    made_at=format_location(self._display_path(lines[0][0]), lines[0][1]) if lines else "",
                )
            )
        return tuple(found)

    def _examples(self, name: str) -> tuple[str, ...]:
        texts: Counter[str] = Counter()
        for group in self._added.get(name, ()):
            texts[one_line(group.text, self._secrets)] += group.count
        return tuple(f"{text} ({count})" if count > 1 else text for text, count in texts.most_common())

    def child_bytes(self, places: Sequence[int]) -> tuple[int, ...]:
        """Return the memory of all children at the readings ``places``; empty if there never was a child."""
        totals = tuple(sum(private for _, _, private in counts.children) for counts in self._judged(places))
        return totals if any(totals) else ()

    def children(self, places: Sequence[int]) -> tuple[ChildSeries, ...]:
        """Return the series of each child that lived at all readings ``places``."""
        readings = [{process: private for process, _, private in counts.children} for counts in self._judged(places)]
        lasting = set(readings[0]).intersection(*readings[1:]) if readings else set()
        return tuple(
            ChildSeries(
                process=process,
                text=self._programs.get(process, ""),
                private_bytes=tuple(reading[process] for reading in readings),
            )
            for process in sorted(lasting)
        )

    def record(self, trends: ResourceTrends, location: Callable[[SiteKey], CodeLocation]) -> Resources | None:
        """Return the record for the result; None if nothing could be read. ``location`` returns a site for display."""
        by_name = {resource.name: _resource_record(resource, location) for resource in trends.resources}
        if not by_name:
            return None
        return Resources(**by_name, child_memory_bytes=self._child_record(trends))

    def _child_record(self, trends: ResourceTrends) -> ChildMemory | None:
        memory = trends.child_memory
        if memory is None:
            return None
        last = self._last
        first = self._readings[0]
        return ChildMemory(
            before=memory.before,
            after=memory.after,
            per_iteration=memory.per_iteration,
            growing=memory.growing,
            resident_bytes=None if last is None else sum(resident for _, resident, _ in last.counts.children),
            unique_bytes_before=None if first is None else first.unique_bytes,
            unique_bytes=None if last is None else last.counts.unique_bytes,
            examples=list(memory.examples),
        )


def _resource_record(resource: ResourceGrowth, location: Callable[[SiteKey], CodeLocation]) -> Resource:
    return Resource(
        before=resource.before,
        after=resource.after,
        per_iteration=resource.per_iteration,
        growing=resource.growing,
        examples=list(resource.examples),
        made_at=[location(line) for line in resource.lines[:_MOST_LINES]],
    )
