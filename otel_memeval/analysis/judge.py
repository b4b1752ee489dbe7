"""From the evidence to the verdict. Pure; each rule phrases its own reason."""

from __future__ import annotations

import msgspec

from otel_memeval.analysis.evidence import Evidence, HolderSeries, SiteKey
from otel_memeval.analysis.trend import FEWEST_STEPS, Trend, trend_of, typical_step
from otel_memeval.records import Channels, Growth, State
from otel_memeval.units import format_bytes

SITE_FLOOR_BYTES = 32
"""Growth per iteration below which a single line is not worth a word."""

TOTAL_FLOOR_BYTES = 64
"""The same for everything that is retained together."""

PEAK_FLOOR_BYTES = 512
"""The same for the peak."""

NATIVE_FLOOR_BYTES = 2048
"""The same for the C heap, which keeps books of its own."""

IDLE_PEAK_BYTES = 640
"""A sync function that allocates no more than the call itself costs."""

IDLE_ASYNC_PEAK_BYTES = 65_536
IDLE_CPU_SECONDS = 0.02
"""What an agent framework may spend on making a stream that nobody reads."""


FEWEST_FOR_HOLDERS = 10
"""Iterations from which on a growing container is a leak although its bytes are too few to tell."""


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


def judge(evidence: Evidence) -> Judgement:
    """The verdict on a run. Never ``stable`` for want of evidence: too few iterations are ``inconclusive``."""
    iterations = len(evidence.peak)
    sites, sites_undecided = _growing_sites(evidence)
    holders = _growing_holders(evidence)
    retained = trend_of(_settled_start(evidence, evidence.retained), TOTAL_FLOOR_BYTES)
    peak = trend_of(evidence.peak, PEAK_FLOOR_BYTES)
    native = trend_of(_settled_start(evidence, evidence.native), NATIVE_FLOOR_BYTES) if evidence.native else None
    growth = Channels(
        retained=_judged(retained, iterations),
        peak=_judged(peak, iterations),
        native=_judged(native, iterations) if native else None,
    )

    def judgement(state: State, *reasons: str, iterations_needed: int | None = None) -> Judgement:
        return Judgement(
            state=state,
            reasons=reasons,
            growth=growth,
            sites=sites,
            holders=holders,
            iterations_needed=iterations_needed,
        )

    if evidence.failed:
        return judgement("failed", f"{evidence.failed} of {iterations} measured iterations raised an error")
    if iterations == 0:
        return judgement("failed", "no iteration was measured")
    idle = "" if holders or sites else _idle_reason(evidence)
    kept = sum(site.bytes_per_iteration for site in sites)
    unbounded = [holder for holder in holders if holder.bound is None]
    if sites and _total_agrees(retained, kept, evidence):
        if holders and not unbounded:
            return judgement("bounded", *(_bounded_reason(holder) for holder in holders))
        return judgement("leaking", *_leak_reasons(sites, kept, iterations))
    if unbounded and iterations >= FEWEST_FOR_HOLDERS and evidence.retained[-1] > evidence.retained[0]:
        return judgement("leaking", _holder_reason(unbounded[0], iterations))
    if idle:
        return judgement("idle", idle)
    if native and native.shape == "growing":
        return judgement(
            "native-leak",
            f"the C heap grew by {_per_iteration(native.growth)} and the traced heap does not explain it",
        )
    if peak.shape == "growing":
        return judgement(
            "creeping",
            f"the peak rose to the end, by {_per_iteration(peak.growth)}; retained memory did not ({retained.shape})",
        )
    undecided = [
        name
        for name, open_ in (
            ("retained memory", retained.shape in ("undecided", "growing")),
            ("a line's live memory", sites_undecided or bool(sites)),
            ("the peak", peak.shape == "undecided"),
            ("the C heap", native is not None and native.shape == "undecided"),
        )
        if open_
    ]
    if undecided or iterations < FEWEST_STEPS:
        needed = max(2 * iterations, FEWEST_STEPS + 1)
        what = " and ".join(undecided) or "too little was measured: it"
        return judgement(
            "inconclusive",
            f"{what} may still be warming up; {needed} iterations would tell",
            iterations_needed=needed,
        )
    if retained.shape == "settled":
        return judgement("settling", "retained memory grew at first and levelled off")
    return judgement("stable", f"no line, no container and no total went on growing over {iterations} iterations")


