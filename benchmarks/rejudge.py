"""Judge recorded series again, in seconds: ``python -m benchmarks.rejudge FILE [PATTERN]``.

``FILE`` was written by ``benchmarks.record``. For work on the analysis: nothing is measured. Prints each answer of the
present analysis that is not right; without follow-ups, so a line of a library stays as it is.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

from benchmarks.recording import read
from benchmarks.registry import scenarios, target_name
from benchmarks.scoring import Case, row, score, table, wrong
from benchmarks.tool_runs import ALARMS
from benchmarks.tools.answer import ToolAnswer
from otel_memeval.analysis.assessment import Assessment, assess


def answer_of(assessment: Assessment) -> ToolAnswer:
    """Return the assessment as the answer that the command line would give, without follow-ups."""
    growth = assessment.growth
    channels = {
        name: value.bytes_per_iteration for name in growth.__struct_fields__ if (value := getattr(growth, name)) is not None
    }
    file, line = assessment.sites[0].key if assessment.sites else ("", 0)
    state = assessment.judgement.state
    holder = assessment.holders[0].path if assessment.holders else ""
    return ToolAnswer(
        flagged=state in ALARMS,
        file=os.path.basename(file),
        line=line,
        bytes_per_iteration=channels.get("retained"),
        extra={"state": state, "holder": holder, "channels": channels},
    )


def main() -> None:
    """Judge, score and print."""
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    by_name = {target_name(scenario): scenario for scenario in scenarios(pattern)}
    cases: list[Case] = []
    states: Counter[tuple[str, str]] = Counter()
    for recorded in read(Path(sys.argv[1])):
        scenario = by_name.get(recorded.target)
        if scenario is None:
            continue
        assessment = assess(recorded.evidence())
        answer = answer_of(assessment)
        lines = frozenset(recorded.lines)
        cases.append(score("ours", scenario, recorded.seed, answer, len(recorded.peak), lines))
        states[scenario.kind, assessment.judgement.state] += 1
    print(table([row("ours", cases)]))
    for (kind, state), count in sorted(states.items()):
        print(f"  {kind:8} {state:13} {count}")
    for fault in wrong(cases):
        print(f"  {fault}")


if __name__ == "__main__":
    main()
