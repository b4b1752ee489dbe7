"""Judge the evidence of a run: decide the state of its verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import msgspec

from otel_memeval.analysis.context_growth import context_reasons
from otel_memeval.analysis.evidence import Evidence, settled_start
from otel_memeval.analysis.growth import TOTAL_FLOOR_BYTES, RunTrends, channels, run_trends
from otel_memeval.analysis.idle import idle_reason
from otel_memeval.analysis.levels import mean_rise
from otel_memeval.analysis.noise import typical_step
from otel_memeval.analysis.reasons import (
    bookkeeping_reason,
    bounded_reason,
    distant_bound_reasons,
    end_reasons,
    holder_reason,
    leak_reason,
    not_lasting_reasons,
    page_cache_reason,
    peak_reason,
    string_cache_reason,
    untraced_channels,
    untraced_reasons,
)
from otel_memeval.analysis.resources import ResourceTrends, resource_trends
from otel_memeval.analysis.rises import NEGLIGIBLE_PART
from otel_memeval.analysis.sites_and_holders import GrowingHolder, GrowingSite
from otel_memeval.analysis.trend import MIN_STEPS
from otel_memeval.analysis.untraced import (
    MAPPED_FLOOR_BYTES,
    MAX_START_READINGS,
    PROCESS_FLOOR_BYTES,
    hidden_native_bytes,
)
from otel_memeval.records import Channels, Growth
from otel_memeval.units import format_bytes
from otel_memeval.verdicts import State

MIN_NET_PART = 0.25
"""Growing sites leak if all sites together keep at least this part of their growth; otherwise memory only moved."""

MIN_HOLDER_ITERATIONS = 10
"""Iterations from which on a growing container is a leak although its bytes are too few to judge."""

UNDECIDED_PART = 1e-3
"""An undecided level is worth more iterations if it rises by this part of itself per iteration."""

UNDECIDED_PEAK_PART = 0.1
"""An undecided peak is worth more iterations if it rose by more than this part of its median."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict state with the growth behind it; the sentence is phrased once paths and functions are known."""

    state: State
    reasons: tuple[str, ...]
    growth: Channels
    sites: tuple[GrowingSite, ...]
    """Largest growth first."""
    holders: tuple[GrowingHolder, ...]
    """Most items per iteration first."""
    leaking_channels: tuple[str, ...] = ()
    """Names of the channels in ``growth`` that a leak is in, without the peak, largest first."""
    undecided_holders: tuple[int, ...] = ()
    """Ids of containers that are undecided until their type is known."""
    iterations_needed: int | None = None
    """Measured iterations that would decide an inconclusive run."""
    maps: bool = False
    """The growth of the process is mapped memory."""
    memory_state: State | None = None
    """The state without other resources than memory; None where it is the same."""
    resources: ResourceTrends = ResourceTrends()
    """Resources beside memory."""


class _Decision(NamedTuple):
    """The state of a verdict and its reasons."""

    state: State
    reasons: Sequence[str]
    iterations_needed: int | None = None


def judge(evidence: Evidence) -> Judgement:
    """Return the judgement on a run; too few iterations are ``inconclusive``, never ``stable``."""
    trends = run_trends(evidence)
    growth = channels(trends, len(evidence.peak))
    resources = resource_trends(evidence)
    memory = _decide(trends, evidence)
    decision = _with_resources(memory, resources, len(evidence.peak))
    leak = memory.state in ("leaking", "native-leak")
    return Judgement(
        state=decision.state,
        reasons=tuple(decision.reasons),
        growth=growth,
        sites=trends.sites,
        holders=(*trends.holders, *trends.keepers),
        leaking_channels=(*(_leaking_channels(trends, growth) if leak else ()), *resources.channels()),
        maps=trends.mapped.shape == "growing",
        memory_state=memory.state,
        resources=resources,
        undecided_holders=trends.undecided_holders,
        iterations_needed=decision.iterations_needed,
    )


