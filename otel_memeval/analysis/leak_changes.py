"""Compare the leaks of a run with those of earlier runs by their signature: new, known, gone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from otel_memeval.analysis.quantities import MIN_EFFECT
from otel_memeval.records.comparison import LeakChange, LeakStatus
from otel_memeval.records.run_summary import Leak, RunSummary, is_site

IDLE_SIGNATURE = "verdict:idle"
"""Signature of a run that did no work, which is compared like a leak."""


def leak_changes(run: RunSummary, baseline: Sequence[RunSummary]) -> list[LeakChange]:
    """Return the leaks that are new, known and gone; new ones first, the largest first.

    A leak is known if any run of the baseline has it, and gone if most of them have it and the run does not. A list of sites
    may be cut: a site that may be one of those left out is neither new nor gone. Beside sites that leak in the baseline, a
    new one counts from ``MIN_EFFECT`` of the largest on. An inconclusive run has lost no leak.
    """
    earlier = [leak for other in baseline for leak in all_leaks(other)]
    known, present = _signatures(earlier), _signatures(all_leaks(run))
    changes = []
    for leak in all_leaks(run):
        if _is_in(leak, known):
            changes.append(_change(leak, "known"))
        elif _is_notable(leak, baseline):
            changes.append(_change(leak, "new"))
    for leak in {leak.signature: leak for leak in reversed(earlier)}.values():
        number = sum(leak.signature in _signatures(all_leaks(other)) for other in baseline)
        is_lost = 2 * number > len(baseline) and not _is_in(leak, present) and not _may_be_cut(leak, run)
        if is_lost and run.verdict != "inconclusive":
            changes.append(_change(leak, "gone"))
    order: tuple[LeakStatus, ...] = ("new", "known", "gone")
    return sorted(changes, key=lambda change: (order.index(change.status), -change.per_iteration))


def all_leaks(run: RunSummary) -> tuple[Leak, ...]:
    """Return the leaks of a run; work that was not done is compared like one."""
    idle = Leak(signature=IDLE_SIGNATURE, location="the scenario did no work", per_iteration=0.0)
    return (idle,) if run.verdict == "idle" else run.leaks


def _change(leak: Leak, status: LeakStatus) -> LeakChange:
    return LeakChange(signature=leak.signature, location=leak.location, status=status, per_iteration=leak.per_iteration)


def _signatures(leaks: Collection[Leak]) -> dict[str, bool]:
    """Return the signatures, and whether each is that of a site."""
    return {leak.signature: is_site(leak) for leak in leaks}


def _is_in(leak: Leak, signatures: dict[str, bool]) -> bool:
    """Return whether a leak has one of the signatures. Retained memory without a line may be any site, and the reverse."""
    retained = "channel:retained"
    if leak.signature == retained and any(signatures.values()):
        return True
    return leak.signature in signatures or (is_site(leak) and retained in signatures)


def _is_notable(leak: Leak, baseline: Sequence[RunSummary]) -> bool:
    """Return whether a leak that no earlier run has counts as new."""
    if not is_site(leak):
        return True
    if any(_may_be_cut(leak, other) for other in baseline):
        return False
    largest = max((site.per_iteration for other in baseline for site in other.leaks if is_site(site)), default=0.0)
    return leak.per_iteration >= MIN_EFFECT * largest


def _may_be_cut(leak: Leak, run: RunSummary) -> bool:
    """Return whether a leak may be one of the sites that the list of a run leaves out, which grow least."""
    sites = [site.per_iteration for site in run.leaks if is_site(site)]
    return is_site(leak) and bool(run.more_leaks and sites) and leak.per_iteration <= min(sites, default=0.0)
