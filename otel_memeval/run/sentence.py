"""The sentence of a verdict: state, amount, site and holder. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otel_memeval.analysis.judge import Judgement
from otel_memeval.analysis.resources import ResourceGrowth, ResourceTrends
from otel_memeval.records import WORDS, Holder, Site
from otel_memeval.units import format_bytes, format_items, format_location

MAX_PATH_CHARACTERS = 100
"""Characters of a holder's path up to which the sentence has all of it: about one line of a terminal."""

UNTRACED = {"native": "in the C heap", "process": "in the process' own pages", "mapped": "mapped"}
"""Memory outside of the traced heap, in words."""


def describe_holder(holder: Holder) -> str:
    """Return path, type and growth of a holder: ``scenarios.leaky_team.SESSIONS (dict, +1 per iteration)``."""
    bound = f", at most {holder.bound}" if holder.bound is not None else ""
    path = _ends(holder.path) or "a container that no module leads to"
    rate = f", {format_items(holder.items_per_iteration)} per iteration" if holder.items_per_iteration else ""
    return f"{path} ({holder.type}{rate}{bound})"


def _ends(path: str) -> str:
    """Return a long path with its ends only; the table has all of it."""
    steps = path.split(" -> ")
    if len(path) <= MAX_PATH_CHARACTERS or len(steps) < 4:
        return path
    return f"{steps[0]} -> ... -> {steps[-2]} -> {steps[-1]}"


def verdict_sentence(
    judgement: Judgement,
    sites: Sequence[Site],
    holders: Sequence[Holder],
    iterations: int,
    suppressed: int = 0,
    missing_channels: Sequence[str] = (),
) -> str:
    """Return one sentence with the state of the memory, the amount, the first site and the first holder.

    The amount of a leak is the growth of its sites plus the growth of the leaking channels outside of the traced heap.
    ``suppressed`` is the number of leaks that are not judged. A sentence that says that nothing grows names the
    ``missing_channels``.
    """
    growth = judgement.growth
    untraced = {
        UNTRACED["mapped" if name == "process" and judgement.maps else name]: channel.bytes_per_iteration
        for name in judgement.leaking_channels
        if name in UNTRACED and (channel := getattr(growth, name))
    }
    kept_bytes = sum(site.bytes_per_iteration for site in sites if judgement.state == "bounded" or not site.bounded)
    if not sites and growth.retained is not None:
        kept_bytes = growth.retained.bytes_per_iteration
    if judgement.state == "bounded" and judgement.reasons and not holders and not sites:
        return f"fills a cache that will end: {judgement.reasons[0]}"
    location = f"; allocated {_at(sites[0])}" if sites else ""
    held = f", held by {describe_holder(holders[0])}" if holders else ""
    if judgement.state == "leaking":
        left = resources_left(judgement.resources)
        if left and judgement.memory_state not in ("leaking", "native-leak"):
            return left
        total = format_bytes(kept_bytes + sum(untraced.values()))
        return f"{left}{', and ' if left else ''}keeps {total} more every iteration{_parts(untraced)}{location}{held}"
    if judgement.state == "bounded":
        amount = f"keeps {format_bytes(kept_bytes)} more every iteration" if kept_bytes > 0 else "fills a container"
        return f"{amount}{location}{held}: a bounded cache that is still filling"
    if judgement.state == "creeping" and growth.peak is not None:
        return (
            f"needs {format_bytes(growth.peak.bytes_per_iteration)} more at its peak every iteration, and keeps none of it"
        )
    if judgement.state == "native-leak" and untraced:
        places = " and ".join(untraced)
        return f"keeps {format_bytes(sum(untraced.values()))} more every iteration outside of Python's traced heap, {places}"
    return _without_growth(judgement, iterations, suppressed, missing_channels)


def resources_left(trends: ResourceTrends) -> str:
    """Return the resources that grow, such as ``leaves 1 more thread behind every iteration: Thread of app.poll (20)``.

    Children whose own memory grows are named with it. Empty if no resource grows.
    """
    parts = []
    growing = trends.growing
    if growing:
        numbers = " and ".join(_number_of(resource) for resource in growing)
        examples = ", ".join(f"{example}{_made_at(resource)}" for resource in growing for example in resource.examples[:1])
        parts.append(f"leaves {numbers} behind every iteration{': ' if examples else ''}{examples}")
    memory = trends.child_memory
    if memory is not None and memory.growing:
        rise = format_bytes(memory.per_iteration)
        named = f": {memory.examples[0].partition(' (')[0]}" if memory.examples else ""
        parts.append(f"keeps {rise} more every iteration in {'them' if growing else 'a child process'}{named}")
    return ", and ".join(parts)


def _made_at(resource: ResourceGrowth) -> str:
    return f", made at {resource.made_at}" if resource.made_at else ""


def _number_of(resource: ResourceGrowth) -> str:
    """Return a number of resources: ``1 more thread``, ``2.5 more sockets``."""
    number = format_items(resource.per_iteration).lstrip("+")
    return f"{number} more {WORDS[resource.name][number != '1']}"


def _at(site: Site) -> str:
    return f"{'at' if site.line else 'in'} {format_location(site.file, site.line)}"


def _without_growth(judgement: Judgement, iterations: int, suppressed: int, missing_channels: Sequence[str]) -> str:
    aside = f", apart from {suppressed} suppressed leak{'' if suppressed == 1 else 's'}" if suppressed else ""
    if missing_channels:
        aside += f"; not read: {' and '.join(channel.partition(' (')[0] for channel in missing_channels)}"
    reason = judgement.reasons[0] if judgement.reasons else ""
    if judgement.state == "settling":
        return f"grew at first and levelled off within {iterations} iterations{aside}"
    if judgement.state == "stable":
        read = read_words(judgement)
        return f"keeps nothing from one iteration to the next, over {iterations} iterations{read}{aside}"
    if judgement.state == "idle":
        return f"did no work: {reason or 'no activity was seen'}"
    if judgement.state == "inconclusive":
        return f"cannot tell yet after {iterations} iterations: {reason or 'too little was measured'}"
    return f"failed: {reason or 'no iteration was measured'}"


def read_words(judgement: Judgement) -> str:
    """Return the channels and resources that were read, as ``: neither memory nor threads``; empty without resources."""
    named = [WORDS[resource.name][1] for resource in judgement.resources.resources if resource.name != "sockets"]
    return f": neither memory nor {', '.join(named)}" if named else ""


def _parts(untraced: Mapping[str, float]) -> str:
    """Return the part of a leak's bytes in each channel outside of the traced heap."""
    parts = [f"{format_bytes(size)} of it {words}" for words, size in untraced.items()]
    return f" ({', '.join(parts)})" if parts else ""
