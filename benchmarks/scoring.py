"""From answers to a table. Pure: what counts as found, as a false alarm, as the right line, holder and number."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.corpus.ground import Scenario
from benchmarks.registry import target_name
from benchmarks.tools.answer import Answer


@dataclass(frozen=True)
class Case:
    """One tool's answer about one scenario with one seed, marked. None: not asked of this tool or scenario."""

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
    """Of the bytes per iteration, as a part of the truth."""
    within: bool | None
    seconds: float
    named: str
    """What the tool named first: line, holder, bytes."""


def mark(
    tool: str, scenario: Scenario, seed: int, answer: Answer, iterations: int, lines: frozenset[int] | None = None
) -> Case:
    """Compare an answer with the truth; ``lines`` are the true ones if they have moved since."""
    state = str(answer.extra.get("state", "flagged" if answer.flagged else "not flagged"))
    right = _right(tool, scenario, state, answer)
    found = scenario.kind == "leak" and right
    places = (scenario.lines() if lines is None else lines) if found else frozenset()
    line = None
    if places and tool != "psleak":
        line = os.path.basename(answer.file) == scenario.file and answer.line in places
    holder = None
    if found and tool == "ours" and scenario.holder:
        truths = (f"{scenario.module}.{scenario.holder}", scenario.holder, *scenario.aliases)
        holder = begins(str(answer.extra.get("holder", "")), *truths)
    error = within = None
    truth = scenario.bytes_per_iteration if right else None
    kept = _kept(scenario, answer)
    if truth and kept is not None:
        error = abs(kept - truth) / truth
        within = error <= scenario.tolerance
    number = "" if kept is None else f"{kept:.0f} B"
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


def _kept(scenario: Scenario, answer: Answer) -> float | None:
    """The number that answers ``bytes_per_iteration``: of the channel where this scenario's memory goes."""
    channels = answer.extra.get("channels")
    if not isinstance(channels, dict):
        return answer.bytes_per_iteration
    if scenario.kind == "creep":
        value = channels.get("peak")
    elif scenario.channel == "traced":
        value = channels.get("retained")
    else:
        value = channels.get("process") if scenario.channel == "process" else None
        value = channels.get("native") if value is None else value
    return None if value is None else float(value)


def _right(tool: str, scenario: Scenario, state: str, answer: Answer) -> bool:
    if scenario.kind in ("clean", "bounded"):
        return not answer.flagged and (state != "idle" or scenario.idle) and state not in ("failed", "no answer")
    if tool != "ours":
        return answer.flagged
    return state in (("creeping",) if scenario.kind == "creep" else ("leaking", "native-leak"))


def begins(path: str, *prefixes: str) -> bool:
    """Whether a holder's path is one of these or leads on from it."""
    return any(path.startswith(prefix) and not path[len(prefix) : len(prefix) + 1].isidentifier() for prefix in prefixes)


@dataclass(frozen=True)
class Row:
    """One tool over all of its cases."""

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
    """``37 of 38 (97%)``."""
    known = [value for value in values if value is not None]
    return f"{sum(known)} of {len(known)} ({sum(known) / len(known):.0%})" if known else "-"


def row(tool: str, cases: Sequence[Case]) -> Row:
    """The tool's line of the table."""
    harmless = [case for case in cases if case.kind in ("clean", "bounded")]
    errors = [case.error for case in cases if case.error is not None]
    return Row(
        tool=tool,
        leaks=part(case.right for case in cases if case.kind == "leak"),
        creep=part(case.right for case in cases if case.kind == "creep"),
        false_alarms=part(not case.right for case in harmless),
        undecided=str(sum(case.undecided for case in cases)) if tool == "ours" else "-",
        lines=part(case.line for case in cases),
        holders=part(case.holder for case in cases),
        within=part(case.within for case in cases) if tool == "ours" else "-",
        error=f"{median(errors):.1%}" if errors and tool == "ours" else "-",
        seconds=f"{median(case.seconds for case in cases):.1f}" if cases else "-",
    )


def table(rows: Sequence[Row]) -> str:
    """As a table that is text and Markdown at once."""
    fields = [name for name in Row.__dataclass_fields__ if name != "HEADINGS"]
    cells = [list(Row.HEADINGS), *([getattr(one, name) for name in fields] for one in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(fields))]
    lines = ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |" for line in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def wrong(cases: Sequence[Case]) -> list[str]:
    """One line for each thing that is not right, with the seeds on which it is not."""
    found: dict[str, list[int]] = {}
    for case in cases:
        for what in _faults(case):
            found.setdefault(what, []).append(case.seed)
    return [f"{what} [seed {', '.join(map(str, seeds))}]" for what, seeds in found.items()]


def _faults(case: Case) -> list[str]:
    faults = []
    if not case.right:
        what = "miss" if case.kind in ("leak", "creep", "too few") else "false alarm"
        faults.append(f"{what}: {case.scenario} is {case.state}")
    elif case.undecided:
        faults.append(f"undecided: {case.scenario}")
    if case.line is False:
        faults.append(f"line: {case.scenario} names {case.named}")
    if case.holder is False:
        faults.append(f"holder: {case.scenario} names {case.named}")
    if case.within is False:
        faults.append(f"bytes: {case.scenario} is off by {case.error:.0%} ({case.named})")
    return faults
