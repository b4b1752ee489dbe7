"""Build HTML in which every text is escaped unless it is markup already. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from otel_memeval.exporters.terminal.text import shown
from otel_memeval.redact import visible


class Html(str):
    """Markup, which is not escaped again."""

    __slots__ = ()


def escaped(text: str) -> Html:
    """Return a text as markup: printable, on one line, with every character of HTML escaped."""
    return text if isinstance(text, Html) else Html(escape(visible(text)))


def name(text: str) -> Html:
    """Return a name or a path of the scenario as markup, at most 300 characters long."""
    return Html(escape(shown(text)))


def join(parts: Iterable[str], separator: str = "") -> Html:
    """Return the parts one after the other; those that are texts are escaped."""
    return Html(separator.join(map(escaped, parts)))


def tag(element: str, *content: str, **attributes: str | bool | None) -> Html:
    """Return an element with its content.

    An attribute's ``_`` stands for ``-``, one at the end is left out (``class_``). True is an attribute without a value;
    None and False are none.
    """
    pairs = [
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(visible(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    ]
    return Html(f"<{element}{''.join(pairs)}>{join(content)}</{element}>")


def listed(items: Sequence[str], **attributes: str | bool | None) -> Html:
    """Return a list of items; nothing for none."""
    return tag("ul", *(tag("li", item) for item in items), **attributes) if items else Html()


def table(
    caption: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: int = 0,
    keys: Sequence[str] = (),
    row_classes: Sequence[str] = (),
    run: str | None = None,
) -> Html:
    """Return a table that scrolls by itself where it is too wide; nothing without rows.

    The last ``numbers`` columns hold numbers. The first cell of a row is its heading. ``keys`` and ``run`` let the page sort
    the table by values of that run. The tags that HTML may omit are omitted: a run can have thousands of rows.
    """
    if not rows:
        return Html()
    first_number = len(headings) - numbers
    head = join(
        tag("th", heading, scope="col", class_="number" if column >= first_number else None, data_key=_at(keys, column))
        for column, heading in enumerate(headings)
    )
    lines = []
    for place, row in enumerate(rows):
        row_class = _at(row_classes, place)
        cells = [f"<td class=number>{escaped(cell)}" if column >= first_number else f"<td>{escaped(cell)}"
                 for column, cell in enumerate(row)]  # fmt: skip
        cells[0] = f"<th scope=row>{escaped(row[0])}"
        lines.append(f"<tr class={row_class}>{''.join(cells)}" if row_class else f"<tr>{''.join(cells)}")
    content = join([tag("caption", caption), tag("thead", Html(f"<tr>{head}")), tag("tbody", Html("\n".join(lines)))], "\n")
    return tag("div", tag("table", content, data_run=run), class_="scroll", tabindex="0", role="group", aria_label=caption)


def _at(values: Sequence[str], place: int) -> str | None:
    """Return the value at a place; None if there is none or it is empty."""
    return (values[place] or None) if place < len(values) else None
