"""Scores of answers: found leaks, false alarms, right lines, holders and bytes."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.registry import scenarios
from benchmarks.scoring import Case, begins_with, row, score, wrong
from benchmarks.tool_runs import WITHOUT_CODE_BOUNDS
from benchmarks.tools.answer import ToolAnswer, parse_answer

(LEAK,) = scenarios("leaks_python:keep_1_kib$")
(CREEP,) = scenarios("creep:peak_by_60_kib$")
(NO_OP,) = scenarios("clean:no_op$")
(CLEAN,) = scenarios("clean:json_temporaries$")
(BOUNDED,) = scenarios("bounded:ring_of_500$")


def _ours(state: str, **fields: object) -> ToolAnswer:
    flagged = state in ("leaking", "native-leak", "creeping")
    answer = ToolAnswer(flagged=flagged, extra={"state": state, "holder": fields.pop("holder", "")})
    return dataclasses.replace(answer, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scenario", "state", "right"),
    [
        (LEAK, "leaking", True),
        (LEAK, "native-leak", True),
        (LEAK, "creeping", False),
        (LEAK, "inconclusive", False),
        (CREEP, "creeping", True),
        (CREEP, "leaking", False),
        (CLEAN, "stable", True),
        (CLEAN, "settling", True),
        (CLEAN, "inconclusive", True),
        (CLEAN, "idle", False),
        (CLEAN, "creeping", False),
        (CLEAN, "failed", False),
        (NO_OP, "idle", True),
        (BOUNDED, "bounded", True),
        (BOUNDED, "leaking", False),
    ],
)
def test_states_are_scored(scenario: object, state: str, right: bool) -> None:
    """Each verdict is right or wrong for each kind of scenario."""
    assert score("ours", scenario, 1, _ours(state), 20).right is right  # type: ignore[arg-type]


def test_line_holder_and_bytes_of_found_leaks_are_scored() -> None:
    """The first line, the path of the holder and the bytes are compared with the truth."""
    line = next(iter(LEAK.lines()))
    found = _ours("leaking", file=f"benchmarks/corpus/{LEAK.file}", line=line, bytes_per_iteration=1_080.0)
    case = score("ours", LEAK, 1, dataclasses.replace(found, extra={"state": "leaking", "holder": "leaks_python.KEPT"}), 20)
    assert (case.line, case.holder, case.within) == (True, True, True)
    case = score("ours", LEAK, 1, dataclasses.replace(found, line=line + 1, bytes_per_iteration=1_200.0), 20)
    assert (case.line, case.holder, case.within) == (False, False, False)
    assert wrong([case]) == [
        f"line: leaks_python:keep_1_kib names leaks_python.py:{line + 1}  1200 B [seed 1]",
        f"holder: leaks_python:keep_1_kib names leaks_python.py:{line + 1}  1200 B [seed 1]",
        f"bytes: leaks_python:keep_1_kib is off by 13% (leaks_python.py:{line + 1}  1200 B) [seed 1]",
    ]


def test_path_of_a_holder_may_continue_but_not_be_another_name() -> None:
    """``m.KEPT[*]`` begins with ``m.KEPT``; ``m.KEPT_TOO`` does not."""
    assert begins_with("m.KEPT", "m.KEPT")
    assert begins_with("m.KEPT[*] -> x", "m.KEPT")
    assert not begins_with("m.KEPT_TOO", "m.KEPT")
    assert not begins_with("", "m.KEPT")


def test_tool_without_code_bounds_is_scored_like_the_tool() -> None:
    """The verdict decides for this tool without code bounds as well: a flagged creep is a miss of a leak."""
    assert score(WITHOUT_CODE_BOUNDS, LEAK, 1, _ours("leaking"), 20).right
    assert not score(WITHOUT_CODE_BOUNDS, LEAK, 1, _ours("creeping"), 20).right
    assert score("agno", LEAK, 1, _ours("creeping"), 20).right


def test_row_counts_each_kind_separately() -> None:
    """A row has found leaks, false alarms on clean and bounded scenarios, found creep, and undecided runs."""
    cases: list[Case] = [
        score("ours", LEAK, 1, _ours("leaking"), 20),
        score("ours", LEAK, 2, _ours("inconclusive"), 20),
        score("ours", CLEAN, 1, _ours("stable"), 20),
        score("ours", BOUNDED, 1, _ours("leaking"), 20),
        score("ours", CREEP, 1, _ours("creeping"), 20),
    ]
    line = row("ours", cases)
    assert line.leaks == "1 of 2 (50%)"
    assert line.false_alarms == "1 of 2 (50%)"
    assert line.creep == "1 of 1 (100%)"
    assert line.undecided == "1"


def test_answer_is_parsed_among_other_output() -> None:
    """The last answer in the output of a program counts; output without an answer gives None."""
    assert parse_answer('noise\nanswer: {"flagged": true, "detail": "x"}\nnoise\n') == ToolAnswer(flagged=True, detail="x")
    assert parse_answer("noise\n") is None
