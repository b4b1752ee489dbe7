"""From the evidence to the verdict. Pure; each rule phrases its own reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median

import msgspec

from otel_memeval.analysis.context_growth import context_reasons
from otel_memeval.analysis.evidence import Evidence, settled_start
from otel_memeval.analysis.growth import (
    TOTAL_FLOOR_BYTES,
    GrowingHolder,
    GrowingSite,
    Trends,
    channels,
    trends_of_run,
)
from otel_memeval.analysis.noise import typical_step
from otel_memeval.analysis.rises import LEFT
from otel_memeval.analysis.trend import FEWEST_STEPS
from otel_memeval.analysis.untraced import MAPPED_FLOOR_BYTES, PROCESS_FLOOR_BYTES, hidden_native_bytes
from otel_memeval.records import Channels, Growth
from otel_memeval.units import format_bytes
from otel_memeval.verdicts import State

UNEXPLAINED = 0.05
"""Growth outside of the traced heap has to be more than this part of the growth inside: malloc's headers are not ours."""

FEWEST_FOR_HOLDERS = 10
"""Iterations from which on a growing container is a leak although its bytes are too few to tell."""

OPEN_PEAK = 0.1
"""A peak that cannot be told yet is worth more iterations if it rose by this part of itself."""

OPEN_PART = 1e-3
"""A total that cannot be told yet is worth more iterations if it rises by this part of itself an iteration; below, the
verdict says that it was too little to tell."""

MOVED = 0.25
"""If all lines together keep less than this part of what the growing ones gain, memory only moved between lines."""

IDLE_PEAK_BYTES = 32
"""A function that allocates no more than this above what calling takes has done nothing."""

IDLE_NATIVE_BYTES = 4096
"""A C heap that moves by more than this has been worked with."""

IDLE_ASYNC_PEAK_BYTES = 65_536
IDLE_CPU_SECONDS = 0.02
"""What an agent framework may spend on making a stream that nobody reads."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A state with its evidence; the sentence is written once the places are known (``phrase``)."""

    state: State
    reasons: tuple[str, ...]
    growth: Channels
    sites: tuple[GrowingSite, ...]
    """Largest growth first."""
    holders: tuple[GrowingHolder, ...]
    leaking_channels: tuple[str, ...] = ()
    """Of ``growth``, the names of the channels outside of the peak that a leak is in, largest first."""
    undecided_holders: tuple[int, ...] = ()
    """Containers of which the type would tell whether they go on growing."""
    iterations_needed: int | None = None


def judge(evidence: Evidence) -> Judgement:
    """The verdict on a run. Never ``stable`` for want of evidence: too few iterations are ``inconclusive``."""
    iterations = len(evidence.peak)
    series = trends_of_run(evidence)
    growth = channels(series, iterations)

    def judgement(state: State, *reasons: str, iterations_needed: int | None = None) -> Judgement:
        return Judgement(
            state=state,
            reasons=reasons,
            growth=growth,
            sites=series.sites,
            holders=series.holders,
            leaking_channels=_leaking_channels(series, growth) if state in ("leaking", "native-leak") else (),
            undecided_holders=series.undecided_holders,
            iterations_needed=iterations_needed,
        )

    if evidence.failed:
        return judgement("failed", f"{evidence.failed} iterations raised an error")
    if iterations == 0:
        return judgement("failed", "no iteration was measured")
    unbounded = [holder for holder in series.holders if not holder.ends(series.kept)]
    if series.sites and series.net >= MOVED * series.kept and _total_agrees(series, evidence):
        beside = _outside_reasons(series)
        if series.holders and not unbounded and beside and all(holder.bookkeeping for holder in series.holders):
            return judgement("native-leak", *beside)
        if series.holders and not unbounded:
            return judgement("bounded", *(_bounded_reason(holder) for holder in series.holders))
        return judgement("leaking", _leak_reason(series, iterations), *_too_far(series), *_outside_reasons(series))
    if unbounded and iterations >= FEWEST_FOR_HOLDERS and series.retained.growth.bytes_per_iteration > 0:
        return judgement("leaking", _holder_reason(unbounded[0], iterations), *_outside_reasons(series))
    outside = _outside_reasons(series)
    if outside:
        return judgement("native-leak", *outside)
    idle = _idle_reason(evidence)
    if idle:
        return judgement("idle", idle)
    if series.peak.shape == "growing":
        return judgement(
            "creeping",
            f"the peak rose to the end, by {_per_iteration(series.peak.growth)}; "
            f"retained memory did not ({series.retained.shape})",
            *context_reasons(evidence),
        )
    return _without_growth(series, evidence, judgement)


