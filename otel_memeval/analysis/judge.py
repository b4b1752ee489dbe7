"""From the evidence to the verdict. Pure; each rule phrases its own reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

import msgspec

from otel_memeval.analysis.evidence import Evidence, SiteKey
from otel_memeval.analysis.trend import FEWEST_STEPS, Trend, jitter, trend_of, typical_step
from otel_memeval.records import Channels, Growth, State
from otel_memeval.units import format_bytes

SITE_FLOOR_BYTES = 8
"""Growth per iteration below which a single line is not worth a word: one pointer in a list."""

TOTAL_FLOOR_BYTES = 48
"""The same for everything that is retained together; a leak below it is found by its holder."""

PEAK_FLOOR_BYTES = 256
"""The same for the peak."""

NATIVE_FLOOR_BYTES = 64
"""The same for the C heap, when it is quiet."""

DRIFT = 2e-5
"""A large C heap drifts by this part of itself an iteration without leaking: holes of other sizes than what was freed."""

JITTERS = 1.0
"""Growth outside of the traced heap is believed from this many times its usual jitter on."""

PROCESS_FLOOR_BYTES = 65_536
"""The same for memory that is mapped, not malloc'ed: pages of arenas and of the C heap that are used for the first time
come to some ten kilobytes an iteration for a long while."""

MOST_STEPS = 0.8
"""And it has to grow by half of that in this part of the later iterations: whole arenas come and go."""

UNEXPLAINED = 0.05
"""Growth outside of the traced heap has to be more than this part of the growth inside: malloc's headers are not ours."""

HOLDER_FLOOR_ITEMS = 0.2
"""A container that gains an item every fifth iteration."""

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


class GrowingSite(msgspec.Struct, frozen=True, kw_only=True):
    """A line that goes on growing."""

    key: SiteKey
    bytes_per_iteration: float
    retained_bytes: int
    blocks: int


