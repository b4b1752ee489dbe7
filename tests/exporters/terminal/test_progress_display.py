"""Plain lines about the progress of a run, where there is no terminal."""

from __future__ import annotations

import io
import threading
import time

from rich.console import Console

from otel_memeval.exporters.terminal.progress_display import PLAIN_SECONDS, HiddenProgress, PlainLines
from otel_memeval.exporters.terminal.run_progress import RunProgress


def test_log_has_a_line_again_and_again() -> None:
    """A line with the target and the state is written after each interval, and none once it is stopped."""
    assert PLAIN_SECONDS <= 10
    file = io.StringIO()
    run = RunProgress(time.monotonic)
    run.begin_step("looking for [holders]")
    lines = PlainLines(Console(file=file, width=80), run, "app\x1b[31m.py", 0.02)
    before = set(threading.enumerate())
    lines.start()
    lines.start()
    deadline = time.monotonic() + 30
    while file.getvalue().count("\n") < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    lines.stop()
    lines.stop()
    written = file.getvalue()
    assert set(written.splitlines()) == {"app.py: looking for [holders]"}
    assert len(written.splitlines()) >= 3
    time.sleep(0.05)
    assert file.getvalue() == written
    assert "memeval-progress" not in {thread.name for thread in set(threading.enumerate()) - before}


def test_short_run_has_no_line() -> None:
    """Nothing is written before the first interval is over."""
    file = io.StringIO()
    lines = PlainLines(Console(file=file), RunProgress(time.monotonic), "app.py")
    lines.start()
    lines.stop()
    assert file.getvalue() == ""


def test_hidden_progress_writes_nothing() -> None:
    """It can be started and stopped as the others."""
    hidden = HiddenProgress()
    hidden.start()
    hidden.stop()
