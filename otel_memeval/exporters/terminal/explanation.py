"""An explanation on the terminal: types, chain of references, stacks. Good at 80 columns."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from otel_memeval.records import Explanation, GrowthStack
from otel_memeval.redact import shortened, visible
from otel_memeval.units import format_bytes, format_items

_LONGEST = 300
"""Characters of a name that are shown."""

_MOST_TYPES = 8
_MOST_STACKS = 3
_MOST_FRAMES = 14


def shown(text: str) -> str:
    """A name or a path out of the scenario, fit for the terminal."""
    return shortened(visible(text), _LONGEST)


def place_in_words(file: str, line: int, function: str) -> str:
    """``scenarios/leaky_team.py:36 in run_team``."""
    where = f"{shown(file)}:{line}" if file else "(no source)"
    return f"{where} in {shown(function)}" if function else where


def print_explanation(console: Console, explanation: Explanation) -> None:
    """Everything that was found out, and what was not."""
    if explanation.types:
        console.print(_types(explanation))
        console.print()
    if explanation.chain:
        _line(console, Text("What keeps one of them", style="bold"))
        for depth, step in enumerate(explanation.chain):
            _line(console, Text.assemble("  " * min(depth + 1, 10), shown(step.step), (f" ({shown(step.type)})", "dim")))
        console.print()
    for stack in explanation.stacks[:_MOST_STACKS]:
        _print_stack(console, stack)
        console.print()
    for note in explanation.notes:
        _line(console, Text(f"not explained: {visible(note)}", style="dim"))


def _line(console: Console, line: Text) -> None:
    console.print(line, soft_wrap=not console.is_terminal)


def _types(explanation: Explanation) -> Table:
    table = Table(
        title="Objects that stay", title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    table.add_column("an iteration", justify="right", no_wrap=True, header_style="dim")
    table.add_column("objects", justify="right", no_wrap=True, header_style="dim")
    table.add_column("type", overflow="fold", header_style="dim")
    for one in explanation.types[:_MOST_TYPES]:
        size = format_bytes(one.bytes_per_iteration, signed=True)
        table.add_row(size, format_items(one.objects_per_iteration), Text(shown(one.type)))
    return table


def _print_stack(console: Console, stack: GrowthStack) -> None:
    if stack.peak_bytes is not None:
        heading = f"Alive at the peak: {format_bytes(stack.peak_bytes)}, allocated by"
    else:
        heading = f"{format_bytes(stack.bytes_per_iteration or 0, signed=True)} an iteration, allocated by"
    _line(console, Text(heading, style="bold"))
    frames = [frame for frame in stack.frames if frame.file or frame.function]
    for frame in frames[:_MOST_FRAMES]:
        _line(console, Text(f"  {place_in_words(frame.file, frame.line, frame.function)}"))
    if len(frames) > _MOST_FRAMES:
        _line(console, Text(f"  and {len(frames) - _MOST_FRAMES} more frames", style="dim"))
