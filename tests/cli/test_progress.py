"""Progress of a real run, on a terminal of 80 columns and in a pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from rich.cells import cell_len

from otel_memeval.config import for_measuring
from otel_memeval.run.observer import Observer, ObserverGroup
from otel_memeval.run.plan import Options
from otel_memeval.run.worker_run import run_eval
from tests.cli.conftest import ROOT, Tool

SOURCE = """
    import time
    KEPT = []

    def setup():
        time.sleep(0.6)

    def run():
        time.sleep(0.3)
        KEPT.append(bytearray(100_000))
"""
SEQUENCE = re.compile(r"\x1b\[[?0-9;]*[a-zA-Z]")


def on_terminal(tool: Tool, *arguments: str, columns: int = 80, **variables: str) -> str:
    """Return all that a command writes to a terminal."""
    screen, device = pty.openpty()
    fcntl.ioctl(device, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "otel_memeval", *arguments]
    environment = tool.environment({"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **variables})
    environment.pop("COLUMNS", None)  # it goes before the size of the terminal
    process = subprocess.Popen(command, cwd=tool.folder, env=environment, stdin=device, stdout=device, stderr=device)
    os.close(device)
    written = b""
    try:
        while block := os.read(screen, 65536):
            written += block
    except OSError:  # the other side is closed (Linux)
        pass
    finally:
        os.close(screen)
    assert process.wait(60) in (0, 1)
    return written.decode()


def on_screen(written: str) -> list[str]:
    """Return the lines that a terminal shows at the end, by the sequences that move the cursor or erase a line."""
    lines = [""]
    row = 0
    for part in re.findall(r"\x1b\[[?0-9;]*[a-zA-Z]|\r|\n|[^\x1b\r\n]+", written):
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part == "\x1b[1A":
            row -= 1
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part[0] not in "\x1b\r":
            lines[row] += part
    return [line.rstrip() for line in lines]


def test_line_of_a_terminal_is_rewritten(tool: Tool) -> None:
    """Set-up and iterations with memory are shown in 80 columns; the screen at the end has the report only."""
    tool.write("scenario.py", SOURCE)
    written = on_terminal(tool, "scenario.py", "--iterations", "6", "--warmup", "1")
    shown = [SEQUENCE.sub("", part) for part in re.split(r"\r|\n|\x1b\[2K", written)]
    for text in (" set-up", " iteration 1 of 7", " iteration 4 of 7, 293 KiB retained"):
        assert any(text in line for line in shown), text
    assert any(re.search(r"iteration 2 of 7, 97\.\d KiB retained, \d s left", line) for line in shown)
    assert max(map(cell_len, shown)) <= 80
    final = on_screen(written)
    assert final[0] == "scenario (scenario.py)"
    assert final[1].startswith("scenario: 6 iterations after 1 warm-up")
    assert [line for line in final if "━" in line or line.endswith(" left")] == []
    assert any(line.startswith("scenario: leaking: ") for line in final)


def test_narrow_terminal_without_colours(tool: Tool) -> None:
    """At 40 columns no line is longer, and ``NO_COLOR`` leaves the sequences of the progress only."""
    tool.write("scenario.py", SOURCE)
    written = on_terminal(tool, "scenario.py", "--iterations", "5", "--warmup", "0", columns=40, NO_COLOR="1")
    assert re.findall(r"\x1b\[[0-9;]*m", written) == []
    assert "\x1b[2K" in written
    shown = [SEQUENCE.sub("", part) for part in re.split(r"\r|\n|\x1b\[2K", written)]
    assert [line for line in shown if cell_len(line) > 40] == []
    final = on_screen(written)
    assert final[2].split() == ["#", "retained", "change", "peak"]
    assert any(line.startswith("    +97.7 KiB  scenario.py:10 in run") for line in final)


def test_plain_terminal_is_written_to_as_a_pipe(tool: Tool) -> None:
    """With ``--plain`` no line is rewritten, coloured or folded, and none ends with blanks."""
    tool.write("scenario.py", SOURCE)
    written = on_terminal(tool, "scenario.py", "--iterations", "5", "--warmup", "0", "--plain", columns=40, FORCE_COLOR="1")
    assert "\x1b" not in written
    lines = written.replace("\r\n", "\n").split("\n")
    assert any(line.startswith("scenario: leaking: ") and len(line) > 40 for line in lines)
    assert [line for line in lines if line != line.rstrip()] == []


def test_short_run_has_no_progress_in_a_pipe(tool: Tool) -> None:
    """Lines come every ten seconds only; a colour that is forced makes no terminal of a pipe."""
    tool.write("scenario.py", SOURCE)
    done = tool.run("scenario.py", "--iterations", "4", "--warmup", "0", environment={"FORCE_COLOR": "1"})
    assert "iteration 2 of" not in done.stderr
    assert "\x1b[2K" not in done.stderr
    quiet = on_terminal(tool, "scenario.py", "--iterations", "4", "--warmup", "0", "-q")
    assert SEQUENCE.sub("", quiet).startswith("scenario: ")
    assert "set-up" not in quiet


class Steps(Observer):
    """Keeps the names of the steps."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_step(self, name: str, seconds_left: float | None = None) -> None:
        """Keep the name; steps of the follow-up have a limit, others have none."""
        self.names.append(name)
        if name.startswith("looking for holders"):
            assert seconds_left is not None
            assert 9 < seconds_left <= 10
        elif name in ("importing the scenario", "set-up", "tear-down"):
            assert seconds_left is None


def test_each_step_has_a_name(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import and set-up come first, then the steps of the follow-up that a leak calls for, last the tear-down."""
    tool.write("scenario.py", "KEPT = []\ndef run(): KEPT.append(bytearray(100_000))\n")
    monkeypatch.chdir(tool.folder)
    steps = Steps()
    session = run_eval("scenario.py", "", Options(iterations=5, warmup=0), ObserverGroup([steps]), for_measuring())
    assert session.failure is None
    assert steps.names[:4] == [
        "importing the scenario", "set-up", "looking for holders", "looking for resources that are left"
    ]  # fmt: skip
    assert "looking for callers" in steps.names
    assert steps.names[-1] == "tear-down"