class GrowingHolder(msgspec.Struct, frozen=True, kw_only=True):
    """A container that goes on growing."""

    id: int
    length: int
    items_per_iteration: float
    bound: int | None


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A state with its evidence; the sentence is written once the places are known (``phrase``)."""

    state: State
    reasons: tuple[str, ...]
    growth: Channels
    sites: tuple[GrowingSite, ...]
    """Largest growth first."""
    holders: tuple[GrowingHolder, ...]
    iterations_needed: int | None = None


class _Series(msgspec.Struct, frozen=True, kw_only=True):
    """The trends of everything, worked out once."""

    retained: Trend
    peak: Trend
    native: Trend
    process: Trend
    sites: tuple[GrowingSite, ...]
    open_sites: tuple[Trend, ...]
    """Trends of lines that cannot be told yet."""
    holders: tuple[GrowingHolder, ...]
    kept: float
    """Bytes an iteration that the growing lines keep together."""
    net: float
    """The same less what other lines steadily lose."""


def judge(evidence: Evidence) -> Judgement:
    """The verdict on a run. Never ``stable`` for want of evidence: too few iterations are ``inconclusive``."""
    iterations = len(evidence.peak)
    series = _series(evidence)
    growth = _channels(series, iterations)

    def judgement(state: State, *reasons: str, iterations_needed: int | None = None) -> Judgement:
        return Judgement(
            state=state,
            reasons=reasons,
            growth=growth,
            sites=series.sites,
            holders=series.holders,
            iterations_needed=iterations_needed,
        )

    if evidence.failed:
        return judgement("failed", f"{evidence.failed} iterations raised an error")
    if iterations == 0:
        return judgement("failed", "no iteration was measured")
    unbounded = [holder for holder in series.holders if holder.bound is None]
    if series.sites and series.net >= MOVED * series.kept and _total_agrees(series, evidence):
        if series.holders and not unbounded:
            return judgement("bounded", *(_bounded_reason(holder) for holder in series.holders))
        return judgement("leaking", *_leak_reasons(series, iterations))
    if unbounded and iterations >= FEWEST_FOR_HOLDERS and series.retained.growth.bytes_per_iteration > 0:
        return judgement("leaking", _holder_reason(unbounded[0], iterations))
    for name, trend in (("the C heap", series.native), ("the process' own memory", series.process)):
        if trend.shape == "growing" and trend.growth.bytes_per_iteration > UNEXPLAINED * max(series.kept, 0):
            return judgement(
                "native-leak", f"{name} grew by {_per_iteration(trend.growth)}, and the traced heap does not explain it"
            )
    idle = _idle_reason(evidence)
    if idle:
        return judgement("idle", idle)
    if series.peak.shape == "growing":
        return judgement(
            "creeping",
            f"the peak rose to the end, by {_per_iteration(series.peak.growth)}; "
            f"retained memory did not ({series.retained.shape})",
        )
    return _without_growth(series, evidence, judgement)


def _without_growth(series: _Series, evidence: Evidence, judgement: Callable[..., Judgement]) -> Judgement:
    """What is left when nothing is plainly growing: undecided, levelled off, or stable."""
    iterations = len(evidence.peak)
    undecided = [
        (name, trend, trend.growth.bytes_per_iteration >= OPEN_PART * level)
        for name, trend, level in (
            ("retained memory", series.retained, _level(evidence.retained)),
            ("the C heap", series.native, _level(evidence.native)),
            ("the peak", series.peak, 0.0 if _peak_rose(evidence) else math.inf),
            *(("a line's live memory", trend, _level(evidence.retained)) for trend in series.open_sites[:1]),
        )
        if trend.shape == "undecided" or (trend is series.retained and trend.shape == "growing")
    ]
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
    retained = evidence.retained
    if series.retained.shape == "settled":
        grown = format_bytes(retained[-1] - retained[0], signed=True)
        return judgement("settling", f"retained memory rose by {grown}, and no longer rises", *too_little)
    return judgement("stable", "no line, no container and no channel went on growing", *too_little)


def _level(values: Sequence[int]) -> float:
    return float(abs(values[0])) if values else 0.0


def _peak_rose(evidence: Evidence) -> bool:
    peak = _settled_start(evidence, evidence.peak)
    return bool(peak) and max(peak) - peak[0] > OPEN_PEAK * median(peak)


def _series(evidence: Evidence) -> _Series:
    sites, open_sites, lost = _site_trends(evidence)
    kept = sum(site.bytes_per_iteration for site in sites)
    return _Series(
        retained=trend_of(_settled_start(evidence, evidence.retained), TOTAL_FLOOR_BYTES),
        peak=trend_of(_settled_start(evidence, evidence.peak), PEAK_FLOOR_BYTES, noise="redrawn"),
        native=_outside(_settled_start(evidence, evidence.native), NATIVE_FLOOR_BYTES),
        process=_process_trend(_settled_start(evidence, evidence.process)),
        sites=sites,
        open_sites=open_sites,
        holders=_growing_holders(evidence),
        kept=kept,
        net=kept - lost,
    )


def _smoothed(values: Sequence[int]) -> list[float]:
    return [(before + after) / 2 for before, after in pairwise(values)]


def _outside(values: Sequence[int], floor: float) -> Trend:
    """The trend of a channel outside of the traced heap, which other code's small change makes jitter.

    Neighbours are averaged: what every other reading finds in another place, as the readings' own tables, cancels out.
    """
    floor = max(floor, DRIFT * abs(values[0])) if values else floor
    smooth = _smoothed(values)
    return trend_of(smooth, max(floor, JITTERS * jitter(smooth)), noise="level")


def _process_trend(values: Sequence[int]) -> Trend:
    trend = _outside(values, PROCESS_FLOOR_BYTES)
    smooth = _smoothed(values)
    later = [after - before for before, after in pairwise(smooth)][len(smooth) // 2 :]
    if trend.shape == "growing" and sum(step >= PROCESS_FLOOR_BYTES / 2 for step in later) < MOST_STEPS * len(later):
        return Trend(shape="returning", growth=trend.growth)
    return trend


def _channels(series: _Series, iterations: int) -> Channels:
    """Growth by channel. Where the total is noisy and lines are not, their sum is the better figure."""
    if iterations < 2:
        return Channels()
    retained = series.retained.growth
    spread = retained.ci_high - retained.ci_low
    if series.sites and spread > 0.1 * abs(retained.bytes_per_iteration):
        low = min(retained.ci_low, series.net)
        high = max(retained.ci_high, series.net)
        retained = Growth(bytes_per_iteration=series.net, ci_low=low, ci_high=high)
    outside = series.process if series.process.shape == "growing" and series.native.shape != "growing" else series.native
    return Channels(retained=retained, peak=series.peak.growth, native=outside.growth)


def _settled_start(evidence: Evidence, values: tuple[int, ...]) -> tuple[int, ...]:
    """Without a warm-up the first iteration is one: what it imports and caches is not growth."""
    return values if evidence.warmup else values[1:]


def _site_trends(evidence: Evidence) -> tuple[tuple[GrowingSite, ...], tuple[Trend, ...], float]:
    """The growing lines, the trends of those that cannot be told, and what lines steadily lose (bytes an iteration)."""
    growing = []
    undecided = []
    lost = 0.0
    for key, values in evidence.sites.items():
        judged = _settled_start(evidence, values)
        if not judged or max(judged) - min(judged) < SITE_FLOOR_BYTES:
            continue
        trend = trend_of(judged, SITE_FLOOR_BYTES, one_block=evidence.blocks.get(key) == 1)
        if trend.shape == "growing":
            growing.append(
                GrowingSite(
                    key=key,
                    bytes_per_iteration=trend.growth.bytes_per_iteration,
                    retained_bytes=values[-1],
                    blocks=evidence.blocks.get(key, 0),
                )
            )
        elif trend.shape == "undecided" and trend.growth.bytes_per_iteration >= TOTAL_FLOOR_BYTES:
            undecided.append(trend)
        elif judged[-1] < judged[0]:
            losing = trend_of([-value for value in judged], SITE_FLOOR_BYTES)
            lost += losing.growth.bytes_per_iteration if losing.shape == "growing" else 0.0
    growing.sort(key=lambda site: (-site.bytes_per_iteration, site.key))
    undecided.sort(key=lambda trend: -trend.growth.bytes_per_iteration)
    return tuple(growing), tuple(undecided), lost


def _growing_holders(evidence: Evidence) -> tuple[GrowingHolder, ...]:
    growing = []
    for holder in evidence.holders:
        trend = trend_of(_settled_start(evidence, holder.lengths), HOLDER_FLOOR_ITEMS)
        if trend.shape == "growing":
            growing.append(
                GrowingHolder(
                    id=holder.id,
                    length=holder.lengths[-1],
                    items_per_iteration=trend.growth.bytes_per_iteration,
                    bound=holder.bound,
                )
            )
    growing.sort(key=lambda holder: (-holder.items_per_iteration, -holder.length))
    return tuple(growing)


def _total_agrees(series: _Series, evidence: Evidence) -> bool:
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
    return f"what grows goes into a container of {holder.length} items that will hold at most {holder.bound}"


def _leak_reasons(series: _Series, iterations: int) -> tuple[str, ...]:
    lines = "one line" if len(series.sites) == 1 else f"{len(series.sites)} lines"
    together = f"together {format_bytes(series.kept, signed=True)} an iteration"
    return (f"the live memory of {lines} rose to the end of {iterations} iterations and was never given back, {together}",)


def _holder_reason(holder: GrowingHolder, iterations: int) -> str:
    return f"a container grew to the end of {iterations} iterations, to {holder.length} items, and names no bound"


def _per_iteration(growth: Growth) -> str:
    return f"{format_bytes(growth.bytes_per_iteration)} an iteration"
