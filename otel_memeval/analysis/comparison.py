"""Compare a run with earlier runs of the same eval: growth, levels, duration, resources and leaks. Pure.

Growth regresses only if the verdict of the run says that it grows, and improves only if most earlier runs did: a slope
of a stable run is noise. Levels are compared for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from otel_memeval.analysis.differences import Quantity, difference, unknown_difference
from otel_memeval.analysis.leak_changes import all_leaks, leak_changes
from otel_memeval.analysis.quantities import grows, is_growth, measured, quantities
from otel_memeval.records.comparison import ComparedRun, Comparison, Difference, LeakChange, Outcome
from otel_memeval.records.run_summary import RunSummary


def compare(run: RunSummary, baseline: Sequence[RunSummary]) -> Comparison:
    """Return the comparison of a run with one or more earlier runs, the newest first; ``summary`` and ``since`` are empty.

    The outcome rests on leaks, growth, levels and resources, not on the duration. It is ``unknown`` if the run failed, if it
    is inconclusive or idle and nothing regressed, and if no earlier run can be compared.
    """
    usable = [other for other in baseline if other.verdict != "failed"]
    if run.verdict == "failed" or not usable:
        reason = (
            "the run failed" if run.verdict == "failed" else "the baseline failed" if baseline else "there is no baseline"
        )
        return unknown(reason, baseline)
    leaks = leak_changes(run, usable)
    differences = [_difference(quantity, run, usable) for quantity in quantities([run, *usable])]
    outcome = _outcome(run, differences, leaks)
    reason = "nothing that was measured can be compared" if outcome == "unknown" else ""
    if outcome == "unknown" and run.verdict in ("inconclusive", "idle"):
        reason = f"the run is {run.verdict}"
    runs = [compared_run(other) for other in baseline]
    return Comparison(outcome=outcome, summary="", reason=reason, runs=runs, differences=differences, leaks=leaks)


def unknown(reason: str, baseline: Sequence[RunSummary] = ()) -> Comparison:
    """Return a comparison that could not be made."""
    return Comparison(outcome="unknown", summary="", reason=reason, runs=[compared_run(other) for other in baseline])


def compared_run(run: RunSummary) -> ComparedRun:
    """Return the identity of a run."""
    return ComparedRun(run_id=run.run_id, started_at=run.started_at, commit=run.commit, branch=run.branch, dirty=run.dirty)


def first_run(
    run: RunSummary, comparison: Comparison, baseline: Sequence[RunSummary], earlier: Sequence[RunSummary]
) -> ComparedRun | None:
    """Return the first run of the unbroken row, ending with this run, that shows the regression; None without one.

    ``earlier``: runs of the same eval and settings before it, the newest first. A run shows the regression if it has the
    same leak or, compared with the same baseline, the same quantity regressed. Runs that failed or are inconclusive say
    nothing.
    """
    if comparison.outcome != "regressed":
        return None
    shows = _regression(comparison, baseline)
    compared = {other.run_id for other in baseline}
    first = run
    for other in earlier:
        if other.run_id in compared:
            break
        if other.verdict in ("failed", "inconclusive"):
            continue
        if not shows(other):
            break
        first = other
    return compared_run(first)


def leading_difference(comparison: Comparison) -> Difference | None:
    """Return the difference that the outcome rests on, the first of a report; None if it rests on none."""
    led = (found for found in comparison.differences if found.decides and found.outcome == comparison.outcome)
    return next(led, None) if comparison.outcome in ("regressed", "improved") else None


def _regression(comparison: Comparison, baseline: Sequence[RunSummary]) -> Callable[[RunSummary], bool]:
    """Return the condition on a run that it shows the leading regression."""
    new = [leak.signature for leak in comparison.leaks if leak.status == "new"]
    if new:
        return lambda other: any(leak.signature == new[0] for leak in all_leaks(other))
    led = leading_difference(comparison)
    assert led is not None

    def regressed(other: RunSummary) -> bool:
        compared = (_difference(each, other, baseline) for each in quantities([other]) if each.name == led.quantity)
        return any(found.outcome == "regressed" for found in compared)

    return regressed


def _outcome(run: RunSummary, differences: Sequence[Difference], leaks: Sequence[LeakChange]) -> Outcome:
    found = {difference.outcome for difference in differences if difference.decides}
    if "regressed" in found or any(leak.status == "new" for leak in leaks):
        return "regressed"
    if run.verdict in ("inconclusive", "idle"):
        return "unknown"
    if "improved" in found or any(leak.status == "gone" for leak in leaks):
        return "improved"
    return "unchanged" if "unchanged" in found else "unknown"


def _difference(quantity: Quantity, run: RunSummary, baseline: Sequence[RunSummary]) -> Difference:
    name = quantity.name
    working = [other for other in baseline if other.verdict not in ("idle", "failed")]
    value = measured(run, name)
    others = [each for other in working if (each := measured(other, name)) is not None]
    if value is None or not others or not _is_comparable(name, run, working):
        return unknown_difference(quantity, value, others)
    found = difference(quantity, value, others)
    is_judged = {
        "regressed": grows(run, name),
        "improved": 2 * sum(grows(other, name) for other in working) > len(working),
    }
    if is_growth(name) and not is_judged.get(found.outcome, True):
        return msgspec.structs.replace(found, outcome="unchanged")
    return found


def _is_comparable(name: str, run: RunSummary, baseline: Sequence[RunSummary]) -> bool:
    """Return whether a quantity of a run means the same as in the baseline.

    Slopes of a run that is inconclusive are not judged. The level of a leak depends on the number of iterations.
    """
    if run.verdict == "idle" or (is_growth(name) and run.verdict == "inconclusive"):
        return False
    if name == "retained" and any(other.leaks for other in (run, *baseline)):
        return all(other.iterations == run.iterations for other in baseline)
    return True
