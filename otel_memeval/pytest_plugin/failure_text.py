"""Texts of a measurement in pytest's output: of a failure, and of a line in the summary."""

from __future__ import annotations

from otel_memeval.exporters.terminal.advice import excerpt
from otel_memeval.records import Result
from otel_memeval.redact import visible
from otel_memeval.units import format_bytes

_ARGUMENTS = (("--max-growth", "max_growth"), ("--max-peak-growth", "max_peak_growth"))
"""Options of the command line in sentences of the result, and the argument of the same meaning."""


def summary_line(result: Result, name: str) -> str:
    """Return state, growth and iterations in one line; ``name``: of the measured function, empty for the test itself."""
    measured = sum(1 for iteration in result.iterations if iteration.phase == "measured")
    growth = result.growth.retained
    grown = "" if growth is None else f", {format_bytes(growth.bytes_per_iteration, signed=True)} per iteration"
    counted = f"{measured} iteration{'' if measured == 1 else 's'}"
    return visible(f"{f'{name}: ' if name else ''}{result.verdict.state}{grown}, {counted}")


def failure_text(result: Result, folder: str) -> str:
    """Return the verdict's sentence, exceeded limits, the growing line with its source, holders and the next step.

    ``folder``: the files of the result are relative to it.
    """
    lines = [f"{result.verdict.state}: {result.verdict.summary}", *map(_of_limit, result.limits_exceeded)]
    for site in result.sites[:1]:
        lines.append(f"  {site.file}:{site.line} ({site.function}) {_per_iteration(site.bytes_per_iteration)}")
        lines += [f"  {'>' if own else ' '} {number:4} | {text}" for number, text, own in excerpt(site, folder)]
    lines += [f"  held by {holder.path} ({holder.type})" for holder in result.holders[:1] if holder.path]
    lines += [f"  - {reason}" for reason in result.verdict.reasons if reason not in result.verdict.summary]
    lines.append(f"next: {_next_step(result)}")
    return "\n".join(map(visible, lines))


def _per_iteration(count: float) -> str:
    return f"{format_bytes(count, signed=True)} per iteration"


def _of_limit(sentence: str) -> str:
    for option, argument in _ARGUMENTS:
        sentence = sentence.replace(option, argument)
    return f"limit exceeded: {sentence}"


def _next_step(result: Result) -> str:
    """Return the action that mends the test, by verdict."""
    state = result.verdict.state
    if state == "native-leak":
        return "release what the C library made in each call; otel-memeval FILE.py::NAME --explain shows the C frames"
    if state == "inconclusive":
        needed = result.verdict.iterations_needed
        return f"give the marker iterations={needed}" if needed is not None else "give the marker more iterations"
    if state == "settling":
        return f"give the marker warmup={result.eval.warmup + max(1, len(result.iterations) // 2)}"
    if state == "idle":
        return "await the call, or read the stream to its end: as it is, nothing is measured"
    if state == "failed":
        return "mend the error"
    if not (result.sites or result.holders):
        return "look for what is opened or started in each call and never closed, joined or awaited"
    place = f"{result.sites[0].file}:{result.sites[0].line}" if result.sites else "each call"
    holder = f" puts into {result.holders[0].path}" if result.holders and result.holders[0].path else " keeps"
    return f"release what {place}{holder}, give it a bound, or name the growth in ignore= if it is meant"
