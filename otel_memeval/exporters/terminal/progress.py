"""Show a run while it is measured: the scenario's description, its progress, and with ``--debug`` the growing sites."""

from __future__ import annotations

import time

from rich.console import Console
from rich.text import Text

from otel_memeval.exporters.terminal.progress_display import HiddenProgress, LiveLine, PlainLines
from otel_memeval.exporters.terminal.run_progress import RunProgress
from otel_memeval.exporters.terminal.text import print_line, shown
from otel_memeval.records import Iteration, Result
from otel_memeval.redact import visible
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Plan
from otel_memeval.units import format_bytes

_SHOWN_LINES = 20
"""Lines of the scenario's output that are shown after the run."""


class TerminalObserver(Observer):
    """Writes the description to ``out`` and everything else to ``err``.

    Progress is a line that is rewritten, where ``err`` is a terminal, else a line every ten seconds. ``shows_output``: the
    scenario writes to the same terminal meanwhile, and would write into that line.
    """

    def __init__(
        self, target: str, out: Console, err: Console, *, quiet: bool, debug: bool, shows_output: bool = False
    ) -> None:
        self._target = target
        self._out = out
        self._err = err
        self._quiet = quiet
        self._debug = debug
        self._progress = RunProgress(time.monotonic)
        self._display: HiddenProgress = PlainLines(err, self._progress, target)
        if err.is_terminal and not shows_output:
            self._display = LiveLine(err, self._progress)

    def on_step(self, name: str, seconds_left: float | None = None) -> None:
        """Show the step."""
        self._progress.begin_step(name, seconds_left)
        if not self._quiet:
            self._display.start()

    def on_set_up(self, description: str, plan: Plan) -> None:
        """Print the description, else the eval and its target; show the progress of the iterations."""
        self._debug = self._debug or plan.debug
        if self._quiet:
            return
        self._display.stop()
        text = visible(description) or f"{shown(plan.eval.name)} ({shown(self._target)})"
        print_line(self._out, Text(text))
        self._progress.begin_iterations(plan.eval.warmup + plan.eval.iterations)
        if plan.show_progress:
            self._display.start()
        else:
            self._display = HiddenProgress()

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:
        """Count the iteration; with ``--debug`` print the sites that grew in it."""
        self._progress.end_iteration(iteration.retained_bytes, total)
        if self._debug and not self._quiet:
            phase = "warm-up" if iteration.phase == "warmup" else "iteration"
            error = f": {visible(f'{iteration.error.type}: {iteration.error.message}')}" if iteration.error else ""
            print_line(self._err, Text(f"{phase} {iteration.index}{error}"))
            for change in changes:
                grown = format_bytes(change.grown_bytes, signed=True)
                print_line(self._err, Text(f"  {grown:>11}  {shown(change.file)}:{change.line}"))

    def on_extension(self, total: int, reason: str) -> None:
        """Print the new number of iterations and the reason."""
        if not self._quiet:
            print_line(self._err, Text(f"extended to {total} iterations: {visible(reason)}", style="dim"))

    def on_note(self, note: str) -> None:
        """Print the step that is not measured."""
        if not self._quiet:
            print_line(self._err, Text(visible(note), style="dim"))

    def on_output(self, output: str) -> None:
        """Remove the progress and print the end of the scenario's output."""
        self.close()
        if not output.strip() or self._quiet:
            return
        lines = output.rstrip().splitlines()
        last = lines[-_SHOWN_LINES:]
        part, all_of = (f", last {len(last)} lines", "all of ") if len(lines) > len(last) else ("", "")
        heading = f"output of the scenario{part} (-v prints {all_of}it during the run):"
        print_line(self._err, Text(heading, style="dim"))
        for line in last:
            print_line(self._err, Text(f"  | {visible(line)}"))

    def on_result(self, result: Result) -> None:  # noqa: ARG002 - as an Observer
        """Remove the progress: the report follows."""
        self.close()

    def close(self) -> None:
        """Remove the progress."""
        self._display.stop()
