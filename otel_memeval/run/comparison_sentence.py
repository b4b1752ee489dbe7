"""Put a comparison into words. Pure."""

from __future__ import annotations

from typing import NamedTuple

from otel_memeval.analysis.comparison import leading_difference
from otel_memeval.analysis.leak_changes import IDLE_SIGNATURE
from otel_memeval.records import CHILD_MEMORY, WORDS
from otel_memeval.records.comparison import ComparedRun, Comparison, Difference, LeakChange, LeakStatus, Unit
from otel_memeval.units import format_bytes, format_items, format_seconds

_COMMIT_CHARACTERS = 7
"""Characters of a commit in a sentence, as git shortens it."""
_MOST_LEAKS = 2
_QUANTITIES = {
    "growth.retained": "retained memory",
    "growth.peak": "peak",
    "growth.native": "C heap",
    "growth.process": "process",
    "retained": "level of retained memory",
    "peak": "level of the peak",
    "duration": "duration",
    f"resource.{CHILD_MEMORY}": "memory of child processes",
    **{f"resource.{name}": several for name, (_, several) in WORDS.items()},
}


def comparison_sentence(comparison: Comparison) -> str:
    """Return the outcome in one sentence: since when, the leading difference, the baseline, and leaks that changed."""
    if comparison.outcome == "unknown":
        return f"not compared: {comparison.reason}"
    head: str = comparison.outcome
    if comparison.since is not None:
        head += f" since {run_words(comparison.since)}"
    led = leading_difference(comparison)
    parts = [change_words(led)] if led is not None else []
    parts += [comparison.baseline] if comparison.baseline else []
    sentence = f"{head}: {', '.join(parts)}" if parts else head
    status: LeakStatus = "gone" if comparison.outcome == "improved" else "new"
    leaks = [leak for leak in comparison.leaks if leak.status == status]
    return f"{sentence}; {leak_words(leaks, status)}" if leaks else sentence


def run_words(run: ComparedRun) -> str:
    """Return the commit of a run, or else the beginning of its identifier, with its date: ``3f2a1c9 (2026-11-30)``."""
    name = run.commit[:_COMMIT_CHARACTERS] + ("+" if run.dirty else "") if run.commit else f"run {run.run_id[:8]}"
    return f"{name} ({run.started_at[:10]})" if run.started_at else name


def quantity_words(name: str) -> str:
    """Return the words for a quantity."""
    return _QUANTITIES.get(name, name)


def change_words(difference: Difference) -> str:
    """Return a difference with its interval and its relative size."""
    assert difference.difference is not None
    low, high = difference.ci_low or 0.0, difference.ci_high or 0.0
    unit = difference.unit
    size = f"{amount(difference.difference, unit, signed=True)}{' per iteration' if 'iteration' in unit else ''}"
    interval = f"[{amount(low, unit)}, {amount(high, unit)}]"
    effect = "" if difference.effect is None else f" ({difference.effect:+.0%})"
    name = "" if difference.quantity == "growth.retained" else f"{quantity_words(difference.quantity)} "
    return f"{name}{size} {interval}{effect}"


def notable(comparison: Comparison) -> list[Difference]:
    """Return the differences of a table: without resources that nobody uses."""
    return [found for found in comparison.differences if "resource." not in found.quantity or found.value or found.baseline]


class DifferenceCells(NamedTuple):
    """A difference as cells of a table; ``-`` where a number is not known."""

    quantity: str
    baseline: str
    value: str
    difference: str
    interval: str


def difference_cells(difference: Difference) -> DifferenceCells:
    """Return a difference as cells of a table."""
    unit = difference.unit

    def cell(value: float | None, *, signed: bool = False) -> str:
        return "-" if value is None else amount(value, unit, signed=signed)

    known = difference.difference is not None
    return DifferenceCells(
        quantity=quantity_words(difference.quantity) + (" per iteration" if "iteration" in unit else ""),
        baseline=cell(difference.baseline),
        value=cell(difference.value),
        difference=cell(difference.difference, signed=True)
        + ("" if difference.effect is None else f" ({difference.effect:+.0%})"),
        interval=f"[{cell(difference.ci_low)}, {cell(difference.ci_high)}]" if known else "-",
    )


def leak_line(leak: LeakChange) -> str:
    """Return a leak with its status and its size."""
    size = f", {leak_size(leak)} per iteration" if leak.per_iteration else ""
    return f"{leak.status}: {leak.location}{size}"


def leak_size(leak: LeakChange) -> str:
    """Return the growth of a leak per iteration: bytes, or a number of resources."""
    is_number = leak.signature.startswith("resource:") and leak.signature != f"resource:{CHILD_MEMORY}"
    return format_items(leak.per_iteration) if is_number else format_bytes(leak.per_iteration, signed=True)


def amount(value: float, unit: Unit, *, signed: bool = False) -> str:
    """Return a number in its unit, without ``per iteration``."""
    if unit == "seconds":
        return ("-" if value < 0 else "+" if signed else "") + format_seconds(abs(value))
    if unit == "per iteration":
        return format_items(value) if signed else f"{value:.3g}"
    return format_bytes(value, signed=signed)


def leak_words(leaks: list[LeakChange], status: LeakStatus) -> str:
    """Return the places of leaks: ``new leak: app.py:7 (run)``."""
    if leaks[0].signature == IDLE_SIGNATURE:
        return "the scenario works again" if status == "gone" else leaks[0].location
    more = len(leaks) - _MOST_LEAKS
    places = ", ".join(leak.location for leak in leaks[:_MOST_LEAKS]) + (f" and {more} more" if more > 0 else "")
    word = "leak" if len(leaks) == 1 else "leaks"
    return f"{word} gone: {places}" if status == "gone" else f"{status} {word}: {places}"