def _without_growth(series: Trends, evidence: Evidence, judgement: Callable[..., Judgement]) -> Judgement:
    """What is left when nothing is plainly growing: undecided, levelled off, or stable."""
    iterations = len(evidence.peak)
    undecided = [
        (name, trend, trend.growth.bytes_per_iteration >= OPEN_PART * level)
        for name, trend, level in (
            ("retained memory", series.retained, _level(evidence.retained)),
            ("the C heap", series.native, _level(evidence.native)),
            ("the process' own memory", series.process, _process_level(evidence)),
            ("the peak", series.peak, 0.0 if _peak_rose(evidence) else math.inf),
            *(("a line's live memory", trend, _line_level(series, evidence)) for trend in series.open_sites[:1]),
        )
        if trend.shape == "undecided" or (trend is series.retained and trend.shape == "growing")
    ]
    if series.filled and not series.open_sites and all(trend is series.retained for _, trend, open_ in undecided if open_):
        return judgement("bounded", *(_bounded_reason(holder) for holder in series.filling))
    worth_more = [(name, trend) for name, trend, relevant in undecided if relevant]
    if worth_more or iterations < FEWEST_STEPS:
        needed = max((trend.steps_needed or 2 * iterations for _, trend in worth_more), default=FEWEST_STEPS + 1)
        names = " and ".join(name for name, _ in worth_more)
        what = names or f"{iterations} of at least {FEWEST_STEPS} iterations were measured: it"
        return judgement(
            "inconclusive",
            f"{what} may be leaking or still warming up; {needed} iterations would tell",
            iterations_needed=needed,
        )
    too_little = [f"{name} moved too little to tell in {iterations} iterations" for name, _, _ in undecided]
    rest = (*too_little, *_unseen_reasons(series, evidence))
    retained = evidence.retained
    if series.retained.shape == "settled":
        grown = format_bytes(retained[-1] - retained[0], signed=True)
        return judgement("settling", f"retained memory rose by {grown}, and no longer rises", *rest)
    return judgement("stable", "no line, no container and no channel went on growing", *rest)


def _unseen_reasons(series: Trends, evidence: Evidence) -> list[str]:
    """How little growth of the C heap would have been seen, where that is more than for a quiet one."""
    least = hidden_native_bytes(evidence)
    if series.native.shape == "undecided" or not least:
        return []
    return [f"the C heap is so unsteady that growth of less than {format_bytes(least)} an iteration would not show"]


def _level(values: Sequence[int]) -> float:
    return float(abs(values[0])) if values else 0.0


def _process_level(evidence: Evidence) -> float:
    """A short run's pages are used for the first time in any of its iterations. That has ended if none were in the last, and
    it will end if nothing more was mapped in the last two.
    """
    values, mapped = evidence.process, evidence.mapped
    if not 2 <= len(values) <= FEWEST_FOR_HOLDERS:
        return _level(values)
    at_rest = values[-1] - values[-2] < PROCESS_FLOOR_BYTES
    within_maps = len(mapped) > 2 and mapped[-1] - mapped[-3] < MAPPED_FLOOR_BYTES
    return math.inf if at_rest or within_maps else _level(values)


def _line_level(series: Trends, evidence: Evidence) -> float:
    """Where the total has levelled off, what a line may add to that is measured by what the total rose by."""
    retained = evidence.retained
    rose = (retained[-1] - retained[0]) / max(len(retained) - 1, 1) if series.retained.shape == "settled" else 0.0
    return max(_level(retained), LEFT * rose / OPEN_PART)


