"""Score answers: found leaks, false alarms, right lines, holders and numbers. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.corpus.ground import Scenario
from benchmarks.registry import target_name
from benchmarks.tool_runs import is_ours
from benchmarks.tools.answer import ToolAnswer

RESOURCES = {
    **{name: name for name in ("file_descriptors", "sockets", "threads", "tasks", "child_processes")},
    "child_memory": "child_memory_bytes",
}
"""Channels of resources beside memory, with their names in the result."""


@dataclass(frozen=True)
class Case:
    """The scored answer of a tool about a scenario with a seed; None where a tool or scenario has no such answer."""

    tool: str
    scenario: str
    kind: str
    channel: str
    seed: int
    state: str
    right: bool
    """Found, for a leak or creep; no alarm otherwise."""
    undecided: bool
    line: bool | None
    holder: bool | None
    error: float | None
    """Error of the bytes per iteration, as a part of the true bytes."""
    within: bool | None
    seconds: float
    named: str
    """Line, holder and bytes that the tool named first."""


def score(
    tool: str, scenario: Scenario, seed: int, answer: ToolAnswer, iterations: int, lines: frozenset[int] | None = None
) -> Case:
    """Return the answer compared with the truth; ``lines``: the leaking lines, if they have moved since."""
    state = str(answer.extra.get("state", "flagged" if answer.flagged else "not flagged"))
    right = _right(tool, scenario, state, answer)
    found = scenario.kind == "leak" and right
    true_lines = (scenario.lines() if lines is None else lines) if found else frozenset()
    line = None
    if true_lines and tool != "psleak":
        line = os.path.basename(answer.file) == scenario.file and answer.line in true_lines
    holder = None
    if found and is_ours(tool) and scenario.holder:
        paths = (f"{scenario.module}.{scenario.holder}", scenario.holder, *scenario.aliases)
        holder = begins_with(str(answer.extra.get("holder", "")), *paths)
    error = within = None
    true_bytes = scenario.bytes_per_iteration if right else None
    named_bytes = _named_bytes(scenario, answer)
    if true_bytes and named_bytes is not None:
        error = abs(named_bytes - true_bytes) / true_bytes
        within = error <= scenario.tolerance
    number = "" if named_bytes is None else f"{named_bytes:.0f} B"
    return Case(
        tool=tool,
        scenario=target_name(scenario),
        kind=scenario.kind if iterations >= scenario.least_iterations else "too few",
        channel=scenario.channel,
        seed=seed,
        state=state,
        right=right,
        undecided=state == "inconclusive",
        line=line,
        holder=holder,
        error=None if error is None else round(error, 4),
        within=within,
        seconds=answer.seconds,
        named=f"{os.path.basename(answer.file)}:{answer.line} {answer.extra.get('holder', '')} {number}",
    )


def _named_bytes(scenario: Scenario, answer: ToolAnswer) -> float | None:
    """Return the growth that the answer has for the channel of this scenario."""
    channels = answer.extra.get("channels")
    if not isinstance(channels, dict):
        return answer.bytes_per_iteration
    if scenario.kind == "creep":
        value = channels.get("peak")
    elif scenario.channel in RESOURCES:
        value = channels.get(RESOURCES[scenario.channel])
    elif scenario.channel == "traced":
        value = channels.get("retained")
    else:
        value = channels.get("process") if scenario.channel == "process" else None
        value = channels.get("native") if value is None else value
    return None if value is None else float(value)


def _right(tool: str, scenario: Scenario, state: str, answer: ToolAnswer) -> bool:
    if scenario.kind in ("clean", "bounded"):
        return not answer.flagged and (state != "idle" or scenario.idle) and state not in ("failed", "no answer")
    if not is_ours(tool):
        return answer.flagged
    named = scenario.channel not in RESOURCES or RESOURCES[scenario.channel] in answer.extra.get("resources", ())  # type: ignore[operator]
    return named and state in (("creeping",) if scenario.kind == "creep" else ("leaking", "native-leak"))


def begins_with(path: str, *prefixes: str) -> bool:
    """Return whether a path is one of these prefixes or continues from one."""
    return any(path.startswith(prefix) and not path[len(prefix) : len(prefix) + 1].isidentifier() for prefix in prefixes)


@dataclass(frozen=True)
class Row:
    """The row of a tool in the table, over all of its cases."""

    tool: str
    leaks: str
    creep: str
    false_alarms: str
    undecided: str
    lines: str
    holders: str
    within: str
    error: str
    seconds: str

    HEADINGS = (
        "tool",
        "leaks found",
        "creep found",
        "false alarms",
        "undecided",
        "line first",
        "holder first",
        "bytes right",
        "median error",
        "seconds a run",
    )


def part(values: Iterable[bool | None]) -> str:
    """Return the part of true values in words: ``37 of 38 (97%)``, rounded down: 100% is all of them."""
    given = [value for value in values if value is not None]
    return f"{sum(given)} of {len(given)} ({100 * sum(given) // len(given)}%)" if given else "-"


def row(tool: str, cases: Sequence[Case]) -> Row:
    """Return the row of a tool."""
    harmless = [case for case in cases if case.kind in ("clean", "bounded")]
    errors = [case.error for case in cases if case.error is not None]
    return Row(
        tool=tool,
        leaks=part(case.right for case in cases if case.kind == "leak"),
        creep=part(case.right for case in cases if case.kind == "creep"),
        false_alarms=part(not case.right for case in harmless),
        undecided=str(sum(case.undecided for case in cases)) if is_ours(tool) else "-",
        lines=part(case.line for case in cases),
        holders=part(case.holder for case in cases),
        within=part(case.within for case in cases) if is_ours(tool) else "-",
        error=f"{median(errors):.1%}" if errors and is_ours(tool) else "-",
        seconds=f"{median(case.seconds for case in cases):.1f}" if cases else "-",
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table that is readable text and Markdown."""
    fields = [name for name in Row.__dataclass_fields__ if name != "HEADINGS"]
    cells = [list(Row.HEADINGS), *([getattr(each, name) for name in fields] for each in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(fields))]
    lines = ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |" for line in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def wrong(cases: Sequence[Case]) -> list[str]:
    """Return a line for each wrong answer, with its seeds."""
    found: dict[str, list[int]] = {}
    for case in cases:
        for fault in _faults(case):
            found.setdefault(fault, []).append(case.seed)
    return [f"{fault} [seed {', '.join(map(str, seeds))}]" for fault, seeds in found.items()]


def _faults(case: Case) -> list[str]:
    faults = []
    if not case.right:
        kind = "miss" if case.kind in ("leak", "creep", "too few") else "false alarm"
        faults.append(f"{kind}: {case.scenario} is {case.state}")
    elif case.undecided:
        faults.append(f"undecided: {case.scenario}")
    if case.line is False:
        faults.append(f"line: {case.scenario} names {case.named}")
    if case.holder is False:
        faults.append(f"holder: {case.scenario} names {case.named}")
    if case.within is False:
        faults.append(f"bytes: {case.scenario} is off by {case.error:.0%} ({case.named})")
    return faults
