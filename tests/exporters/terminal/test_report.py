"""The report on the terminal, as a person sees it and as a program reads it."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from otel_memeval.exporters.terminal.report import Report, make_console, print_report, print_verdict
from otel_memeval.records import Failure, Holder, Iteration, Limits, Result, Verdict
from otel_memeval.verdicts import STATES, State

MakeResult = Callable[..., Result]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
EVERYTHING = Report()
LONG = "name " * 2000
MANY_PARTS = settings(
    deadline=None,
    max_examples=40,
    phases=[Phase.reuse, Phase.generate],  # to shrink a whole result would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def terminal(width: int = 80) -> Console:
    """A terminal of this width, whose text can be read back."""
    return Console(
        file=io.StringIO(), width=width, force_terminal=True, highlight=False, emoji=False, color_system="standard"
    )


def pipe() -> Console:
    """A pipe, as the tool itself writes to it: rich assumes 80 columns."""
    return Console(file=io.StringIO(), width=80, force_terminal=False, highlight=False, emoji=False)


def text_of(console: Console) -> str:
    """What was written, colours and all."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def shown(console: Console, result: Result, parts: Report = EVERYTHING) -> str:
    """The whole report."""
    print_report(console, result, parts)
    return text_of(console)


def renamed(result: Result, name: str) -> Result:
    """The same result, of an eval with another name."""
    return msgspec.structs.replace(result, eval=msgspec.structs.replace(result.eval, name=name))


def long_result(make: MakeResult) -> Result:
    """A result with everything in it, and all of it long."""
    whole = make()
    site = msgspec.structs.replace(whole.sites[0], file="folder/" * 20 + "m.py", function="function." * 20)
    holder = Holder(path="module.ATTRIBUTE -> Type.log" * 10, type="T" * 90, length=5, items_per_iteration=1.5, bound=10)
    return make(
        run=msgspec.structs.replace(whole.run, missing_channels=["C heap (needs glibc 2.33 or later; this is win32) " * 3]),
        sites=[site],
        holders=[holder],
        verdict=Verdict(state="leaking", summary="sentence " * 40, reasons=["reason " * 40, "r" * 200]),
        limits_exceeded=["retained memory grew " * 10],
    )


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ["An eval", LONG, "n" * 10_000, "木" * 500])
def test_no_line_is_wider_than_the_terminal(name: str, width: int, make_result: MakeResult) -> None:
    """On a terminal every line fits, however long the names, paths, sentences and limits are."""
    text = COLOUR.sub("", shown(terminal(width), renamed(long_result(make_result), name)))
    assert max(map(cell_len, text.split("\n"))) <= width


def test_a_pipe_gets_whole_plain_lines(make_result: MakeResult) -> None:
    """A program reads no escape codes, and verdict, reasons, limits and missing channels on one line each."""
    result = long_result(make_result)
    lines = shown(pipe(), result).split("\n")
    assert not any("\x1b" in line for line in lines)
    assert f"An eval: leaking: {result.verdict.summary}" in lines
    assert [f"  - {reason}" for reason in result.verdict.reasons] == lines[-3:-1]
    assert f"An eval: past its limit: {result.limits_exceeded[0]}" in lines
    assert f"not measured here: {result.run.missing_channels[0]}" in lines


def test_the_report_says_what_was_measured(make_result: MakeResult) -> None:
    """Iterations with their change against the one before, statistics, the line, the container and the verdict."""
    text = shown(pipe(), make_result())
    assert "An eval: 5 iterations, Python 3.11.7" in text
    assert re.search(r"^1 +500 ms +981 KiB +\+4\.00 KiB +1\.91 MiB +47\.7 MiB *$", text, re.MULTILINE)
    assert "Over the measured iterations" in text
    assert re.search(r"^ +\+4\.00 KiB +20\.0 KiB +m\.py:3 in run *$", text, re.MULTILINE)
    assert re.search(r"^ +\+1 +5 +m\.KEPT \(list\) *$", text, re.MULTILINE)
    assert text.endswith("An eval: leaking: keeps 4.00 KiB more every iteration\n  - a reason\n")


