"""The report, on a terminal and in a pipe."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from otel_memeval.exporters.terminal.report import Report, print_report, print_verdict, spans_line
from otel_memeval.exporters.terminal.sparkline import ASCII, BLOCKS
from otel_memeval.records import Failure, GenAi, Holder, Iteration, Result, Summary, Verdict
from otel_memeval.verdicts import STATES, State

MakeResult = Callable[..., Result]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
EVERYTHING = Report()
LONG = "name " * 2000
MANY_PARTS = settings(
    deadline=None,
    max_examples=40,
    phases=[Phase.reuse, Phase.generate],  # shrinking a result would take minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def terminal(width: int = 80) -> Console:
    """Return a terminal of this width that keeps its text."""
    return Console(
        file=io.StringIO(), width=width, force_terminal=True, highlight=False, emoji=False, color_system="standard"
    )


def pipe() -> Console:
    """Return a pipe that keeps its text; rich assumes 80 columns."""
    return Console(file=io.StringIO(), width=80, force_terminal=False, highlight=False, emoji=False)


def text_of(console: Console) -> str:
    """Return the text that was printed, with its colours."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def shown(console: Console, result: Result, parts: Report = EVERYTHING) -> str:
    """Return the text of a report."""
    print_report(console, result, parts)
    return text_of(console)


def renamed(result: Result, name: str) -> Result:
    """Return the result with another name of its eval."""
    return msgspec.structs.replace(result, eval=msgspec.structs.replace(result.eval, name=name))


def long_result(make: MakeResult) -> Result:
    """Return a result with all parts, each very long."""
    default = make()
    site = msgspec.structs.replace(default.sites[0], file="folder/" * 20 + "m.py", function="function." * 20)
    holder = Holder(path="module.ATTRIBUTE -> Type.log" * 10, type="T" * 90, length=5, items_per_iteration=1.5, bound=10)
    return make(
        run=msgspec.structs.replace(
            default.run, missing_channels=["C heap (needs glibc 2.33 or later; this is win32) " * 3]
        ),
        sites=[site],
        holders=[holder],
        verdict=Verdict(state="leaking", summary="sentence " * 40, reasons=["reason " * 40, "r" * 200]),
        limits_exceeded=["retained memory grew " * 10],
    )


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", ["An eval", LONG, "n" * 10_000, "木" * 500])
def test_no_line_is_wider_than_the_terminal(name: str, width: int, make_result: MakeResult) -> None:
    """Long names, paths, sentences and limits are folded."""
    text = COLOUR.sub("", shown(terminal(width), renamed(long_result(make_result), name)))
    assert max(map(cell_len, text.split("\n"))) <= width


def test_pipe_gets_unfolded_lines_without_colours(make_result: MakeResult) -> None:
    """Verdict, reasons, limits and missing channels have a line each, without escape codes."""
    result = long_result(make_result)
    lines = shown(pipe(), result).split("\n")
    assert not any("\x1b" in line for line in lines)
    assert f"An eval: leaking: {result.verdict.summary}".rstrip() in lines
    assert [f"  - {reason}".rstrip() for reason in result.verdict.reasons] == lines[-4:-2]
    assert f"An eval: limit exceeded: {result.limits_exceeded[0]}".rstrip() in lines
    assert f"not measured: {result.run.missing_channels[0]}".rstrip() in lines
    assert f"+4.00 KiB  20.0 KiB  {'folder/' * 20}m.py:3 in {'function.' * 20}" in "\n".join(lines)
    assert [line for line in lines if line != line.rstrip()] == []


def test_report_has_iterations_statistics_growth_and_verdict(make_result: MakeResult) -> None:
    """The change of an iteration is that against the iteration before."""
    text = shown(pipe(), make_result())
    assert "An eval: 5 iterations, Python 3.11.7" in text
    assert re.search(r"^1 +500 ms +981 KiB +\+4\.00 KiB +1\.91 MiB +47\.7 MiB *$", text, re.MULTILINE)
    assert "Statistics of the measured iterations" in text
    assert re.search(r"^ +\+4\.00 KiB +20\.0 KiB +m\.py:3 in run *$", text, re.MULTILINE)
    assert re.search(r"^ +\+1 +- +5 +m\.KEPT \(list\) *$", text, re.MULTILINE)
    end = text[text.index("An eval: leaking") :].split("\n")
    assert end[:2] == ["An eval: leaking: keeps 4.00 KiB more every iteration", "  - a reason"]
    assert end[2].startswith("next: otel-memeval m:run --explain")


