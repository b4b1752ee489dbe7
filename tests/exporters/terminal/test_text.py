"""Consoles of the terminal, a pipe, and a stream of a small encoding."""

from __future__ import annotations

import io
import sys

import pytest
from rich.cells import cell_len

from otel_memeval.exporters.terminal.report import Report, print_report, print_verdict
from otel_memeval.exporters.terminal.text import make_console
from tests.exporters.terminal.test_report import COLOUR, MakeResult, long_result, renamed


def test_character_outside_of_the_encoding_is_escaped(monkeypatch: pytest.MonkeyPatch, make_result: MakeResult) -> None:
    """The report is printed although the encoding of the stream lacks letters of the name."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        print_report(make_console(), renamed(make_result(), "木 é"), Report())
    assert b"\\u6728 \\xe9: leaking: keeps" in raw.getvalue()
    stream.detach()


class TerminalText(io.StringIO):
    """Text that is written to a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@pytest.mark.parametrize(
    ("file", "plain", "environment", "is_coloured", "is_folded"),
    [
        (TerminalText, False, {}, True, True),
        (TerminalText, False, {"NO_COLOR": "1"}, False, True),
        (TerminalText, False, {"NO_COLOR": "", "FORCE_COLOR": "1"}, True, True),
        (TerminalText, False, {"COLUMNS": "0"}, True, True),
        (TerminalText, False, {"TERM": "dumb"}, False, False),
        (TerminalText, True, {"FORCE_COLOR": "1"}, False, False),
        (io.StringIO, False, {}, False, False),
        (io.StringIO, False, {"FORCE_COLOR": "1"}, True, False),
        (io.StringIO, False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        (io.StringIO, True, {"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_colours_and_folding_follow_stream_and_environment(
    file: type[io.StringIO],
    plain: bool,
    environment: dict[str, str],
    is_coloured: bool,
    is_folded: bool,
    monkeypatch: pytest.MonkeyPatch,
    make_result: MakeResult,
) -> None:
    """A terminal gets both unless it is dumb or plain; a pipe gets colours that are forced, and is never folded."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", "COLUMNS": "80", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", stream := file())
    print_report(make_console(plain=plain), long_result(make_result), Report())
    text = stream.getvalue()
    assert "leaking" in text
    assert ("\x1b" in text) == is_coloured
    lines = COLOUR.sub("", text).split("\n")
    assert (max(map(cell_len, lines)) <= 80) == is_folded
    assert is_folded or [line for line in lines if line != line.rstrip()] == []


def test_console_has_no_colours_in_a_pipe(capsys: pytest.CaptureFixture[str], make_result: MakeResult) -> None:
    """A console writes to the stream that was asked for."""
    print_verdict(make_console(), make_result())
    print_verdict(make_console(stderr=True), make_result())
    captured = capsys.readouterr()
    assert captured.out == captured.err == "An eval: leaking: keeps 4.00 KiB more every iteration\n"
