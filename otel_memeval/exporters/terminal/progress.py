"""Show a run while it is measured: the scenario's description, a progress bar, and with ``--debug`` the growing sites."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from otel_memeval.exporters.terminal.text import print_line, shown
from otel_memeval.records import Iteration
from otel_memeval.redact import visible
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Plan
from otel_memeval.units import format_bytes

_SHOWN_LINES = 20
"""Lines of the scenario's output that are shown after the run."""


class TerminalObserver(Observer):
    """Writes the description to ``out`` and everything else to ``err``; the progress bar needs a terminal."""

    def __init__(self, target: str, out: Console, err: Console, *, quiet: bool, debug: bool) -> None:
        self._target = target
        self._out = out
        self._err = err
        self._quiet = quiet
        self._debug = debug
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def on_set_up(self, description: str, plan: Plan) -> None:
        """Print the description, else the eval and its target; start the progress bar."""
        self._debug = self._debug or plan.debug
        if self._quiet:
            return
        text = visible(description) or f"{shown(plan.eval.name)} ({shown(self._target)})"
        print_line(self._out, Text(text))
        if plan.show_progress and self._err.is_terminal:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TextColumn("{task.fields[retained]}"),
                TimeRemainingColumn(compact=True),
                console=self._err,
                transient=True,
            )
            self._progress.start()
            total = plan.eval.warmup + plan.eval.iterations
            self._task = self._progress.add_task("iteration", total=total, retained="")

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:
        """Move the bar; with ``--debug`` print the sites that grew in this iteration."""
        if self._progress is not None:
            retained = f"{format_bytes(iteration.retained_bytes)} retained" if iteration.retained_bytes else ""
            self._progress.update(self._task, advance=1, total=total, retained=retained)
        if self._debug and not self._quiet:
            phase = "warm-up" if iteration.phase == "warmup" else "iteration"
            error = f": {visible(f'{iteration.error.type}: {iteration.error.message}')}" if iteration.error else ""
            self._err.print(Text(f"{phase} {iteration.index}{error}"), soft_wrap=True)
            for change in changes:
                grown = format_bytes(change.grown_bytes, signed=True)
                self._err.print(Text(f"  {grown:>11}  {shown(change.file)}:{change.line}"), soft_wrap=True)

    def on_extension(self, total: int, reason: str) -> None:
        """Print the new number of iterations and the reason."""
        if not self._quiet:
            self._err.print(Text(f"extended to {total} iterations: {visible(reason)}", style="dim"), soft_wrap=True)

    def on_note(self, note: str) -> None:
        """Print the step that is not measured."""
        if not self._quiet:
            self._err.print(Text(visible(note), style="dim"), soft_wrap=True)

    def on_output(self, output: str) -> None:
        """Remove the bar and print the end of the scenario's output."""
        self.close()
        if not output.strip() or self._quiet:
            return
        lines = output.rstrip().splitlines()
        last = lines[-_SHOWN_LINES:]
        part, all_of = (f", last {len(last)} lines", "all of ") if len(lines) > len(last) else ("", "")
        heading = f"output of the scenario{part} (-v prints {all_of}it during the run):"
        self._err.print(Text(heading, style="dim"), soft_wrap=True)
        for line in last:
            self._err.print(Text(f"  | {visible(line)}"), soft_wrap=True)

    def close(self) -> None:
        """Remove the bar."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