def _peak_rose(evidence: Evidence) -> bool:
    peak = settled_start(evidence, evidence.peak)
    return bool(peak) and max(peak) - peak[0] > OPEN_PEAK * median(peak)


def _total_agrees(series: Trends, evidence: Evidence) -> bool:
    """Whether the total grows with its lines, or is too noisy to tell."""
    if series.retained.shape in ("growing", "undecided"):
        return True
    return typical_step(evidence.retained) > series.kept or series.kept < TOTAL_FLOOR_BYTES


def _idle_reason(evidence: Evidence) -> str:
    """Why the scenario did no work, or nothing."""
    # Without a warm-up the first iteration imports and connects, whatever it does.
    work = evidence.work if evidence.warmup else evidence.work[1:] or evidence.work
    levels = (evidence.retained, *evidence.sites.values(), *(holder.lengths for holder in evidence.holders))
    native = evidence.native[1:] or (0,)
    if any(len(set(series[1:])) > 1 for series in levels) or max(native) - min(native) > IDLE_NATIVE_BYTES:
        return ""
    if not work or any(one.suspended or one.waits or one.cpu_seconds > IDLE_CPU_SECONDS for one in work):
        return ""
    most = max(one.peak_bytes for one in work)
    if evidence.awaits_nothing and most <= IDLE_ASYNC_PEAK_BYTES:
        return (
            "the function is async and awaits nothing: in no iteration did it wait for anything, "
            "and what it starts (a stream, an async generator) is dropped unread"
        )
    if most <= evidence.noop_peak_bytes + IDLE_PEAK_BYTES:
        return f"no iteration waited for anything or had more than the {format_bytes(most)} allocated that a call takes"
    return ""


def _bounded_reason(holder: GrowingHolder) -> str:
    into = f"what grows goes into a container of {holder.length} items"
    if holder.bound is None:
        return f"{into} that is kept within bounds: {holder.limit}"
    return f"{into} that will hold at most {holder.bound}{f': {holder.limit}' if holder.limit else ''}"


def _unexplained(series: Trends) -> list[str]:
    """The channels outside of the traced heap that grow by more than it explains."""
    return [
        name
        for name, trend in (("native", series.native), ("process", series.process))
        if trend.shape == "growing" and trend.growth.bytes_per_iteration > UNEXPLAINED * max(series.kept, 0)
    ]


def _leaking_channels(series: Trends, growth: Channels) -> tuple[str, ...]:
    inside = ["retained"] if growth.retained is not None and (series.sites or series.holders) else []
    return tuple(sorted((*inside, *_unexplained(series)), key=lambda name: -bytes_of(growth, name)))


def bytes_of(growth: Channels, channel: str) -> float:
    """Bytes an iteration of a channel, 0 where it was not read."""
    found: Growth | None = getattr(growth, channel)
    return 0.0 if found is None else found.bytes_per_iteration


def _outside_reasons(series: Trends) -> list[str]:
    apart = f" (readings {series.calls_apart} calls apart)" if series.calls_apart > 1 else ""
    words = {"native": (f"the C heap{apart}", series.native), "process": ("the process' own memory", series.process)}
    return [
        f"{words[name][0]} grew by {_per_iteration(words[name][1].growth)}, and the traced heap does not explain it"
        for name in _unexplained(series)
    ]


def _leak_reason(series: Trends, iterations: int) -> str:
    lines = "one line" if len(series.sites) == 1 else f"{len(series.sites)} lines"
    together = f"together {format_bytes(series.kept, signed=True)} an iteration"
    return f"the live memory of {lines} rose to the end of {iterations} iterations and was never given back, {together}"


def _too_far(series: Trends) -> list[str]:
    far = [holder for holder in series.holders if holder.bound is not None and not holder.ends(series.kept)]
    return [f"a bound of {holder.bound} items, at {holder.length} now, is too far away to be one" for holder in far[:1]]


def _holder_reason(holder: GrowingHolder, iterations: int) -> str:
    return f"a container grew to the end of {iterations} iterations, to {holder.length} items, and names no bound"


def _per_iteration(growth: Growth) -> str:
    return f"{format_bytes(growth.bytes_per_iteration)} an iteration"
