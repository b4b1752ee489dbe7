"""Format verdicts on packages as a table. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.packages.cases import Case, Version
from benchmarks.packages.package_verdict import ALARMS, LEAKS, PackageVerdict

HEADINGS = (
    "case", "Python", "in",
    "leaky", "verdict", "bytes per iteration", "first",
    "fixed", "verdict", "bytes per iteration", "seconds",
)  # fmt: skip


def table(cases: Sequence[Case], verdicts: Sequence[PackageVerdict]) -> str:
    """Return a row for each case, in Markdown."""
    by_key = {(verdict.case, verdict.version): verdict for verdict in verdicts}
    rows = [HEADINGS]
    for case in cases:
        leaky, fixed = by_key[case.name, "leaky"], by_key[case.name, "fixed"]
        rows.append(
            (
                case.name,
                case.python,
                case.written_in,
                _pin(case, "leaky"),
                leaky.state if leaky.is_right() else f"**{leaky.state}**",
                _bytes(leaky),
                leaky.first,
                _pin(case, "fixed"),
                fixed.state if fixed.is_right() else f"**{fixed.state}**",
                _bytes(fixed),
                f"{leaky.seconds:.0f} + {fixed.seconds:.0f}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def summary(cases: Sequence[Case], verdicts: Sequence[PackageVerdict]) -> str:
    """Return the number of found leaks and false alarms, and the wrong verdicts."""
    measured = [verdict for verdict in verdicts if verdict.state != "unavailable"]
    leaky = [verdict for verdict in measured if verdict.version == "leaky"]
    fixed = [verdict for verdict in measured if verdict.version == "fixed"]
    found = sum(verdict.state in LEAKS for verdict in leaky)
    alarms = sum(verdict.state in ALARMS for verdict in fixed)
    packages = len({case.package() for case in cases})
    native = sum(case.written_in != "Python" for case in cases)
    of_leaks = (
        f"Found {found} of {len(leaky)} leaks in {packages} packages ({native} of {len(cases)} in Rust, C, C++ or Cython)"
    )
    lines = [f"{of_leaks}; {alarms} false alarms on {len(fixed)} fixed versions."]
    for verdict in verdicts:
        if verdict.state == "unavailable":
            lines.append(f"Not measured: {verdict.case} {verdict.version}: {verdict.detail}")
        elif not verdict.is_right():
            fault = "Missed" if verdict.version == "leaky" else "False alarm"
            lines.append(f"{fault}: {verdict.case}: {verdict.detail}")
    return "\n".join(lines)


def _pin(case: Case, version: Version) -> str:
    return case.pins(version)[0].replace("==", " ")


def _bytes(verdict: PackageVerdict) -> str:
    """Return the growth of the channel of the verdict; for a native leak the larger of C heap and process."""
    channels = verdict.channels
    if verdict.state == "native-leak":
        return f"{max(channels.get('native', 0), channels.get('process', 0)):,.0f}"
    if verdict.state in ALARMS:
        return f"{channels.get('peak' if verdict.state == 'creeping' else 'retained', 0):,.0f}"
    return " ".join(f"{name} {channels[name]:,.0f}" for name in ("retained", "native") if name in channels)
