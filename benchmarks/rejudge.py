"""Judge recorded series again, in seconds: ``python -m benchmarks.rejudge FILE [PATTERN]``.

``FILE`` was written by ``benchmarks.record``. For work on the analysis: nothing is measured. Prints each answer of the
present analysis that is not right; without follow-ups, so a line of a library stays as it is. A second row and list are
without the bounds that were read off source code: the worth of reading it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.corpus.ground import Scenario
from benchmarks.recording import Recording, read
from benchmarks.registry import scenarios, target_name
from benchmarks.scoring import Case, row, score, table, wrong
from benchmarks.tool_runs import ALARMS, WITHOUT_CODE_BOUNDS
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


def judged(recordings: Sequence[Recording], by_name: Mapping[str, Scenario], tool: str) -> list[Case]:
    """Return the scored answers of the analysis to recorded runs."""
    cases = []
    for recorded in recordings:
        scenario = by_name.get(recorded.target)
        if scenario is not None:
            answer = answer_of(assess(recorded.evidence()))
            cases.append(score(tool, scenario, recorded.seed, answer, len(recorded.peak), frozenset(recorded.lines)))
    return cases


def main() -> None:
    """Judge, score and print."""
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    by_name = {target_name(scenario): scenario for scenario in scenarios(pattern)}
    recordings = read(Path(sys.argv[1]))
    ours = judged(recordings, by_name, "ours")
    without = judged([recorded.without_code_bounds() for recorded in recordings], by_name, WITHOUT_CODE_BOUNDS)
    print(table([row("ours", ours), row(WITHOUT_CODE_BOUNDS, without)]))
    for tool, cases in (("ours", ours), (WITHOUT_CODE_BOUNDS, without)):
        print(f"{tool}:")
        for fault in wrong(cases):
            print(f"  {fault}")


if __name__ == "__main__":
    main()