def _decide(trends: RunTrends, evidence: Evidence) -> _Decision:
    iterations = len(evidence.peak)
    if evidence.failed:
        return _Decision("failed", [f"{evidence.failed} iterations raised an error"])
    if iterations == 0:
        return _Decision("failed", ["no iteration was measured"])
    growth = _decide_growth(trends, evidence)
    if growth is not None:
        return growth
    idle = idle_reason(evidence)
    if idle:
        return _Decision("idle", [idle])
    if trends.peak.shape == "growing":
        return _Decision("creeping", [peak_reason(trends), *context_reasons(evidence)])
    return _decide_without_growth(trends, evidence)


def _with_resources(decision: _Decision, resources: ResourceTrends, iterations: int) -> _Decision:
    """Return the decision on memory with that on other resources: a resource that grows is a leak, whatever memory does."""
    reasons = resources.reasons(iterations)
    if decision.state == "failed":
        return decision
    if reasons:
        memory = decision.reasons if decision.state in ("leaking", "native-leak", "creeping", "bounded") else ()
        return _Decision("leaking", [*reasons, *memory])
    needed = resources.iterations_needed
    if needed and decision.state in ("stable", "settling", "idle"):
        reason = f"{resources.undecided_words} may leak or still fill a pool; {needed} iterations would decide"
        return _Decision("inconclusive", [reason], needed)
    return decision


def _decide_growth(trends: RunTrends, evidence: Evidence) -> _Decision | None:
    """Return the decision on growing sites, containers and untraced memory; None if none of them grows."""
    iterations = len(evidence.peak)
    untraced = untraced_reasons(trends)
    kept = trends.kept_bytes_per_iteration
    unbounded = [holder for holder in trends.holders if not holder.fills_up(kept)]
    if trends.sites and trends.net_bytes_per_iteration >= MIN_NET_PART * kept and _total_agrees(trends, evidence):
        if not trends.holders or unbounded or trends.keepers:
            return _Decision("leaking", [leak_reason(trends, iterations), *distant_bound_reasons(trends), *untraced])
        return _Decision("bounded", [*map(bounded_reason, trends.holders), *_end_reasons(trends, evidence)])
    if unbounded and iterations >= MIN_HOLDER_ITERATIONS and trends.retained.growth.bytes_per_iteration > 0:
        return _Decision("leaking", [holder_reason(unbounded[0], iterations), *untraced])
    if untraced:
        return _Decision("native-leak", untraced)
    if trends.page_caches.shape == "growing":
        return _Decision("bounded", [page_cache_reason(trends, evidence)])
    if trends.string_cache:
        return _Decision("bounded", [string_cache_reason(trends)])
    return None


def _end_reasons(trends: RunTrends, evidence: Evidence) -> list[str]:
    """Return the reasons that say how high the growth of a bounded run will end."""
    caches = [page_cache_reason(trends, evidence)] if trends.page_caches.shape == "growing" else []
    return [*end_reasons(trends.holders, trends.kept_bytes_per_iteration), *caches]


def _decide_without_growth(trends: RunTrends, evidence: Evidence) -> _Decision:
    """Return the decision on a run in which nothing certainly grows: undecided, levelled off, or stable."""
    iterations = len(evidence.peak)
    retained_level = math.inf if _only_references(trends) else _level(evidence, evidence.retained)
    undecided = [
        (name, trend, trend.growth.bytes_per_iteration >= UNDECIDED_PART * level)
        for name, trend, level in (
            ("retained memory", trends.retained, retained_level),
            ("the C heap", trends.native, 0.0 if trends.native.early else _level(evidence, evidence.native)),
            ("the process' own memory", trends.process, _process_level(evidence)),
            ("the peak", trends.peak, 0.0 if _peak_rose(evidence) else math.inf),
            *(("a line's live memory", trend, _site_level(trends, evidence)) for trend in trends.undecided_sites[:1]),
        )
        if trend.shape == "undecided" or (trend is trends.retained and trend.shape == "growing")
    ]
    relevant = [(name, trend) for name, trend, is_relevant in undecided if is_relevant]
    if trends.only_filling and not trends.undecided_sites and all(trend is trends.retained for _, trend in relevant):
        return _Decision("bounded", [bounded_reason(holder) for holder in trends.filling_holders])
    if relevant or iterations < MIN_STEPS:
        needed = max((trend.steps_needed or 2 * iterations for _, trend in relevant), default=MIN_STEPS + 1)
        names = " and ".join(name for name, _ in relevant)
        subject = names or f"only {iterations} of at least {MIN_STEPS} iterations were measured: memory"
        reason = f"{subject} may leak or still be warming up; {needed} iterations would decide"
        return _Decision("inconclusive", [reason], needed)
    too_little = [f"{name} moved too little to judge in {iterations} iterations" for name, _, _ in undecided]
    notes = (*map(bookkeeping_reason, trends.bookkeeping), *too_little)
    rest = (*notes, *not_lasting_reasons(trends), *_hidden_reasons(trends, evidence))
    if trends.retained.shape == "settled":
        retained = settled_start(evidence, evidence.retained)
        grown = format_bytes(retained[-1] - retained[0], signed=True)
        return _Decision("settling", [f"retained memory rose by {grown} and then stopped rising", *rest])
    return _Decision("stable", ["no line, no container and no channel keeps growing", *rest])