def _settled_start(evidence: Evidence, values: tuple[int, ...]) -> tuple[int, ...]:
    """Without a warm-up the first iteration is one: what it imports and caches is not growth."""
    return values if evidence.warmup else values[1:]


def _judged(trend: Trend, iterations: int) -> Growth | None:
    return trend.growth if iterations > 1 else None


def _growing_sites(evidence: Evidence) -> tuple[tuple[GrowingSite, ...], bool]:
    """The growing lines, and whether there are lines that may be."""
    growing = []
    undecided = False
    for key, values in evidence.sites.items():
        trend = trend_of(_settled_start(evidence, values), SITE_FLOOR_BYTES)
        undecided = undecided or trend.shape == "undecided"
        if trend.shape == "growing":
            growing.append(
                GrowingSite(
                    key=key,
                    bytes_per_iteration=trend.growth.bytes_per_iteration,
                    retained_bytes=values[-1],
                    blocks=evidence.blocks.get(key, 0),
                )
            )
    growing.sort(key=lambda site: (-site.bytes_per_iteration, site.key))
    return tuple(growing), undecided


def _growing_holders(evidence: Evidence) -> tuple[GrowingHolder, ...]:
    growing = []
    for holder in evidence.holders:
        trend = trend_of(_settled_start(evidence, holder.lengths), floor_per_step=0.5)
        if trend.shape == "growing":
            growing.append(_growing_holder(holder, trend))
    growing.sort(key=lambda holder: (-holder.items_per_iteration, -holder.length))
    return tuple(growing)


def _growing_holder(holder: HolderSeries, trend: Trend) -> GrowingHolder:
    return GrowingHolder(
        id=holder.id,
        length=holder.lengths[-1],
        items_per_iteration=trend.growth.bytes_per_iteration,
        bound=holder.bound,
    )


def _total_agrees(retained: Trend, kept: float, evidence: Evidence) -> bool:
    """Whether the total grows with its lines. Memory that moves from one line to another is no leak; under noise larger
    than the lines' growth, the total cannot tell.
    """
    if retained.shape in ("growing", "undecided"):
        return True
    return typical_step(evidence.retained) > kept


def _idle_reason(evidence: Evidence) -> str:
    """Why the scenario did no work, or nothing."""
    # Without a warm-up the first iteration imports and connects, whatever it does.
    work = evidence.work if evidence.warmup else evidence.work[1:] or evidence.work
    if not work or any(one.suspended or one.waits or one.cpu_seconds > IDLE_CPU_SECONDS for one in work):
        return ""
    most = max(one.peak_bytes for one in work)
    if evidence.awaits_nothing and most <= IDLE_ASYNC_PEAK_BYTES:
        return (
            "the function is async and awaits nothing: in no iteration did it wait for anything, "
            "and what it starts (a stream, an async generator) is dropped unread"
        )
    if most <= IDLE_PEAK_BYTES:
        return f"no iteration waited for anything or had more than {format_bytes(most)} allocated"
    return ""


def _bounded_reason(holder: GrowingHolder) -> str:
    return f"what grows goes into a container of {holder.length} items that will hold at most {holder.bound}"


def _leak_reasons(sites: tuple[GrowingSite, ...], kept: float, iterations: int) -> tuple[str, ...]:
    lines = "one line" if len(sites) == 1 else f"{len(sites)} lines"
    return (
        f"the live memory of {lines} grew to the end of {iterations} iterations and never came back",
        f"together {format_bytes(kept, signed=True)} an iteration",
    )


def _holder_reason(holder: GrowingHolder, iterations: int) -> str:
    return f"a container grew to the end of {iterations} iterations, to {holder.length} items, and names no bound"


def _per_iteration(growth: Growth) -> str:
    return f"{format_bytes(growth.bytes_per_iteration)} an iteration"
