"""Print the report of a run on the terminal. It fits the terminal; plain lines when piped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from statistics import median

import msgspec
from rich.console import Console
from rich.text import Text

from otel_memeval.exporters.terminal.advice import excerpt, next_step
from otel_memeval.exporters.terminal.explanation import print_explanation
from otel_memeval.exporters.terminal.sparkline import ASCII, BLOCKS, sparkline
from otel_memeval.exporters.terminal.table import Table
from otel_memeval.exporters.terminal.text import code_location, print_line, shown
from otel_memeval.records import WORDS, GenAi, Holder, Iteration, Resources, Result, Run, Site, Statistics
from otel_memeval.redact import visible
from otel_memeval.run.result import passes
from otel_memeval.units import format_bytes, format_items, format_seconds
from otel_memeval.verdicts import PROPERTIES

_MOST_ROWS = 60
_FIRST_ROWS = 20
_LAST_ROWS = 20
"""Of a longer table of iterations, the first and the last ones are shown, and those that failed."""

_LEAST_READINGS = 3
"""Readings of which a course is drawn."""
_WIDEST_SPARKLINE = 60
_LEAST_SHARE = 0.05
"""Share of retained memory by which it rises to the top of its line if the verdict does not name it: noise stays low."""

_COLUMNS = ("#", "duration", "retained", "change", "peak", "C heap", "process")
_OPTIONAL_COLUMNS = ("duration", "process", "peak", "C heap", "retained")
"""Columns of the iterations that a narrow terminal leaves out, the least important one first."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Parts of a report to print; the verdict is always printed."""

    iterations: bool = True
    statistics: bool = True
    growth: bool = True
    runtime: bool = True
    """Durations, in the tables of iterations and statistics."""
    memory: bool = True
    """Memory in the same tables, and what could not be read of it."""


def print_report(console: Console, result: Result, parts: Report) -> None:
    """Print iterations, statistics, growing sites and holders, and the verdict."""
    if parts.iterations and result.iterations:
        _iterations_table(result, parts).print(console)
        if parts.memory and (line := _sparkline(console, result)):
            print_line(console, Text(line))
            console.print()
    if parts.statistics and (table := _statistics_table(result, parts)).rows:
        table.print(console)
    if parts.growth:
        _print_growth(console, result)
    spans = spans_line(result.iterations)
    if spans:
        print_line(console, Text(spans, style="dim"))
    for note in _notes(result.run, parts):
        print_line(console, Text(visible(note), style="dim"))
    print_verdict(console, result)
    _print_traceback(console, result)
    for reason in result.verdict.reasons:
        if reason not in result.verdict.summary:
            print_line(console, Text(f"  - {visible(reason)}", style="dim"))
    print_outcome(console, result)
    if parts.growth:
        _print_excerpt(console, result)
        step = next_step(result)
        if step:
            print_line(console, Text(f"next: {visible(step)}"))


def print_closing_summary(console: Console, results: Sequence[Result], fail_on: Collection[str]) -> None:
    """Print how many of several evals fail, each of them with its state."""
    failing = [result for result in results if not passes(result, fail_on)]
    names = ", ".join(f"{shown(result.eval.name)} ({result.verdict.state})" for result in failing)
    text = f"{len(failing)} of {len(results)} fail: {names}" if failing else f"all {len(results)} pass"
    print_line(console, Text(text, style="bold red" if failing else "bold green"))


def _print_traceback(console: Console, result: Result) -> None:
    """Print the frames of the first error, the innermost one last."""
    errors = [iteration.error for iteration in result.iterations if iteration.error is not None]
    error = next(iter(errors), result.failure)
    for frame in () if error is None else error.frames:
        print_line(console, Text(f"    at {code_location(frame.file, frame.line, frame.function)}", style="dim"))


def _print_excerpt(console: Console, result: Result) -> None:
    """Print the source around the first growing line of a verdict that fails runs."""
    if result.sites and result.verdict.state == "leaking":
        for number, text, is_site in excerpt(result.sites[0]):
            mark = ">" if is_site else " "
            print_line(console, Text(f"  {mark} {number:4} | {visible(text)}", style="" if is_site else "dim"))


def _notes(run: Run, parts: Report) -> list[str]:
    """Return one line for each circumstance of the run that is not the usual one."""
    notes = [f"not measured: {missing}" for missing in run.missing_channels if parts.memory]
    if run.readings_every > 1 and parts.memory:
        reason = "a reading takes longer than an iteration; peaks are those of all iterations"
        notes.append(f"memory was read once every {run.readings_every} iterations: {reason}")
    if run.event_loop:
        notes.append(f"event loop: {run.event_loop}")
    if run.changed_variables:
        notes.append(f"changed in the scenario's environment: {', '.join(run.changed_variables)}")
    return notes


