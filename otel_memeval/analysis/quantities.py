"""List the quantities in which a run is compared with earlier ones, and read them off the summary of a run. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from otel_memeval.analysis.differences import Measured, Quantity
from otel_memeval.analysis.growth import PEAK_FLOOR_BYTES, TOTAL_FLOOR_BYTES
from otel_memeval.analysis.resources import CHILD_FLOOR_BYTES, RESOURCE_FLOOR
from otel_memeval.analysis.untraced import MAPPED_FLOOR_BYTES, NATIVE_FLOOR_BYTES
from otel_memeval.records import CHILD_MEMORY, WORDS
from otel_memeval.records.run_summary import RunSummary, is_site

MIN_EFFECT = 0.05
"""Smallest change of memory or a resource that counts, as a part of the baseline."""

LEVEL_FLOOR_BYTES = 4096
"""Smallest change of a level that counts: a page."""

DURATION_MIN_EFFECT = 0.2
"""Smallest change of the duration that counts, as a part of the baseline."""

DURATION_FLOOR_SECONDS = 0.001
"""Smallest change of the duration that counts."""

MEDIAN_SPREAD = 1.25
"""Standard error of the median of n normal values, in standard deviations over the square root of n: the square root of half
of pi."""

NORMAL_REACH = 1.96
"""Half of a 95% interval, in standard errors of a normal distribution."""


def quantities(runs: Sequence[RunSummary]) -> list[Quantity]:
    """Return the quantities that one of the runs has, in the order of a report."""
    return [quantity for quantity in _all_quantities() if any(measured(run, quantity.name) for run in runs)]


def _all_quantities() -> Iterator[Quantity]:
    for name, floor in (
        ("retained", TOTAL_FLOOR_BYTES),
        ("peak", PEAK_FLOOR_BYTES),
        ("native", NATIVE_FLOOR_BYTES),
        ("process", MAPPED_FLOOR_BYTES),
    ):
        yield Quantity(f"growth.{name}", "bytes per iteration", floor, MIN_EFFECT)
    for name in ("retained", "peak"):
        yield Quantity(name, "bytes", LEVEL_FLOOR_BYTES, MIN_EFFECT)
    for name in WORDS:
        yield Quantity(f"resource.{name}", "per iteration", RESOURCE_FLOOR, MIN_EFFECT)
    yield Quantity(f"resource.{CHILD_MEMORY}", "bytes per iteration", CHILD_FLOOR_BYTES, MIN_EFFECT)
    yield Quantity("duration", "seconds", DURATION_FLOOR_SECONDS, DURATION_MIN_EFFECT, decides=False)


def is_growth(name: str) -> bool:
    """Return whether a quantity is per iteration, and so a matter of the verdict."""
    return name.startswith(("growth.", "resource."))


def measured(run: RunSummary, name: str) -> Measured | None:
    """Return a quantity of a run with its standard error; None if it was not measured."""
    kind, _, detail = name.partition(".")
    if kind == "growth":
        growth = getattr(run.growth, detail)
        if growth is None:
            return None
        return Measured(growth.bytes_per_iteration, (growth.ci_high - growth.ci_low) / 2 / NORMAL_REACH)
    if kind == "resource":
        return Measured(run.resources[detail], 0.0) if detail in run.resources else None
    value, spread = {
        "retained": (run.retained_bytes, run.retained_spread_bytes),
        "peak": (run.peak_bytes, run.peak_spread_bytes),
        "duration": (run.runtime_seconds, run.runtime_spread_seconds),
    }[kind]
    return None if value is None else Measured(value, MEDIAN_SPREAD * (spread or 0.0) / math.sqrt(max(1, run.iterations)))


def grows(run: RunSummary, name: str) -> bool:
    """Return whether the verdict of a run says that a channel or a resource grows."""
    kind, _, detail = name.partition(".")
    if kind == "resource":
        return any(leak.signature == f"resource:{detail}" for leak in run.leaks)
    sites_count = detail == "retained" and run.verdict == "leaking"
    return any(leak.signature == f"channel:{detail}" or (sites_count and is_site(leak)) for leak in run.leaks)
