"""Lay out a table in the columns of a terminal, or unfolded for a program; numbers are never cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich.console import Console
from rich.text import Text

from otel_memeval.exporters.terminal.text import print_line
from otel_memeval.redact import visible

_GAP = "  "
_LEAST_TEXT = 20
"""Columns that a text needs to be readable; a column of numbers is left out before a text gets fewer."""


class Table:
    """Rows below headings: numbers at the right edge of their columns, then texts that a narrow terminal folds."""

    def __init__(
        self, title: str, *, numbers: Sequence[str] = (), texts: Sequence[str] = (), optional: Sequence[str] = ()
    ) -> None:
        """Make an empty table. ``optional``: headings that a narrow terminal leaves out, the least important one first."""
        self._title = title
        self._headings = [*numbers, *texts]
        self._texts = frozenset(range(len(numbers), len(self._headings)))
        self._left = self._texts | {column for column, heading in enumerate(self._headings) if not heading}
        self._optional = [self._headings.index(heading) for heading in optional]
        self.rows: list[list[Text]] = []

    def add_row(self, *cells: str | Text, style: str = "") -> None:
        """Add a row; ``style`` is that of its cells of text without one."""
        self.rows.append([cell if isinstance(cell, Text) else Text(cell, style=style) for cell in cells])

    def print(self, console: Console, remark: str = "") -> None:
        """Print the table, a dimmed remark if there is one, and an empty line."""
        for line in [*self.lines(console), *([Text(remark, style="dim")] if remark else [])]:
            print_line(console, line)
        console.print()

    def lines(self, console: Console) -> Iterator[Text]:
        """Yield the title if there is one, the headings and the rows, as wide as the console is."""
        if self._title:
            yield Text(visible(self._title), style="bold")
        rows = [[Text(heading, style="dim") for heading in self._headings], *self.rows]
        widths = self._widths(rows, console.width if console.is_terminal else None)
        for row in rows:
            yield from self._lines(console, row, widths)

    def _widths(self, rows: Sequence[Sequence[Text]], most: int | None) -> dict[int, int]:
        """Return the width of each column that is shown, by its number; ``most`` is the width of the terminal."""
        widths = {column: max(row[column].cell_len for row in rows) for column in range(len(self._headings))}
        if most is None:
            return widths
        least = {column: min(width, _LEAST_TEXT) if column in self._texts else width for column, width in widths.items()}
        for column in self._optional:
            if _total(least) > most:
                del widths[column], least[column]
        while (excess := _total(widths) - most) > 0:
            widest = max(widths, key=lambda column: widths[column] - least[column])
            if widths[widest] == least[widest]:  # the rows are folded as lines
                break
            widths[widest] = max(least[widest], widths[widest] - max(1, excess // len(self._texts)))
        return widths

    def _lines(self, console: Console, row: Sequence[Text], widths: dict[int, int]) -> list[Text]:
        """Return a row as lines; more than one where a text is folded."""
        cells = [
            list(row[column].wrap(console, width, overflow="fold")) if column in self._texts else [row[column]]
            for column, width in widths.items()
        ]
        return [
            Text(_GAP).join(
                self._padded(part, column, width) for part, (column, width) in zip(parts, widths.items(), strict=True)
            )
            for parts in zip_longest(*cells, fillvalue=Text())
        ]

    def _padded(self, text: Text, column: int, width: int) -> Text:
        blanks = " " * (width - text.cell_len)
        return Text.assemble(text, blanks) if column in self._left else Text.assemble(blanks, text)


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)