def print_outcome(console: Console, result: Result) -> None:
    """Print the comparison of a result with its baseline; nothing without a comparison."""
    if result.baseline_comparison is not None:
        from otel_memeval.exporters.terminal.comparison import print_comparison  # with a baseline only

        print_comparison(console, result)


def print_verdict(console: Console, result: Result) -> None:
    """Print one line with the eval, its verdict and the summary, then one line for each exceeded limit."""
    state = result.verdict.state
    name = shown(result.eval.name)
    coloured = (state, f"bold {PROPERTIES[state].colour}")
    print_line(console, Text.assemble((name, "bold"), ": ", coloured, ": ", visible(result.verdict.summary)))
    for limit in result.limits_exceeded:
        print_line(console, Text(f"{name}: limit exceeded: {visible(limit)}", style="red"))


def _iterations_table(result: Result, parts: Report) -> Table:
    warmups = sum(1 for iteration in result.iterations if iteration.phase == "warmup")
    measured = len(result.iterations) - warmups
    counted = f"{measured} iteration{'' if measured == 1 else 's'}"
    if measured > result.eval.iterations:
        counted += f" (extended from {result.eval.iterations})"
    if warmups:
        counted += f" after {warmups} warm-up{'' if warmups == 1 else 's'}"
    title = f"{shown(result.eval.name)}: {counted}, Python {result.run.python}"
    has_native = parts.memory and "native" in result.verdict.channels
    is_shown = {"#": True, "duration": parts.runtime, "C heap": has_native}
    columns = [name for name in _COLUMNS if is_shown.get(name, parts.memory)]
    optional = [name for name in _OPTIONAL_COLUMNS if name in columns]
    table = Table(title, numbers=columns, optional=optional)
    before = result.initial_reading.retained_bytes if result.initial_reading else None
    iterations = _shown_iterations(result)
    left_out = range(_FIRST_ROWS, len(iterations) - _LAST_ROWS) if len(iterations) > _MOST_ROWS else range(0)
    for place, iteration in enumerate(iterations):
        if place not in left_out or iteration.status == "error":
            cells = _cells(iteration, before)
            table.add_row(*map(cells.__getitem__, columns), style="dim" if iteration.phase == "warmup" else "")
        elif place == left_out.start:
            table.add_row(f"... {len(left_out):,} more", *[""] * (len(columns) - 1), style="dim")
        before = iteration.retained_bytes if iteration.retained_bytes is not None else before
    return table


