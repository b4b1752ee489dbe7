"""Show a result as a short table in a notebook. Names are anybody's: all text is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from otel_memeval.redact import shortened, visible
from otel_memeval.units import format_bytes, format_items, format_location, format_seconds

if TYPE_CHECKING:
    from otel_memeval.records.result import Result

_MOST_ROWS = 5
"""Lines and containers that are shown, of each."""
_LONGEST_TEXT = 300
"""Characters of a name or a sentence that are shown."""


def result_html(result: Result) -> str:
    """Return a table without colours, which fits light and dark notebooks: verdict, growth, lines and containers."""
    left = ' style="text-align: left"'
    rows = "".join(f"<tr><th{left}>{_text(name)}</th><td{left}>{_text(value)}</td></tr>" for name, value in _rows(result))
    verdict = f"<strong>{_text(result.verdict.state)}</strong>: {_text(result.verdict.summary)}"
    return f"<p>{_text(result.eval.name)}: {verdict}</p><table><tbody>{rows}</tbody></table>"


def _rows(result: Result) -> Iterator[tuple[str, str]]:
    """Yield name and value of each row."""
    measured = sum(iteration.phase == "measured" for iteration in result.iterations)
    warmups = len(result.iterations) - measured
    after = f" after {warmups} warm-up" if warmups else ""
    yield "iterations", f"{measured}{after}, {format_seconds(result.run.duration_seconds)}"
    for limit in result.limits_exceeded:
        yield "limit exceeded", limit
    for name, growth in (("retained", result.growth.retained), ("peak", result.growth.peak)):
        if growth is not None:
            yield f"{name} per iteration", format_bytes(growth.bytes_per_iteration, signed=True)
    for site in result.sites[:_MOST_ROWS]:
        function = f" in {site.function}" if site.function else ""
        where = format_location(site.file or "(no source)", site.line)
        yield "line that grows", f"{format_bytes(site.bytes_per_iteration, signed=True)} {where}{function}"
    for holder in result.holders[:_MOST_ROWS]:
        path = holder.path or "(not reachable from a module)"
        yield "container that grows", f"{format_items(holder.items_per_iteration)} {path} ({holder.type})"


def _text(text: str) -> str:
    return escape(shortened(visible(text), _LONGEST_TEXT))
