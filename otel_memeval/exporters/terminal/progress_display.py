"""Show the progress of a run: as a line of a terminal that is rewritten, or as plain lines from time to time."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from otel_memeval.exporters.terminal.run_progress import RunProgress
from otel_memeval.exporters.terminal.text import print_note, shown

PLAIN_SECONDS = 10.0
"""Time between two plain lines: systems for builds end a job that is silent for long, and people look sooner."""

_BAR_COLUMNS = 16
"""Width of the bar: with the longest text the line fits 80 columns."""

_LEAST_COLUMNS_OF_BAR = 60
"""A narrower terminal has the text only."""


class HiddenProgress:
    """Base of the displays, which shows nothing."""

    def start(self) -> None:
        """Begin to show the progress, unless it is shown already."""

    def stop(self) -> None:
        """Remove the progress, if it is shown."""


class LiveLine(HiddenProgress):
    """A bar and the state of the run on the last line of a terminal; removed at the end."""

    def __init__(self, console: Console, run: RunProgress) -> None:
        self._console = console
        self._run = run
        self._live: Live | None = None

    def start(self) -> None:  # noqa: D102 - as in HiddenProgress
        if self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self._line,
                transient=True,
                redirect_stdout=False,  # the report may go into a file
                redirect_stderr=False,
            )
            self._live.start()

    def stop(self) -> None:  # noqa: D102
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _line(self) -> Table | Text:
        columns = self._console.width
        if columns < _LEAST_COLUMNS_OF_BAR:
            return Text(self._run.text(columns), no_wrap=True, overflow="ellipsis")
        line = Table.grid(padding=(0, 1))
        line.add_column()
        line.add_column(no_wrap=True, overflow="ellipsis")
        bar = ProgressBar(total=self._run.total, completed=self._run.done, width=_BAR_COLUMNS, pulse=self._run.total is None)
        line.add_row(bar, Text(self._run.text(columns - _BAR_COLUMNS - 1)))
        return line


class PlainLines(HiddenProgress):
    """A line with the state of the run every ten seconds, so that a log is never silent."""

    def __init__(self, console: Console, run: RunProgress, target: str, seconds: float = PLAIN_SECONDS) -> None:
        self._console = console
        self._run = run
        self._target = shown(target)
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:  # noqa: D102 - as in HiddenProgress
        if self._thread is None:
            self._stopped.clear()
            self._thread = threading.Thread(target=self._print_lines, name="memeval-progress", daemon=True)
            self._thread.start()

    def stop(self) -> None:  # noqa: D102
        if self._thread is not None:
            self._stopped.set()
            self._thread.join()
            self._thread = None

    def _print_lines(self) -> None:
        while not self._stopped.wait(self._seconds):
            print_note(self._console, f"{self._target}: {self._run.text()}")
