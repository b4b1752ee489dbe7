"""The parts of a report that lead on: traceback, source, next step, rows that are left out, closing summary."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from otel_memeval.exporters.terminal.advice import excerpt, next_step
from otel_memeval.exporters.terminal.report import print_closing_summary
from otel_memeval.records import CodeLocation, Failure, Holder, Iteration, Result, Site, Verdict
from otel_memeval.verdicts import FAILING_STATES, State
from tests.exporters.terminal.test_report import pipe, shown, text_of

MakeResult = Callable[..., Result]
SITE = Site(file="m.py", line=3, function="run", retained_bytes=1, blocks=1, bytes_per_iteration=1.0, signature="x")


def judged(make_result: MakeResult, state: State, **parts: Any) -> Result:
    """Return a result with a verdict."""
    verdict = Verdict(state=state, summary="a summary", reasons=[], iterations_needed=parts.pop("needed", None))
    return make_result(verdict=verdict, **parts)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("leaking", "otel-memeval m:run --explain"),
        ("creeping", "otel-memeval m:run --explain"),
        ("native-leak", "memray"),
        ("idle", "await the call"),
        ("settling", "otel-memeval m:run --warmup 2"),
        ("stable", ""),
        ("bounded", ""),
        ("inconclusive", ""),
        ("failed", ""),
    ],
)
def test_next_step_fits_the_verdict(make_result: MakeResult, state: State, words: str) -> None:
    """A state that needs a look has a command or a hint; one that passes has none."""
    step = next_step(judged(make_result, state))
    assert words in step
    assert bool(step) == bool(words)


def test_next_step_repeats_no_explanation_and_names_the_iterations_needed(
    make_result: MakeResult, make_iteration: Callable[..., Iteration]
) -> None:
    """After ``--explain`` it is not advised again; an inconclusive run says how many iterations decide."""
    assert "--max-iterations 40" in next_step(judged(make_result, "inconclusive", needed=40))
    assert "closed, joined or awaited" in next_step(judged(make_result, "leaking", sites=[], holders=[]))
    error = Failure(type="ValueError", message="no")
    assert "--keep-going" in next_step(judged(make_result, "failed", iterations=[make_iteration(1, error=error)]))


def test_source_is_shown_around_the_line_that_leads(
    make_result: MakeResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two lines before and after; a line at the edge has fewer, and a file that is not here has none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.py").write_text("one\ntwo\nthree\nfour\nfive\nsix\n", encoding="utf-8")
    assert [line for line, _, _ in excerpt(SITE)] == [1, 2, 3, 4, 5]
    assert "  >    3 | three\n" in shown(pipe(), judged(make_result, "leaking", sites=[SITE]))
    assert ">    3" not in shown(pipe(), judged(make_result, "bounded", sites=[SITE]))
    assert [line for line, _, _ in excerpt(msgspec.structs.replace(SITE, line=1))] == [1, 2, 3]
    for change in ({"line": 0}, {"line": 9}, {"file": "gone.py"}, {"file": str(tmp_path / "m.py")}, {"file": "nul\0.py"}):
        assert excerpt(msgspec.structs.replace(SITE, **change)) == []


def test_traceback_of_the_scenario_stands_below_the_verdict(
    make_result: MakeResult, make_iteration: Callable[..., Iteration]
) -> None:
    """The frames of the first error are lines that editors find."""
    frames = [CodeLocation(file="m.py", line=3, function="run"), CodeLocation(file="m.py", line=9, function="call")]
    error = Failure(type="ValueError", message="no", frames=frames)
    text = shown(pipe(), judged(make_result, "failed", iterations=[make_iteration(1, error=error)]))
    assert "    at m.py:3 in run\n    at m.py:9 in call\n" in text


@pytest.mark.parametrize(("count", "rows"), [(60, 60), (61, 41), (1000, 41)])
def test_middle_of_a_long_table_is_left_out(
    make_result: MakeResult, make_iteration: Callable[..., Iteration], count: int, rows: int
) -> None:
    """Up to 60 rows all are shown, then the first and last 20 and the number of the others; a failed one always is."""
    iterations = [make_iteration(number) for number in range(1, count + 1)]
    text = shown(pipe(), judged(make_result, "stable", iterations=iterations))
    assert len(re.findall(r"^ *(?:\d+|\.\.\.) .*", text[: text.index("Statistics")], re.MULTILINE)) == rows
    assert (f"{count - 40:,} more" in text) == (count > 60)
    iterations[count // 2] = make_iteration(count // 2 + 1, error=Failure(type="ValueError", message="no"))
    assert f"{count // 2 + 1} !" in shown(pipe(), judged(make_result, "stable", iterations=iterations))


def test_tables_say_how_many_rows_are_not_shown(make_result: MakeResult) -> None:
    """Further lines and containers are counted; a container has its estimate in bytes."""
    holders = [Holder(path="m.X", type="list", length=9, items_per_iteration=1.0, bytes_per_iteration=2048.0)]
    text = shown(pipe(), judged(make_result, "leaking", holders=holders, more_sites=45, more_holders=0))
    assert "and 45 more; --top shows them" in text
    assert re.search(r"\+1 +\+2\.00 KiB +9 +m\.X", text)


def test_title_tells_an_extension(make_result: MakeResult, make_iteration: Callable[..., Iteration]) -> None:
    """An eval that ran longer than its number says so."""
    result = make_result(iterations=[make_iteration(number) for number in range(1, 8)])
    assert "7 iterations (extended from 5)" in shown(pipe(), result)


def test_closing_summary_names_the_evals_that_fail(make_result: MakeResult) -> None:
    """Several evals end with one line: how many fail, and each with its verdict."""
    console = pipe()
    results = [judged(make_result, "stable"), judged(make_result, "leaking")]
    print_closing_summary(console, results, FAILING_STATES)
    print_closing_summary(console, results[:1] * 2, FAILING_STATES)
    assert text_of(console) == "1 of 2 fail: An eval (leaking)\nall 2 pass\n"


def test_texts_of_the_source_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts, parts of them and comments are left out, over several lines too; source that is no Python is not shown."""
    monkeypatch.chdir(tmp_path)
    source = "# secret 1\nKEPT['secret 2'] = f'secret {3}'\nask('''secret\nsecret\n''', 4)\nrun(5)  # secret 6\n"
    (tmp_path / "m.py").write_text(source, encoding="utf-8")
    shown_lines = [text for _, text, _ in excerpt(msgspec.structs.replace(SITE, line=3))]
    assert "secret" not in "".join(shown_lines)
    second = "KEPTf3" if sys.version_info >= (3, 12) else "KEPT"  # before, a text with fields is one token
    assert [re.sub(r"\W", "", text) for text in shown_lines] == ["", second, "ask", "", "4"]
    (tmp_path / "m.py").write_text("def run(:\n    '''secret\n", encoding="utf-8")
    assert excerpt(msgspec.structs.replace(SITE, line=1)) == []
