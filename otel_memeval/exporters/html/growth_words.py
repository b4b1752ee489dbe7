"""Say in words and numbers what a result grows by, for the first screen of the page. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from otel_memeval.records import WORDS, Growth, Resource, Result
from otel_memeval.units import format_bytes, format_items

CALLS_PER_HOUR = 1000
"""Rate at which growth is counted up until the reader sets another one: an agent that is used, and easy to divide."""

_HOURS_OF_A_DAY = 24

CHANNEL_WORDS = {
    "retained": "Retained memory",
    "peak": "Peak above retained memory",
    "native": "C heap",
    "process": "Memory of the process",
}
"""Words of the channels of ``Channels``, in its order."""

_LEAK_WORDS = {
    "retained": "Python's heap",
    "peak": "the peak of a call",
    "native": "the C heap",
    "process": "mapped memory of the process",
}

Kind = Literal["growing", "steady", "unread"]


class Amount(msgspec.Struct, frozen=True):
    """Growth of one kind per iteration; ``unit`` is ``bytes``, or a word for several resources."""

    per_iteration: float
    unit: str
    of: str = ""
    """Part of the memory that grows; empty for a resource."""
    single: str = ""
    """Word for one resource."""

    @property
    def text(self) -> str:
        """The amount with its sign, such as ``+64.2 KiB`` or ``+1 socket``."""
        if self.unit == "bytes":
            return format_bytes(self.per_iteration, signed=True)
        return f"{format_items(self.per_iteration)} {self.unit if self.per_iteration != 1 else self.single}"

    @property
    def per_day(self) -> str:
        """Growth of a day at the usual rate of calls."""
        total = self.per_iteration * CALLS_PER_HOUR * _HOURS_OF_A_DAY
        return format_bytes(total) if self.unit == "bytes" else f"{total:,.0f} {self.unit}"


def amounts(result: Result) -> list[Amount]:
    """Return the growth that the verdict rests on, memory first; none where nothing keeps growing."""
    channels = ["peak"] if result.verdict.state == "creeping" else result.verdict.channels
    found = [
        Amount(_kept_bytes(result) if channel == "retained" else growth.bytes_per_iteration, "bytes", _LEAK_WORDS[channel])
        for channel in channels
        if (growth := growth_of(result, channel)) is not None
    ]
    if len(found) > 1:
        parts = " and ".join(amount.of for amount in found)
        found = [Amount(sum(amount.per_iteration for amount in found), "bytes", parts)]
    memory = result.resources.child_memory_bytes if result.resources is not None else None
    if memory is not None and memory.growing:
        found.append(Amount(memory.per_iteration, "bytes", "child processes"))
    resources = dict(named_resources(result))
    return found + [
        Amount(each.per_iteration, WORDS[key][1], single=WORDS[key][0]) for key, each in resources.items() if each.growing
    ]


def _kept_bytes(result: Result) -> float:
    """Return the retained growth as the sentence of the verdict has it: that of its lines."""
    leaking = [site.bytes_per_iteration for site in result.sites if not site.bounded]
    if leaking:
        return sum(leaking)
    return result.growth.retained.bytes_per_iteration if result.growth.retained is not None else 0.0


def growth_of(result: Result, channel: str) -> Growth | None:
    """Return the growth of a channel by its name; None if it was not judged, or is no channel of memory."""
    growth: Growth | None = getattr(result.growth, channel, None)
    return growth


def named_resources(result: Result) -> list[tuple[str, Resource]]:
    """Return the resources that were read, with their names."""
    found = [(key, getattr(result.resources, key, None)) for key in WORDS]
    return [(key, resource) for key, resource in found if resource is not None]


def leading_channel(result: Result) -> str:
    """Return the channel of memory that leads the verdict; retained memory if none does."""
    if result.verdict.state == "creeping":
        return "peak"
    return next((name for name in result.verdict.channels if name in CHANNEL_WORDS), "retained")


def channel_kind(result: Result, channel: str) -> Kind:
    """Return whether a channel of memory grows by the verdict."""
    if growth_of(result, channel) is None:
        return "unread"
    is_creeping = result.verdict.state == "creeping" and channel == "peak"
    return "growing" if is_creeping or channel in result.verdict.channels else "steady"


def channel_sentence(result: Result, channel: str) -> str:
    """Return growth and interval of a channel, with its part in the verdict."""
    growth = growth_of(result, channel)
    if growth is None:
        return "not judged"
    size = format_bytes(growth.bytes_per_iteration, signed=True)
    interval = f"{format_bytes(growth.ci_low, signed=True)} to {format_bytes(growth.ci_high, signed=True)}"
    kind = "grows" if channel_kind(result, channel) == "growing" else "does not keep growing"
    return f"{kind}, {size} per iteration ({interval})"
