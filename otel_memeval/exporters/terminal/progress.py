"""What a person sees while a run goes on: what it runs against, a bar, and with ``--debug`` every growing line."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from otel_memeval.exporters.terminal.explanation import shown
from otel_memeval.records import Iteration
from otel_memeval.redact import visible
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Plan
from otel_memeval.units import format_bytes

_SHOWN_LINES = 20


class TerminalObserver(Observer):
    """Writes the first line to ``out``, everything passing to ``err``. The bar shows on a terminal only."""

    def __init__(self, target: str, out: Console, err: Console, *, quiet: bool, debug: bool) -> None:
        self._target = target
        self._out = out
        self._err = err
        self._quiet = quiet
        self._debug = debug
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def samples(self, trace_id: str) -> bool | None:
        """Nothing: a terminal keeps no traces."""

    def on_set_up(self, description: str, plan: Plan) -> None:
        """First of all, what is measured against what; then the bar."""
        self._debug = self._debug or plan.debug
        if self._quiet:
            return
        text = visible(description) or f"{shown(plan.eval.name)} ({shown(self._target)})"
        self._out.print(Text(text), soft_wrap=not self._out.is_terminal)
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
        """Moves the bar; with ``--debug``, the lines that are larger than before this iteration."""
        if self._progress is not None:
            retained = f"{format_bytes(iteration.retained_bytes)} retained" if iteration.retained_bytes else ""
            self._progress.update(self._task, advance=1, total=total, retained=retained)
        if self._debug and not self._quiet:
            what = "warm-up" if iteration.phase == "warmup" else "iteration"
            error = f": {visible(f'{iteration.error.type}: {iteration.error.message}')}" if iteration.error else ""
            self._err.print(Text(f"{what} {iteration.index}{error}"), soft_wrap=True)
            for change in changes:
                grown = format_bytes(change.grown_bytes, signed=True)
                self._err.print(Text(f"  {grown:>11}  {shown(change.file)}:{change.line}"), soft_wrap=True)

    def on_extension(self, total: int, reason: str) -> None:
        """Says that the run goes on."""
        if not self._quiet:
            self._err.print(Text(f"going on to {total} iterations: {visible(reason)}", style="dim"), soft_wrap=True)

    def on_note(self, note: str) -> None:
        """Says what is done beside measuring."""
        if not self._quiet:
            self._err.print(Text(visible(note), style="dim"), soft_wrap=True)

    def on_output(self, output: str) -> None:
        """Takes the bar away and shows the end of what the scenario printed."""
        self.close()
        if not output.strip() or self._quiet:
            return
        lines = output.rstrip().splitlines()
        shown = lines[-_SHOWN_LINES:]
        count = f"last {len(shown)} of {len(lines)} lines kept" if len(lines) > len(shown) else "all of it"
        heading = f"the scenario printed ({count}; -v shows everything as it comes):"
        self._err.print(Text(heading, style="dim"), soft_wrap=True)
        for line in shown:
            self._err.print(Text(f"  | {visible(line)}"), soft_wrap=True)

    def close(self) -> None:
        """Takes the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
