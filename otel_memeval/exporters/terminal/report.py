"""The report on the terminal. Good at 80 columns, plain when piped."""

from __future__ import annotations

import io
import sys

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel_memeval.exporters.terminal.explanation import place_in_words, print_explanation, shown
from otel_memeval.exporters.terminal.spans_line import spans_line
from otel_memeval.records import Iteration, Result, Statistics
from otel_memeval.redact import visible
from otel_memeval.units import format_bytes, format_items, format_seconds
from otel_memeval.verdicts import PROPERTIES


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Which parts of a report are shown; the verdict always is."""

    iterations: bool = True
    statistics: bool = True
    growth: bool = True
    runtime: bool = True


def make_console(*, stderr: bool = False) -> Console:
    """A console as this report wants it: no guesses at what to colour, and no end at a character that the stream's encoding
    does not have (it is written as an escape).
    """
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")
    return Console(stderr=stderr, highlight=False, emoji=False)


def _table(title: str) -> Table:
    name = Text(visible(title))
    return Table(title=name, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _size(count: int | None, *, signed: bool = False) -> str:
    return "-" if count is None else format_bytes(count, signed=signed)


def print_report(console: Console, result: Result, parts: Report) -> None:
    """Iterations, statistics, growing sites and holders, verdict."""
    if parts.iterations and result.iterations:
        console.print(_iterations(result))
        console.print()
    if parts.statistics and result.statistics.retained_bytes is not None:
        console.print(_statistics(result, parts.runtime))
        console.print()
    if parts.growth:
        _print_growth(console, result)
        if result.explanation is not None:
            print_explanation(console, result.explanation)
    spans = spans_line(result.iterations)
    if spans:
        _print_line(console, Text(spans, style="dim"))
    for missing in result.run.missing_channels:
        _print_line(console, Text(f"not measured here: {visible(missing)}", style="dim"))
    print_verdict(console, result)
    for reason in result.verdict.reasons:
        if reason in result.verdict.summary:
            continue
        _print_line(console, Text(f"  - {visible(reason)}", style="dim"))


def _print_line(console: Console, line: Text) -> None:
    """Folded to a terminal's width; whole where a program reads it."""
    console.print(line, soft_wrap=not console.is_terminal)


def print_note(console: Console, text: str) -> None:
    """One quiet line beside the report."""
    _print_line(console, Text(visible(text), style="dim"))


def print_verdict(console: Console, result: Result) -> None:
    """One line: the eval, its state, the sentence; then one for each limit that was passed."""
    state = result.verdict.state
    name = shown(result.eval.name)
    coloured = (state, f"bold {PROPERTIES[state].colour}")
    _print_line(console, Text.assemble((name, "bold"), ": ", coloured, ": ", visible(result.verdict.summary)))
    for limit in result.limits_exceeded:
        _print_line(console, Text(f"{name}: past its limit: {visible(limit)}", style="red"))


def _iterations(result: Result) -> Table:
    warmups = sum(1 for one in result.iterations if one.phase == "warmup")
    measured = len(result.iterations) - warmups
    counted = f"{measured} iteration{'' if measured == 1 else 's'}"
    if warmups:
        counted += f" after {warmups} warm-up{'' if warmups == 1 else 's'}"
    table = _table(f"{shown(result.eval.name)}: {counted}, Python {result.run.python}")
    for column in ("#", "duration", "retained", "change", "peak", "process"):
        table.add_column(column, justify="right", no_wrap=True, header_style="dim")
    before = result.initial_reading.retained_bytes if result.initial_reading else None
    for one in result.iterations:
        table.add_row(*_iteration_row(one, before), style="dim" if one.phase == "warmup" else "")
        before = one.retained_bytes if one.retained_bytes is not None else before
    return table


def _iteration_row(one: Iteration, before: int | None) -> list[str]:
    number = f"warm-up {one.index}" if one.phase == "warmup" else str(one.index)
    change = None if before is None or one.retained_bytes is None else one.retained_bytes - before
    return [
        number if one.status == "ok" else f"{number} !",
        format_seconds(one.duration_seconds),
        _size(one.retained_bytes),
        _size(change, signed=True),
        _size(one.peak_bytes),
        _size(one.uss_bytes if one.uss_bytes is not None else one.rss_bytes),
    ]


def _statistics(result: Result, runtime: bool) -> Table:
    table = _table("Over the measured iterations")
    for column in ("", "mean", "min", "max", "std dev", "median", "95th %"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True, header_style="dim")
    summary = result.statistics
    if runtime and summary.runtime_seconds is not None:
        table.add_row("duration", *map(format_seconds, _six(summary.runtime_seconds)))
    for name, statistics in (("retained", summary.retained_bytes), ("peak", summary.peak_bytes)):
        if statistics is not None:
            table.add_row(name, *map(format_bytes, _six(statistics)))
    return table


def _six(one: Statistics) -> tuple[float, ...]:
    return one.mean, one.min, one.max, one.stdev, one.median, one.p95


def _print_growth(console: Console, result: Result) -> None:
    if result.sites:
        table = _table("Lines that grow")
        table.add_column("an iteration", justify="right", no_wrap=True, header_style="dim")
        table.add_column("alive", justify="right", no_wrap=True, header_style="dim")
        table.add_column("line", overflow="fold", header_style="dim")
        for site in result.sites:
            line = Text(place_in_words(site.file, site.line, site.function))
            for place in site.allocated_at[:1]:
                line.append(f", through {place_in_words(place.file, place.line, place.function)}", "dim")
            if site.bounded:
                line.append(", into a bounded container", "dim")
            table.add_row(format_bytes(site.bytes_per_iteration, signed=True), format_bytes(site.retained_bytes), line)
        console.print(table)
        console.print()
    if result.holders:
        table = _table("Containers that grow")
        table.add_column("an iteration", justify="right", no_wrap=True, header_style="dim")
        table.add_column("items", justify="right", no_wrap=True, header_style="dim")
        table.add_column("held by", overflow="fold", header_style="dim")
        for holder in result.holders:
            bound = f", at most {holder.bound}" if holder.bound is not None else ""
            if holder.bound_from:
                bound += f"{', bounded' if holder.bound is None else ''}: {shown(holder.bound_from)}"
            path = shown(holder.path) or "(no module leads to it)"
            held_by = Text(f"{path} ({shown(holder.type)}{bound})")
            table.add_row(format_items(holder.items_per_iteration), str(holder.length), held_by)
        console.print(table)
        console.print()