def test_rows_mark_warmups_and_failed_iterations(make_result: MakeResult, make_iteration: Callable[..., Iteration]) -> None:
    """An iteration without a reading shows no figures, and the next change is against the reading before it."""
    error = Failure(type="ValueError", message="no")
    unread = Iteration(index=2, phase="measured", started_at="", duration_seconds=0.1, status="error", error=error)
    iterations = [make_iteration(1, "warmup"), make_iteration(1, "measured", error), unread, make_iteration(3)]
    lines = shown(pipe(), make_result(iterations=iterations, initial_reading=None)).split("\n")
    rows = [line.split() for line in lines[2:6]]
    assert lines[0] == "An eval: 3 iterations after 1 warm-up, Python 3.11.7"
    assert rows[0] == ["warm-up", "1", "500", "ms", "981", "KiB", "-", "1.91", "MiB", "47.7", "MiB"]
    assert rows[1] == ["1", "!", "500", "ms", "981", "KiB", "0", "B", "1.91", "MiB", "47.7", "MiB"]
    assert rows[2] == ["2", "!", "100", "ms", "-", "-", "-", "-"]
    assert rows[3] == ["3", "500", "ms", "989", "KiB", "+8.00", "KiB", "1.91", "MiB", "47.7", "MiB"]


def test_title_counts_in_singular_and_plural(make_result: MakeResult, make_iteration: Callable[..., Iteration]) -> None:
    """It says "1 iteration" and "2 warm-ups"."""
    iterations = [make_iteration(1, "warmup"), make_iteration(2, "warmup"), make_iteration(1)]
    assert "An eval: 1 iteration after 2 warm-ups," in shown(terminal(), make_result(iterations=iterations))


def test_process_column_falls_back_to_resident_memory(make_result: MakeResult) -> None:
    """The column shows USS, else RSS, else a dash."""
    full = make_result().iterations[0]
    no_uss = msgspec.structs.replace(full, uss_bytes=None)
    neither = msgspec.structs.replace(no_uss, rss_bytes=None)
    for iteration, process in ((full, "47.7 MiB"), (no_uss, "57.2 MiB"), (neither, "-")):
        assert shown(pipe(), make_result(iterations=[iteration])).split("\n")[2].rstrip().endswith(process)


@pytest.mark.parametrize("state", STATES)
def test_verdict_is_one_line(state: State, make_result: MakeResult) -> None:
    """Line ends in the name and the sentence are escaped."""
    console = pipe()
    print_verdict(console, renamed(make_result(verdict=Verdict(state=state, summary="a\nb", reasons=["x"])), "two\nlines"))
    assert text_of(console) == f"two\\nlines: {state}: a\\nb\n"


def test_report_prints_the_requested_parts(make_result: MakeResult) -> None:
    """Each part can be left out except the verdict."""
    nothing = Report(iterations=False, statistics=False, growth=False)
    assert shown(pipe(), make_result(), nothing).startswith("An eval: leaking: ")
    assert "duration" not in shown(pipe(), make_result(), Report(iterations=False, runtime=False))
    assert "Lines that grow" not in shown(pipe(), make_result(), Report(growth=False))
    assert "Statistics" not in shown(pipe(), make_result(), Report(statistics=False))


def test_run_without_iterations_is_only_a_verdict(make_result: MakeResult) -> None:
    """A set-up that failed leaves no tables."""
    failed = Verdict(state="failed", summary="setup failed", reasons=[])
    result = make_result(iterations=[], sites=[], holders=[], verdict=failed, initial_reading=None, statistics=Summary())
    assert shown(pipe(), result) == "An eval: failed: setup failed\n"


def test_holder_row_shows_missing_path_and_bound(make_result: MakeResult) -> None:
    """A holder that no module reaches has a text in place of its path."""
    holders = [
        Holder(path="", type="dict", length=3, items_per_iteration=0.5),
        Holder(path="m.Q", type="deque", length=4, items_per_iteration=1.0, bound=500),
    ]
    text = shown(pipe(), make_result(holders=holders))
    assert re.search(r"\+0\.5 +- +3  \(not reachable from a module\) \(dict\)", text)
    assert "m.Q (deque, at most 500)" in text


def test_reason_in_the_summary_is_not_repeated(make_result: MakeResult) -> None:
    """A reason has its own line only if the summary does not contain it."""
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
def test_markup_in_names_is_printed_as_text(name: str, make_result: MakeResult) -> None:
    """Square brackets, backslashes and emoji codes mean nothing in a name."""
    default = make_result()
    odd = renamed(
        make_result(
            sites=[msgspec.structs.replace(default.sites[0], file=name, function=name)],
            holders=[Holder(path=name, type=name, length=1, items_per_iteration=1.0)],
            verdict=Verdict(state="leaking", summary=name, reasons=[f"because {name}"]),
            limits_exceeded=[name],
            run=msgspec.structs.replace(default.run, missing_channels=[name], python=name),
        ),
        name,
    )
    text = shown(pipe(), odd)
    flat = "".join(text.split())
    for line in (f"{name}:leaking:{name}", f"{name}:limitexceeded:{name}", f"-because{name}", f"notmeasured:{name}",
                 f"{name}:3in{name}", f"{name}({name})", f"{name}:5iterations,Python{name}"):  # fmt: skip
        assert line in flat
    on_terminal = COLOUR.sub("", shown(terminal(200), odd)).translate(str.maketrans(BLOCKS, ASCII))
    assert on_terminal.replace(" ", "") == shown(pipe_of(200), odd).replace(" ", "")