def test_warmups_and_failures_have_rows_of_their_own(
    make_result: MakeResult, make_iteration: Callable[..., Iteration]
) -> None:
    """A warm-up is called one, a failed iteration is marked, an unread one shows no figures, the change skips it."""
    error = Failure(type="ValueError", message="no")
    unread = Iteration(index=2, phase="measured", started_at="", duration_seconds=0.1, status="error", error=error)
    iterations = [make_iteration(1, "warmup"), make_iteration(1, "measured", error), unread, make_iteration(3)]
    lines = shown(pipe(), make_result(iterations=iterations, initial_reading=None)).split("\n")
    rows = [line.split() for line in lines[2:6]]
    assert lines[0].rstrip() == "An eval: 3 iterations after 1 warm-up, Python 3.11.7"
    assert rows[0] == ["warm-up", "1", "500", "ms", "981", "KiB", "-", "1.91", "MiB", "47.7", "MiB"]
    assert rows[1] == ["1", "!", "500", "ms", "981", "KiB", "0", "B", "1.91", "MiB", "47.7", "MiB"]
    assert rows[2] == ["2", "!", "100", "ms", "-", "-", "-", "-"]
    assert rows[3] == ["3", "500", "ms", "989", "KiB", "+8.00", "KiB", "1.91", "MiB", "47.7", "MiB"]


def test_counts_are_in_grammar(make_result: MakeResult, make_iteration: Callable[..., Iteration]) -> None:
    """One iteration, two warm-ups."""
    iterations = [make_iteration(1, "warmup"), make_iteration(2, "warmup"), make_iteration(1)]
    assert "An eval: 1 iteration after 2 warm-ups," in shown(terminal(), make_result(iterations=iterations))


def test_resident_memory_stands_in_where_unique_memory_is_unknown(make_result: MakeResult) -> None:
    """The process column is USS, else RSS, else a dash."""
    one = make_result().iterations[0]
    no_uss = msgspec.structs.replace(one, uss_bytes=None)
    neither = msgspec.structs.replace(no_uss, rss_bytes=None)
    for iteration, process in ((one, "47.7 MiB"), (no_uss, "57.2 MiB"), (neither, "-")):
        assert shown(pipe(), make_result(iterations=[iteration])).split("\n")[2].rstrip().endswith(process)


@pytest.mark.parametrize("state", STATES)
def test_quiet_is_one_line(state: State, make_result: MakeResult) -> None:
    """The verdict alone: name, state, sentence; odd names do not break the line."""
    console = pipe()
    print_verdict(console, renamed(make_result(verdict=Verdict(state=state, summary="a\nb", reasons=["x"])), "two\nlines"))
    assert text_of(console) == f"two\\nlines: {state}: a\\nb\n"


def test_only_parts_that_are_asked_for_are_shown(make_result: MakeResult) -> None:
    """Each part of a report can be left out; the verdict cannot."""
    nothing = Report(iterations=False, statistics=False, growth=False)
    assert shown(pipe(), make_result(), nothing).startswith("An eval: leaking: ")
    assert "duration" not in shown(pipe(), make_result(), Report(iterations=False, runtime=False))
    assert "Lines that grow" not in shown(pipe(), make_result(), Report(growth=False))
    assert "Over the measured" not in shown(pipe(), make_result(), Report(statistics=False))


def test_a_run_without_iterations_is_reported(make_result: MakeResult) -> None:
    """A set-up that failed leaves no table, and its verdict."""
    failed = Verdict(state="failed", summary="setup failed", reasons=[])
    whole = make_result()
    result = make_result(
        iterations=[], sites=[], holders=[], verdict=failed, initial_reading=None, statistics=type(whole.statistics)()
    )
    assert shown(pipe(), result) == "An eval: failed: setup failed\n"


def test_a_holder_without_a_path_and_one_with_a_bound(make_result: MakeResult) -> None:
    """No empty cell: what no module leads to is said to be so; a bound is told."""
    holders = [
        Holder(path="", type="dict", length=3, items_per_iteration=0.5),
        Holder(path="m.Q", type="deque", length=4, items_per_iteration=1.0, bound=500),
    ]
    text = shown(pipe(), make_result(holders=holders))
    assert "+0.5      3  (no module leads to it) (dict)" in text
    assert "m.Q (deque, at most 500)" in text


