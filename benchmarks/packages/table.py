"""What was said, as a table. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.packages.cases import Case, Version
from benchmarks.packages.measuring import ALARMS, LEAKS, Said

HEADINGS = (
    "case", "Python", "in", "leaky", "says", "bytes an iteration", "first", "fixed", "says", "bytes an iteration", "seconds",
)  # fmt: skip


def table(cases: Sequence[Case], said: Sequence[Said]) -> str:
    """A row for each case, in Markdown."""
    by_key = {(one.case, one.version): one for one in said}
    rows = [HEADINGS]
    for case in cases:
        leaky, fixed = by_key[case.name, "leaky"], by_key[case.name, "fixed"]
        rows.append(
            (
                case.name,
                case.python,
                case.written_in,
                _pin(case, "leaky"),
                leaky.state if leaky.right() else f"**{leaky.state}**",
                _bytes(leaky),
                leaky.first,
                _pin(case, "fixed"),
                fixed.state if fixed.right() else f"**{fixed.state}**",
                _bytes(fixed),
                f"{leaky.seconds:.0f} + {fixed.seconds:.0f}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def summary(cases: Sequence[Case], said: Sequence[Said]) -> str:
    """How many were found, how many false alarms, and which were not right."""
    tried = [one for one in said if one.state != "unavailable"]
    leaky = [one for one in tried if one.version == "leaky"]
    fixed = [one for one in tried if one.version == "fixed"]
    found = sum(one.state in LEAKS for one in leaky)
    alarms = sum(one.state in ALARMS for one in fixed)
    packages = len({case.package() for case in cases})
    native = sum(case.written_in != "Python" for case in cases)
    of_leaks = (
        f"Found {found} of {len(leaky)} leaks in {packages} packages ({native} of {len(cases)} in Rust, C, C++ or Cython)"
    )
    lines = [f"{of_leaks}; {alarms} false alarms on {len(fixed)} fixed versions."]
    for one in said:
        if one.state == "unavailable":
            lines.append(f"Not tried: {one.case} {one.version}: {one.detail}")
        elif not one.right():
            lines.append(f"{'Missed' if one.version == 'leaky' else 'False alarm'}: {one.case}: {one.detail}")
    return "\n".join(lines)


def _pin(case: Case, version: Version) -> str:
    return case.pins(version)[0].replace("==", " ")


def _bytes(said: Said) -> str:
    """The channel that the verdict is about; of a native leak the C heap or the process, whichever grew."""
    told = said.channels.get
    if said.state == "native-leak":
        return f"{max(told('native', 0), told('process', 0)):,.0f}"
    if said.state in ALARMS:
        return f"{told('peak' if said.state == 'creeping' else 'retained', 0):,.0f}"
    return " ".join(f"{name} {said.channels[name]:,.0f}" for name in ("retained", "native") if name in said.channels)
