"""Print an explanation on the terminal: types, reference chain, stacks."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from otel_memeval.exporters.terminal.table import Table
from otel_memeval.exporters.terminal.text import code_location, print_line, shown
from otel_memeval.records import ChainStep, Explanation, GrownType, GrowthStack
from otel_memeval.redact import visible
from otel_memeval.units import format_bytes, format_items

_MOST_TYPES = 8
_MOST_STACKS = 3
_MOST_FRAMES = 14
_DEEPEST_INDENT = 10
"""Steps of a reference chain beyond this depth are not indented further."""


def print_explanation(console: Console, explanation: Explanation) -> None:
    """Print the types, the reference chain, the stacks, and a line for each question that was left open."""
    if explanation.types:
        _types_table(explanation.types[:_MOST_TYPES]).print(console)
    if explanation.chain:
        _print_chain(console, explanation.chain)
        console.print()
    for stack in explanation.stacks[:_MOST_STACKS]:
        _print_stack(console, stack)
        console.print()
    for note in explanation.notes:
        print_line(console, Text(f"not explained: {visible(note)}", style="dim"))


def _types_table(types: list[GrownType]) -> Table:
    columns = ["per iteration", "objects"]
    table = Table("Types of retained objects", numbers=columns, texts=["type"], optional=["objects"])
    for grown in types:
        size = format_bytes(grown.bytes_per_iteration, signed=True)
        table.add_row(size, format_items(grown.objects_per_iteration), Text(shown(grown.type)))
    return table


def _print_chain(console: Console, chain: list[ChainStep]) -> None:
    print_line(console, Text("References to a retained object", style="bold"))
    for depth, step in enumerate(chain, 1):
        indent = "  " * min(depth, _DEEPEST_INDENT)
        print_line(console, Text.assemble(indent, shown(step.step), (f" ({shown(step.type)})", "dim")))


def _print_stack(console: Console, stack: GrowthStack) -> None:
    if stack.peak_bytes is not None:
        heading = f"Alive at the peak: {format_bytes(stack.peak_bytes)}, allocated by"
    else:
        heading = f"{format_bytes(stack.bytes_per_iteration or 0, signed=True)} per iteration, allocated by"
    print_line(console, Text(heading, style="bold"))
    frames = [frame for frame in stack.frames if frame.file or frame.function]
    for frame in frames[:_MOST_FRAMES]:
        print_line(console, Text(f"  {code_location(frame.file, frame.line, frame.function)}"))
    if len(frames) > _MOST_FRAMES:
        print_line(console, Text(f"  and {len(frames) - _MOST_FRAMES} more frames", style="dim"))
