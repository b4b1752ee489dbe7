"""Turn any text into a label value: printable, of bounded length, different for different texts. Pure."""

from __future__ import annotations

import hashlib

from otel_memeval.redact import visible

MOST_CHARACTERS = 200
_DIGITS = 8
"""Of the hash that keeps shortened labels apart."""


def label_value(text: str) -> str:
    """Return ``text`` in printable characters, at most 200; a longer text ends in a tilde and 8 digits of its SHA-256."""
    shown = visible(text)
    if len(shown) <= MOST_CHARACTERS:
        return shown
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{shown[: MOST_CHARACTERS - _DIGITS - 1]}~{digest}"
