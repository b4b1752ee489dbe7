"""Output on the terminal while a run is measured."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from otel_memeval.exporters.terminal.progress import TerminalObserver
from otel_memeval.records import Eval, Failure, Iteration, Limits, Result
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.plan import Plan
from tests.exporters.terminal.test_text import TerminalText

SEQUENCE = re.compile(r"\x1b\[[?0-9;]*[a-zA-Z]")
MakeIteration = Callable[..., Iteration]


def planned(name: str = "An eval", *, debug: bool = False, progress: bool = True) -> Plan:
    """Return the plan of a run of five iterations."""
    eval_ = Eval(name=name, iterations=5, warmup=0, limits=Limits())
    return Plan(eval=eval_, most_iterations=20, top=5, debug=debug, show_progress=progress)


class Screen:
    """An observer and the two consoles that it writes to."""

    def __init__(
        self, target: str = "m:run", *, is_terminal: bool = False, quiet: bool = False, debug: bool = False
    ) -> None:
        self.out, self.err = (
            Console(
                file=TerminalText() if is_terminal else io.StringIO(),
                width=80,
                force_terminal=is_terminal,
                highlight=False,
                emoji=False,
                _environ={"TERM": "xterm"},
            )
            for _ in range(2)
        )
        self.observer = TerminalObserver(target, self.out, self.err, quiet=quiet, debug=debug)

    def texts(self) -> tuple[str, str]:
        """Return the text on stdout and on stderr so far."""
        assert isinstance(self.out.file, io.StringIO)
        assert isinstance(self.err.file, io.StringIO)
        return self.out.file.getvalue(), self.err.file.getvalue()


def test_first_line_describes_the_scenario() -> None:
    """The scenario's description is printed on stdout, else the eval's name and its target."""
    screen = Screen()
    screen.observer.on_set_up("model gpt-5.2 · PostgreSQL 18", planned())
    assert screen.texts() == ("model gpt-5.2 · PostgreSQL 18\n", "")
    screen = Screen()
    screen.observer.on_set_up("", planned())
    assert screen.texts() == ("An eval (m:run)\n", "")


def test_long_first_line_is_folded_on_a_terminal_only() -> None:
    """A terminal gets lines of 80 columns, a pipe gets one line."""
    description = "word " * 40 + "end"
    screen = Screen()
    screen.observer.on_set_up(description, planned())
    assert screen.texts()[0] == description + "\n"
    screen = Screen(is_terminal=True)
    screen.observer.on_set_up(description, planned(progress=False))
    assert max(map(cell_len, screen.texts()[0].split("\n"))) <= 80


def test_progress_line_needs_a_terminal(make_iteration: MakeIteration) -> None:
    """The line shows iterations and retained memory, and is removed; a pipe, ``--quiet`` and no spinner have none."""
    for screen, plan, is_shown in [
        (Screen(is_terminal=True), planned(), True),
        (Screen(is_terminal=True), planned(progress=False), False),
        (Screen(is_terminal=True, quiet=True), planned(), False),
        (Screen(), planned(), False),
    ]:
        screen.observer.on_set_up("", plan)
        for index in (1, 2, 3):
            screen.observer.on_iteration(make_iteration(index), [], 5)
        screen.observer.close()
        screen.observer.close()
        err = screen.texts()[1]
        assert ("iteration 4 of 5" in err) == ("989 KiB retained" in err) == bool(err) == is_shown
        assert not is_shown or err.endswith("\x1b[2K")  # the line is erased


def test_step_is_shown_until_the_report(make_result: Callable[..., Result]) -> None:
    """Steps before and after the iterations have a line, which the description and the report do not find in their way."""
    screen = Screen(is_terminal=True)
    screen.observer.on_step("importing the scenario")
    screen.observer.on_set_up("described", planned())
    screen.observer.on_step("looking for holders")
    assert screen.texts()[0] == "described\n"
    screen.observer.on_result(make_result())
    first, second = screen.texts()[1].split("\x1b[2K", 1)
    assert "importing the scenario" in first
    assert "looking for holders" in second
    assert second.endswith("\x1b[2K")
    quiet = Screen(is_terminal=True, quiet=True)
    quiet.observer.on_step("set-up")
    quiet.observer.on_result(make_result())
    assert quiet.texts() == ("", "")


def grown(file: str, line: int, size: int) -> SiteChange:
    """Return a change of a site."""
    return SiteChange(file=file, line=line, grown_bytes=size, grown_blocks=1, source=file)


def test_debug_prints_growing_lines_of_each_iteration(make_iteration: MakeIteration) -> None:
    """``--debug``, or ``debug_mode`` of the eval, prints growing lines and errors on stderr."""
    growing = [grown("m.py", 3, 4096), grown("n.py", 14, 10)]
    expected = "iteration 2: ValueError: no\n    +4.00 KiB  m.py:3\n        +10 B  n.py:14\n"
    error = Failure(type="ValueError", message="no")
    for screen, plan in [(Screen(debug=True), planned()), (Screen(), planned(debug=True))]:
        screen.observer.on_set_up("", plan)
        screen.observer.on_iteration(make_iteration(2, "measured", error), growing, 5)
        assert screen.texts()[1] == expected
    screen = Screen(debug=True)
    screen.observer.on_iteration(make_iteration(1, "warmup"), [], 5)
    assert screen.texts()[1] == "warm-up 1\n"
    quiet = Screen(debug=True, quiet=True)
    quiet.observer.on_iteration(make_iteration(1), growing, 5)
    assert quiet.texts() == ("", "")


def test_extension_is_printed_with_its_reason(make_iteration: MakeIteration) -> None:
    """``--quiet`` leaves it out."""
    screen = Screen()
    screen.observer.on_extension(8, "too few [iterations]")
    assert screen.texts()[1] == "extended to 8 iterations: too few [iterations]\n"
    screen = Screen(quiet=True)
    screen.observer.on_extension(8, "why")
    assert screen.texts() == ("", "")


@pytest.mark.parametrize(("count", "title"), [(20, " (-v prints it"), (21, ", last 20 lines (-v prints all of it")])
def test_last_lines_of_the_output_are_printed(count: int, title: str) -> None:
    """Twenty lines are printed on stderr, each marked, and the heading says if there were more."""
    screen = Screen()
    screen.observer.on_output("".join(f"line {number}\n" for number in range(count)))
    lines = screen.texts()[1].rstrip("\n").split("\n")
    assert lines[0] == f"output of the scenario{title} during the run):"
    assert lines[1:] == [f"  | line {number}" for number in range(count)][-20:]


def test_empty_line_of_the_output_has_no_blank_at_its_end() -> None:
    """Programs compare lines of a log as well."""
    screen = Screen()
    screen.observer.on_output("first\n\nlast  \n")
    assert screen.texts()[1].endswith("  | first\n  |\n  | last\n")


@pytest.mark.parametrize("output", ["", " \n\n"])
def test_empty_output_has_no_heading(output: str) -> None:
    """A scenario that prints nothing or empty lines has no heading, nor has any with ``--quiet``."""
    screen = Screen()
    screen.observer.on_output(output)
    assert screen.texts() == ("", "")
    screen = Screen(quiet=True)
    screen.observer.on_output("text")
    assert screen.texts() == ("", "")


@given(
    st.lists(
        st.sampled_from(
            ["\x1b[2J", "\x1b]0;t\x07", "\x1b", "\x9b", "\r", "\n", "\t", "\u202e", "\udc80", "[red]", "[/]", "木", "a"]
        )
        | st.characters(),
        max_size=10,
    ).map("".join),
    st.booleans(),
)
@settings(deadline=None, max_examples=100)
def test_control_characters_never_reach_the_terminal(text: str, is_terminal: bool) -> None:
    """Output, description, names, paths and errors may hold any characters: they are printed as text."""
    screen = Screen(text, is_terminal=is_terminal, debug=True)
    screen.observer.on_set_up(text, planned(text, progress=False))
    screen.observer.on_set_up("", planned(text, progress=False))
    error = Failure(type=text, message=text)
    iteration = Iteration(index=1, phase="measured", started_at="", duration_seconds=0.0, status="error", error=error)
    screen.observer.on_iteration(iteration, [grown(text, 1, 1)], 1)
    screen.observer.on_extension(2, text)
    screen.observer.on_output(text)
    for written in screen.texts():
        plain = re.sub(r"\x1b\[[0-9;]*m", "", written) if is_terminal else written
        assert [character for character in plain if not (character.isprintable() or character in "\n\u200c")] == []
        written.encode("utf-8")


def test_coloured_output_is_printed_without_colours() -> None:
    """Colours of a logger are removed, tabs become columns, brackets are text."""
    screen = Screen()
    screen.observer.on_output("\x1b[32mINFO\x1b[0m\tready [bold]\n\x1b[1Adone\n")
    assert screen.texts()[1].split("\n")[1:3] == ["  | INFO    ready [bold]", "  | done"]