def pipe_of(width: int) -> Console:
    """Return a pipe whose tables have this width."""
    return Console(file=io.StringIO(), width=width, force_terminal=False, highlight=False, emoji=False)


@pytest.mark.parametrize("wide", [True, False])
@given(data=st.data())
@MANY_PARTS
def test_terminal_gets_no_control_characters(
    wide: bool, data: st.DataObject, hostile_result: st.SearchStrategy[Result]
) -> None:
    """Escape sequences in any text of a result are printed as text; only the report's own colours remain."""
    result = data.draw(hostile_result)
    for console in (terminal(200 if wide else 80), pipe()):
        text = shown(console, result)
        plain = COLOUR.sub("", text) if console.is_terminal else text
        assert [character for character in plain if not (character.isprintable() or character == "\n")] == []
        text.encode("utf-8")


@pytest.mark.parametrize("width", [40, 80])
@given(data=st.data())
@MANY_PARTS
def test_any_result_fits_a_terminal(width: int, data: st.DataObject, any_result: st.SearchStrategy[Result]) -> None:
    """Printing never fails, and no line is longer than the terminal is wide."""
    text = COLOUR.sub("", shown(terminal(width), data.draw(any_result)))
    assert max(map(cell_len, text.split("\n"))) <= width


@given(data=st.data())
@MANY_PARTS
def test_piped_line_has_no_blanks_at_its_end(data: st.DataObject, any_result: st.SearchStrategy[Result]) -> None:
    """Programs compare lines: none ends with blanks, whatever names are."""
    lines = shown(pipe(), data.draw(any_result)).split("\n")
    assert [line for line in lines if line != line.rstrip()] == []


CALLS = GenAi(model_calls=8, tool_calls=2, input_tokens=1200, output_tokens=160, spans=14)
PLAIN = GenAi(model_calls=0, tool_calls=0, input_tokens=0, output_tokens=0, spans=1500)
TYPICAL = "per iteration (median): 1,500 spans, none from a model or a tool"
DROPPED = "140,000 spans were dropped because the span buffer was full"
NONE = GenAi(model_calls=0, tool_calls=0, input_tokens=0, output_tokens=0, spans=0)


@pytest.mark.parametrize(
    ("sums", "line"),
    [
        ([], ""),
        ([None, None], ""),
        ([NONE, NONE], "the scenario made no spans: its instrumentation is missing or not enabled"),
        ([CALLS] * 3, "per iteration (median): 14 spans, 8 model calls, 2 tool calls, 1,200 tokens in, 160 out"),
        ([PLAIN], TYPICAL),
        ([NONE, CALLS, CALLS], "per iteration (median): 14 spans, 8 model calls, 2 tool calls, 1,200 tokens in, 160 out"),
        ([msgspec.structs.replace(PLAIN, spans_dropped=70_000)] * 2, f"{TYPICAL}; {DROPPED}"),
        (
            [CALLS, msgspec.structs.replace(CALLS, input_tokens=None)],
            "per iteration (median): 14 spans, 8 model calls, 2 tool calls, unknown tokens in, 160 out",
        ),
    ],
)
def test_spans_line_has_medians_and_dropped_spans(
    make_iteration: Callable[..., Iteration], sums: list[GenAi | None], line: str
) -> None:
    """A scenario that was not traced has no line."""
    iterations = [msgspec.structs.replace(make_iteration(index), gen_ai=gen_ai) for index, gen_ai in enumerate(sums, 1)]
    assert spans_line(iterations) == line


def test_spans_line_ignores_warmups_if_it_can(make_iteration: Callable[..., Iteration]) -> None:
    """Warm-up iterations count only if no measured iteration was traced."""
    twice = msgspec.structs.replace(CALLS, spans=28)
    warmup = msgspec.structs.replace(make_iteration(1, "warmup"), gen_ai=twice)
    measured = msgspec.structs.replace(make_iteration(1), gen_ai=CALLS)
    assert spans_line([warmup, measured]).startswith("per iteration (median): 14 spans")
    assert spans_line([warmup]).startswith("per iteration (median): 28 spans")
