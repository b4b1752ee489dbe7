"""What a person does next after a report: one line by verdict, and the source around the line that leads."""

from __future__ import annotations

import os
import shlex

from otel_memeval.records import Result, Site

_AROUND = 2
"""Lines of source before and after the one that grows."""


def next_step(result: Result) -> str:
    """Return one line with the next command or look at the code; empty where nothing has to be done."""
    target = shlex.quote(result.run.target)
    state = result.verdict.state
    if state == "failed":
        raised = any(iteration.error is not None for iteration in result.iterations)
        return "mend the error, or go on after failed iterations with --keep-going" if raised else ""
    if state == "leaking" and not (result.sites or result.holders):
        return "look for what is opened or started in each iteration and never closed, joined or awaited"
    if state in ("leaking", "creeping") and result.explanation is None:
        return f"otel-memeval {target} --explain  (types, references and stacks of the growth)"
    if state == "native-leak" and result.explanation is None:
        return f"otel-memeval {target} --explain  (with memray installed in the scenario's Python: the C frames)"
    if state == "idle":
        return "await the call, or read the stream to its end: as it is, nothing is measured"
    if state == "inconclusive" and result.verdict.iterations_needed is not None:
        return f"otel-memeval {target} --max-iterations {result.verdict.iterations_needed}"
    if state == "settling":
        return f"otel-memeval {target} --warmup {result.eval.warmup + max(1, len(result.iterations) // 2)}"
    return ""


def excerpt(site: Site) -> list[tuple[int, str, bool]]:
    """Return number and text of the lines around a site, and whether it is the site's own.

    Empty for a file that is not below the current folder, such as one of a library.
    """
    if os.path.isabs(site.file) or not site.line:
        return []
    try:
        with open(site.file, encoding="utf-8-sig", errors="replace") as file:
            lines = file.read().split("\n")
    except (OSError, ValueError):
        return []
    if site.line > len(lines):
        return []
    first, last = max(1, site.line - _AROUND), min(len(lines), site.line + _AROUND)
    return [(number, lines[number - 1].rstrip(), number == site.line) for number in range(first, last + 1)]