def test_reason_that_the_sentence_has_is_not_said_twice(make_result: MakeResult) -> None:
    """A reason is a line of its own only where the verdict's sentence does not hold it already."""
    verdict = Verdict(state="idle", summary="did no work: nothing was seen", reasons=["nothing was seen", "no wait either"])
    text = shown(pipe(), make_result(verdict=verdict))
    assert "  - no wait either" in text
    assert "  - nothing was seen" not in text


@pytest.mark.parametrize(
    "name",
    [
        "[red]alarm[/red]",
        "[/]",
        "[/nothing]",
        "[link=http://x]y[/link]",
        "back\\[slash",
        "\\",
        ":smile:",
        "木[bold]",
        "[" * 50,
    ],
)
def test_markup_in_names_is_text(name: str, make_result: MakeResult) -> None:
    """Square brackets, backslashes and emoji codes are shown as they stand, everywhere that a name can be."""
    whole = make_result()
    odd = renamed(
        make_result(
            sites=[msgspec.structs.replace(whole.sites[0], file=name, function=name)],
            holders=[Holder(path=name, type=name, length=1, items_per_iteration=1.0)],
            verdict=Verdict(state="leaking", summary=name, reasons=[f"because {name}"]),
            limits_exceeded=[name],
            run=msgspec.structs.replace(whole.run, missing_channels=[name], python=name),
        ),
        name,
    )
    text = shown(pipe(), odd)
    flat = "".join(text.split())
    for line in (f"{name}:leaking:{name}", f"{name}:pastitslimit:{name}", f"-because{name}", f"notmeasuredhere:{name}",
                 f"{name}:3in{name}", f"{name}({name})", f"{name}:5iterations,Python{name}"):  # fmt: skip
        assert line in flat
    assert COLOUR.sub("", shown(terminal(200), odd)).replace(" ", "") == shown(pipe_of(200), odd).replace(" ", "")


def pipe_of(width: int) -> Console:
    """A pipe whose tables are this wide."""
    return Console(file=io.StringIO(), width=width, force_terminal=False, highlight=False, emoji=False)


@pytest.mark.parametrize("wide", [True, False])
@given(data=st.data())
@MANY_PARTS
def test_a_terminal_gets_nothing_to_obey(wide: bool, data: st.DataObject, hostile_result: st.SearchStrategy[Result]) -> None:
    """Whatever control characters, escape sequences and marks stand in any text of a result, only our colours arrive."""
    result = data.draw(hostile_result)
    for console in (terminal(200 if wide else 80), pipe()):
        text = shown(console, result)
        plain = COLOUR.sub("", text) if console.is_terminal else text
        assert [character for character in plain if not (character.isprintable() or character == "\n")] == []
        text.encode("utf-8")


@given(data=st.data())
@MANY_PARTS
def test_any_result_can_be_shown(data: st.DataObject, any_result: st.SearchStrategy[Result]) -> None:
    """Whatever was measured: the report does not fail and fits the terminal."""
    text = COLOUR.sub("", shown(terminal(), data.draw(any_result)))
    assert max(map(cell_len, text.split("\n"))) <= 80


def test_a_character_that_the_output_lacks_is_written_as_an_escape(
    monkeypatch: pytest.MonkeyPatch, make_result: MakeResult
) -> None:
    """Where the output's encoding lacks the name's letters, as in some pipes, the report is not lost."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        print_report(make_console(), renamed(make_result(), "木 é"), Report())
    assert b"\\u6728 \\xe9: leaking: keeps" in raw.getvalue()
    stream.detach()


def test_the_tools_console_is_plain_when_piped(capsys: pytest.CaptureFixture[str], make_result: MakeResult) -> None:
    """What make_console() gives writes to the stream that is asked for, without colour where that is no terminal."""
    print_verdict(make_console(), make_result())
    print_verdict(make_console(stderr=True), make_result(eval=msgspec.structs.replace(make_result().eval, limits=Limits())))
    captured = capsys.readouterr()
    assert captured.out == captured.err == "An eval: leaking: keeps 4.00 KiB more every iteration\n"
