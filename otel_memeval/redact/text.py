"""Make text visible: one line without control characters that a terminal would obey, of a bounded length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from otel_memeval.redact.masker import redact

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)")
"""Sequences that colour text, move the cursor or set a title (ECMA-48, 5.4 and 5.6)."""

_NON_JOINER = "\u200c"
"""Stands between letters of Persian and other languages; it is shown although it is not printable."""

_JOINER = "\u200d"
"""Joins emoji. It is left out: Rich 15 raises ``StopIteration`` for a text or a folded line that ends with it."""


def visible(text: str) -> str:
    r"""Return a text as a part of one line that a terminal shows and does not obey.

    Escape sequences, such as colours, are removed; other characters that cannot be printed (control characters, line ends,
    marks that turn the direction of writing, halves of characters) are written as in Python, such as ``\x07``.
    """
    if text.isprintable():
        return text
    return "".join(map(_visible, _ESCAPE_SEQUENCE.sub("", text).expandtabs()))


def _visible(character: str) -> str:
    if character.isprintable() or character == _NON_JOINER:
        return character
    if character == _JOINER:
        return ""
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode("ascii")


def shortened(text: str, most: int) -> str:
    """Return a text, cut to ``most`` characters with an ellipsis at the end if it is longer."""
    return text if len(text) <= most else text[: most - 1] + "…"


LONGEST_LINE_CHARACTERS = 300
"""Length of an error message in a report; longer ones are cut."""


def one_line(text: str, secrets: Iterable[str]) -> str:
    """Return an error message fit for a report: masked, on one line, printable characters only, not too long."""
    return shortened(visible(" ".join(redact(text, secrets).split())), LONGEST_LINE_CHARACTERS)
