"""Describe growth of a result in words for reports of build systems. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from otel_memeval.exporters.terminal.advice import next_step
from otel_memeval.exporters.terminal.text import code_location
from otel_memeval.records import WORDS, Result
from otel_memeval.redact import visible
from otel_memeval.run.sentence import describe_holder
from otel_memeval.units import format_bytes, format_items

_CHANNELS = {"retained": "", "peak": " at the peak", "native": " in the C heap", "process": " in the process"}
"""Channels of growth in words."""


def growth_words(result: Result) -> str:
    """Return the growth per iteration of the channels that the verdict rests on; ``-`` if none was judged."""
    names = result.verdict.channels or ["peak" if result.verdict.state == "creeping" else "retained"]
    parts = [
        f"{format_bytes(growth.bytes_per_iteration, signed=True)}{words}"
        for name, words in _CHANNELS.items()
        if name in names and (growth := getattr(result.growth, name)) is not None
    ]
    return ", ".join([*parts, *_resource_words(result)]) or "-"


def _resource_words(result: Result) -> Iterator[str]:
    """Yield the growth of each resource that grows."""
    if result.resources is None:
        return
    for name, (_, words) in WORDS.items():
        resource = getattr(result.resources, name)
        if resource is not None and resource.growing:
            yield f"{format_items(resource.per_iteration)} {words}"
    memory = result.resources.child_memory_bytes
    if memory is not None and memory.growing:
        yield f"{format_bytes(memory.per_iteration, signed=True)} in child processes"


def detail_lines(result: Result) -> list[str]:
    """Return growing lines, containers and the next step as plain lines."""
    lines = []
    for site in result.sites:
        size = format_bytes(site.bytes_per_iteration, signed=True)
        lines.append(f"line that grows: {code_location(site.file, site.line, site.function)}, {size} per iteration")
    lines += [f"container that grows: {visible(describe_holder(holder))}" for holder in result.holders]
    if step := next_step(result):
        lines.append(f"next: {visible(step)}")
    return lines
