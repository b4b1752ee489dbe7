"""Format measurements as a table with a row for each framework, untraced and traced. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.frameworks.frameworks import FRAMEWORKS
from benchmarks.frameworks.measure import Measurement
from otel_memeval.units import format_bytes

HEADINGS = (
    "framework", "storage", "spans", "verdicts", "retained", "C heap", "process", "peak", "model calls", "requests",
    "iteration", "reading", "run", "CPU", "plain = 1",
)  # fmt: skip

_STORAGE = {framework.name: framework.storage for framework in FRAMEWORKS}


def table(measurements: Sequence[Measurement]) -> str:
    """Return the table in Markdown: verdicts with their number, medians of everything else."""
    groups: dict[tuple[str, bool], list[Measurement]] = {}
    for measurement in measurements:
        groups.setdefault((measurement.name, measurement.traced), []).append(measurement)
    rows = [HEADINGS, *(_row(name, traced, group) for (name, traced), group in groups.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def title(name: str, *, traced: bool) -> str:
    """Return the name of a framework in a text, with the word for a traced scenario."""
    return f"{name} (traced)" if traced else name


def failing(measurements: Sequence[Measurement]) -> list[str]:
    """Return a line for each verdict that fails a build."""
    return [
        f"- {title(measurement.name, traced=measurement.traced)}: {measurement.state}: {measurement.summary}"
        for measurement in measurements
        if not measurement.passed
    ]


def versions(measurements: Sequence[Measurement]) -> list[str]:
    """Return a line for each framework with its pinned packages, and Python's version."""
    lines = []
    pins = {framework.name: framework.pins for framework in FRAMEWORKS}
    for name in dict.fromkeys(measurement.name for measurement in measurements):
        latest = [measurement for measurement in measurements if measurement.name == name][-1]
        pinned = [pin.partition("[")[0].partition("==")[0] for pin in pins.get(name, ())]
        packages = dict.fromkeys([*pinned, "openai", "opentelemetry-sdk"])
        found = [f"{package} {latest.versions[package]}" for package in packages if package in latest.versions]
        lines.append(f"- {name}: Python {latest.python}, {', '.join(found)}")
    return lines


LASTING_PART = 0.5
"""Part of the growth in the middle third of a plain loop that its last third must have: a cache that fills slows down."""


def lasts(kept: Mapping[str, Sequence[float]]) -> bool:
    """Return whether a plain loop keeps memory to its end: that confirms a leak."""
    middle, last = kept["heap"]
    return middle > 0 and last >= LASTING_PART * middle


def confirmed(rows: Mapping[str, Mapping[str, Sequence[float]]]) -> list[str]:
    """Return a line for each framework that a plain loop has called: bytes kept per call in the last two thirds."""
    return [
        f"- {name}, {kept['calls'][0]:,.0f} calls: C heap {kept['heap'][0]:,.0f}, then {kept['heap'][1]:,.0f} B per call; "
        f"resident {kept['resident'][0]:,.0f}, then {kept['resident'][1]:,.0f} B: {'lasts' if lasts(kept) else 'fades'}"
        for name, kept in rows.items()
    ]


def _row(name: str, traced: bool, group: Sequence[Measurement]) -> tuple[str, ...]:
    states = Counter(measurement.state if measurement.passed else f"**{measurement.state}**" for measurement in group)
    cpu = median(measurement.cpu_seconds for measurement in group)
    plain = [measurement.plain_cpu_seconds for measurement in group if measurement.plain_cpu_seconds]
    return (
        name,
        _STORAGE.get(name, ""),
        "yes" if traced else "no",
        ", ".join(f"{state} {count}" for state, count in states.most_common()),
        *(
            _bytes([measurement.bytes_per_iteration.get(key) for measurement in group])
            for key in ("retained", "native", "process")
        ),
        _bytes([measurement.peak_bytes for measurement in group]),
        _number([measurement.model_calls for measurement in group]),
        _number([measurement.requests for measurement in group]),
        _seconds([measurement.iteration_seconds for measurement in group]),
        _seconds([measurement.reading_seconds for measurement in group]),
        f"{median(measurement.seconds for measurement in group):.0f} s",
        f"{cpu:.0f} s",
        f"{cpu / median(plain):.1f}" if plain else "-",
    )


def _bytes(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return format_bytes(round(median(known))) if known else "-"


def _number(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):g}" if known else "-"


def _seconds(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.2f} s" if known else "-"