def _only_references(trends: RunTrends) -> bool:
    """Return whether retained memory grows by the weak references of bounded containers, and by nothing else."""
    explained = trends.bookkeeping_bytes_per_iteration
    return bool(explained) and trends.retained.growth.bytes_per_iteration - explained < TOTAL_FLOOR_BYTES


def _hidden_reasons(trends: RunTrends, evidence: Evidence) -> list[str]:
    """Return a reason that names the growth of the C heap that noise would hide, if noise hides any."""
    hidden = hidden_native_bytes(evidence)
    if trends.native.shape == "undecided" or not hidden:
        return []
    return [f"the C heap is so noisy that growth of less than {format_bytes(hidden)} per iteration would not show"]


def _level(evidence: Evidence, values: Sequence[int]) -> float:
    judged = settled_start(evidence, values)
    return float(abs(judged[0])) if judged else 0.0


def _process_level(evidence: Evidence) -> float:
    """Return the level of unique memory, or infinity if a short run shows that its rise is at an end.

    A short run uses pages for the first time in any of its iterations. That has ended if it used none in the last one, and
    it will end if nothing was mapped in the last two.
    """
    values, mapped = evidence.process, evidence.mapped
    if not 2 <= len(values) <= MAX_START_READINGS:
        return _level(evidence, values)
    at_rest = values[-1] - values[-2] < PROCESS_FLOOR_BYTES
    within_maps = len(mapped) > 2 and mapped[-1] - mapped[-3] < MAPPED_FLOOR_BYTES
    return math.inf if at_rest or within_maps else _level(evidence, values)


def _site_level(trends: RunTrends, evidence: Evidence) -> float:
    """Return the level beside which a site counts; where the total has levelled off, its rise counts as well."""
    rose = mean_rise(evidence, evidence.retained) if trends.retained.shape == "settled" else 0.0
    return max(_level(evidence, evidence.retained), NEGLIGIBLE_PART * rose / UNDECIDED_PART)


def _peak_rose(evidence: Evidence) -> bool:
    peak = settled_start(evidence, evidence.peak)
    return bool(peak) and max(peak) - peak[0] > UNDECIDED_PEAK_PART * median(peak)


def _total_agrees(trends: RunTrends, evidence: Evidence) -> bool:
    """Return whether the total grows with its sites, or cannot show whether it does."""
    if trends.retained.shape in ("growing", "undecided"):
        return True
    kept = trends.kept_bytes_per_iteration
    step = typical_step(settled_start(evidence, evidence.retained)) / evidence.readings_every
    return step > kept or kept < TOTAL_FLOOR_BYTES


def _leaking_channels(trends: RunTrends, growth: Channels) -> tuple[str, ...]:
    traced = ["retained"] if growth.retained is not None and (trends.sites or trends.holders) else []
    return tuple(sorted((*traced, *untraced_channels(trends)), key=lambda name: -bytes_of(growth, name)))


def bytes_of(growth: Channels, channel: str) -> float:
    """Return the growth of a channel in bytes per iteration, 0 where the channel was not read."""
    found: Growth | None = getattr(growth, channel)
    return 0.0 if found is None else found.bytes_per_iteration
