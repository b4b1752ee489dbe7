"""Keep all measurements in ``frameworks.json``, and write them as a text beside it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.frameworks.measure import Measurement
from benchmarks.frameworks.table import confirmed, failing, table, versions
from otel_memeval.files import replace_file

LEGEND = """
Bytes are per iteration, except the peak; all numbers are medians. "model calls" are those of the scenario's spans,
"requests" those that reached the model server, for each call of the scenario. "reading" is the time between two iterations;
"run" and "CPU" are those of the complete command; "plain = 1" is its processor time beside that of as many calls in a plain
loop, imports included. Verdicts that fail a build are in bold and listed below.
"""


class Results(msgspec.Struct):
    """Everything that was measured. ``confirmed`` has the bytes per call of plain loops, by framework."""

    command: str = ""
    measurements: list[Measurement] = []
    agno_evals: list[Measurement] = []
    confirmed: dict[str, dict[str, list[float]]] = {}
    unavailable: dict[str, str] = {}


def load(path: Path) -> Results:
    """Return the results of a file; empty ones without a file."""
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else Results()


def save(results: Results, path: Path) -> None:
    """Write the file and the text beside it."""
    replace_file(path, msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    replace_file(path.with_suffix(".txt"), text(results).encode())


def text(results: Results) -> str:
    """Return the tables below the command."""
    parts = [results.command or "python -m benchmarks.frameworks", table(results.measurements), LEGEND]
    parts += versions(results.measurements)
    parts += [f"- {name}: not measured: {reason}" for name, reason in results.unavailable.items()]
    parts += _titled("Verdicts that fail a build:", failing(results.measurements))
    parts += _titled("Memory that a plain loop keeps, without this tool:", confirmed(results.confirmed))
    if results.agno_evals:
        parts += ["", "agno's own evals, unmodified:", ""]
        parts += [f"- {found.name}: {found.state}: {found.summary} ({found.seconds:.0f} s)" for found in results.agno_evals]
    return "\n".join(parts) + "\n"


def command(arguments: Sequence[str]) -> str:
    """Return the command that measures the same elsewhere."""
    return shlex.join(["python", "-m", "benchmarks.frameworks", *arguments])


def _titled(title: str, lines: Sequence[str]) -> list[str]:
    return ["", title, "", *lines] if lines else []
