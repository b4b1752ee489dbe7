"""Judges recorded series anew, in seconds: ``python -m benchmarks.rejudge FILE [PATTERN]``.

``FILE`` is what ``benchmarks.record`` wrote. For work on the analysis: nothing is measured. Prints what the current
``judge()`` gets wrong; the containers' order and the shown lines are those of the judgement, before a session puts the
scenario's own first.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

from benchmarks.record import Recording, read
from benchmarks.registry import scenarios, target_name
from benchmarks.running import ALARMS
from benchmarks.scoring import Case, mark, row, table, wrong
from benchmarks.tools.answer import Answer
from otel_memeval.analysis.judge import Judgement, judge


def answer_of(recording: Recording, judgement: Judgement) -> Answer:
    """The judgement as the command line would tell it."""
    module = recording.target.partition(":")[0]
    paths = {key: path for key, path, _, _, _ in recording.holders}
    holders = sorted(
        (paths.get(holder.id, "") for holder in judgement.holders),
        key=lambda path: (not path.startswith(f"{module}."), not path),
    )
    growth = judgement.growth
    channels = {
        name: value.bytes_per_iteration for name in growth.__struct_fields__ if (value := getattr(growth, name)) is not None
    }
    first = judgement.sites[0].key if judgement.sites else ("", 0)
    return Answer(
        flagged=judgement.state in ALARMS,
        file=os.path.basename(first[0]),
        line=first[1],
        bytes_per_iteration=channels.get("retained"),
        extra={"state": judgement.state, "holder": holders[0] if holders else "", "channels": channels},
    )


def main() -> None:
    """Judge, mark, print."""
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    known = {target_name(scenario): scenario for scenario in scenarios(pattern)}
    cases: list[Case] = []
    states: Counter[tuple[str, str]] = Counter()
    for recording in read(Path(sys.argv[1])):
        scenario = known.get(recording.target)
        if scenario is None:
            continue
        judgement = judge(recording.evidence())
        answer = answer_of(recording, judgement)
        lines = frozenset(recording.lines)
        cases.append(mark("ours", scenario, recording.seed, answer, len(recording.peak), lines))
        states[scenario.kind, judgement.state] += 1
    print(table([row("ours", cases)]))
    for (kind, state), count in sorted(states.items()):
        print(f"  {kind:8} {state:13} {count}")
    for fault in wrong(cases):
        print(f"  {fault}")


if __name__ == "__main__":
    main()