def _sparkline(console: Console, result: Result) -> str:
    """Return one line with the course of retained memory; empty for fewer than three readings."""
    values = [each.retained_bytes for each in result.iterations if each.retained_bytes is not None]
    if len(values) < _LEAST_READINGS:
        return ""
    can_show = console.is_terminal and console.encoding.lower().startswith("utf")
    least_span = 0.0 if "retained" in result.verdict.channels else _LEAST_SHARE * max(values)
    drawn = sparkline(values, min(_WIDEST_SPARKLINE, console.width // 2), BLOCKS if can_show else ASCII, least_span)
    return f"retained  {drawn}  {format_bytes(values[0])} to {format_bytes(values[-1])}"


def _shown_iterations(result: Result) -> list[Iteration]:
    """Return the iterations of the table: all, or where not every iteration was read, those that were, and failed ones."""
    if result.run.readings_every == 1:
        return result.iterations
    return [each for each in result.iterations if each.retained_bytes is not None or each.status == "error"]


def _cells(iteration: Iteration, before: int | None) -> dict[str, str]:
    """Return the cells of an iteration by the heading of their column; ``before``: retained bytes of the reading before."""
    number = f"warm-up {iteration.index}" if iteration.phase == "warmup" else str(iteration.index)
    change = None if before is None or iteration.retained_bytes is None else iteration.retained_bytes - before
    return {
        "#": number if iteration.status == "ok" else f"{number} !",
        "duration": format_seconds(iteration.duration_seconds),
        "retained": _size(iteration.retained_bytes),
        "change": _size(change, signed=True),
        "peak": _size(iteration.peak_bytes),
        "C heap": _size(iteration.native_heap_bytes),
        "process": _size(iteration.uss_bytes if iteration.uss_bytes is not None else iteration.rss_bytes),
    }


def _size(count: int | None, *, signed: bool = False) -> str:
    return "-" if count is None else format_bytes(count, signed=signed)


def _statistics_table(result: Result, parts: Report) -> Table:
    columns = ["", "mean", "min", "max", "std dev", "median", "95th %"]
    optional = ["std dev", "95th %", "median", "min"]
    table = Table("Statistics of the measured iterations", numbers=columns, optional=optional)
    summary = result.statistics
    if parts.runtime and summary.runtime_seconds is not None:
        table.add_row("duration", *map(format_seconds, _figures(summary.runtime_seconds)))
    for name, statistics in (("retained", summary.retained_bytes), ("peak", summary.peak_bytes)):
        if parts.memory and statistics is not None:
            table.add_row(name, *map(format_bytes, _figures(statistics)))
    return table


def _figures(statistics: Statistics) -> tuple[float, ...]:
    return statistics.mean, statistics.min, statistics.max, statistics.stdev, statistics.median, statistics.p95


def _print_growth(console: Console, result: Result) -> None:
    for table, more in (
        (_sites_table(result.sites), result.more_sites),
        (_holders_table(result.holders), result.more_holders),
    ):
        if table.rows:
            table.print(console, f"and {more} more; --top shows them" if more else "")
    if result.resources is not None and (table := _resources_table(result.resources)).rows:
        table.print(console)
    if result.explanation is not None:
        print_explanation(console, result.explanation)


def _sites_table(sites: Sequence[Site]) -> Table:
    table = Table("Lines that grow", numbers=["per iteration", "alive"], texts=["line"], optional=["alive"])
    for site in sites:
        line = Text(code_location(site.file, site.line, site.function))
        if site.through is not None:
            line.append(f", through {code_location(site.through.file, site.through.line, site.through.function)}", "dim")
        if site.bounded:
            line.append(", into a bounded container", "dim")
        table.add_row(format_bytes(site.bytes_per_iteration, signed=True), format_bytes(site.retained_bytes), line)
    return table


def _holders_table(holders: Sequence[Holder]) -> Table:
    columns = ["per iteration", "about", "items"]
    table = Table("Containers that grow", numbers=columns, texts=["container"], optional=["items", "about"])
    for holder in holders:
        estimate = "-" if not holder.bytes_per_iteration else format_bytes(holder.bytes_per_iteration, signed=True)
        bound = f", at most {holder.bound}" if holder.bound is not None else ""
        if holder.bound_from:
            bound += f"{', bounded' if holder.bound is None else ''}: {shown(holder.bound_from)}"
        path = shown(holder.path) or "(not reachable from a module)"
        text = Text(f"{path} ({shown(holder.type)}{bound})")
        grows = bool(holder.items_per_iteration)
        items = [format_items(holder.items_per_iteration), estimate, str(holder.length)] if grows else ["-"] * 3
        table.add_row(*items, text)
    return table


def _resources_table(resources: Resources) -> Table:
    """Return the resources that grow; a table without rows if none does."""
    columns = ["per iteration", "at the end"]
    table = Table("Resources that grow", numbers=columns, texts=["resource"], optional=["at the end"])
    for name, (_, several) in WORDS.items():
        resource = getattr(resources, name)
        if resource is not None and resource.growing:
            text = Text(f"{several}: {shown(', '.join(resource.examples[:3]))}")
            for line in resource.made_at[:1]:
                text.append(f", made at {code_location(line.file, line.line, line.function)}", "dim")
            table.add_row(format_items(resource.per_iteration), str(resource.after), text)
    memory = resources.child_memory_bytes
    if memory is not None and memory.growing:
        text = Text(f"memory of child processes: {shown(', '.join(memory.examples[:3]))}".rstrip(": "))
        table.add_row(format_bytes(memory.per_iteration, signed=True), format_bytes(memory.after), text)
    return table


def spans_line(iterations: Sequence[Iteration]) -> str:
    """Return one line about the scenario's spans: medians per measured iteration, and the number of dropped spans.

    Empty if the scenario was not traced. Warm-up iterations count if no measured iteration was traced.
    """
    traced = [iteration.gen_ai for iteration in iterations if iteration.gen_ai is not None]
    measured = [
        iteration.gen_ai for iteration in iterations if iteration.gen_ai is not None and iteration.phase == "measured"
    ]
    if not traced:
        return ""
    if not any(gen_ai.spans for gen_ai in traced):
        return "the scenario made no spans: its instrumentation is missing or not enabled"
    dropped = sum(gen_ai.spans_dropped for gen_ai in traced)
    lost = f"; {dropped:,} spans were dropped because the span buffer was full" if dropped else ""
    return f"per iteration (median): {_medians(measured or traced)}{lost}"


def _medians(traced: Sequence[GenAi]) -> str:
    spans = median(gen_ai.spans for gen_ai in traced)
    model_calls = median(gen_ai.model_calls for gen_ai in traced)
    tool_calls = median(gen_ai.tool_calls for gen_ai in traced)
    if not model_calls and not tool_calls:
        return f"{spans:,g} spans, none from a model or a tool"
    tokens_in = _median_tokens([gen_ai.input_tokens for gen_ai in traced])
    tokens_out = _median_tokens([gen_ai.output_tokens for gen_ai in traced])
    calls = f"{model_calls:,g} model calls, {tool_calls:,g} tool calls"
    return f"{spans:,g} spans, {calls}, {tokens_in} tokens in, {tokens_out} out"


def _median_tokens(tokens: Sequence[int | None]) -> str:
    known = [number for number in tokens if number is not None]
    return f"{median(known):,.0f}" if len(known) == len(tokens) else "unknown"
