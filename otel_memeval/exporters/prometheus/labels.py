"""Label values that any name, path or sentence can become: visible, bounded, still different where the text was. Pure."""

from __future__ import annotations

import hashlib

from otel_memeval.redact import visible

MOST_CHARACTERS = 200
_DIGITS = 8


def label_value(text: str) -> str:
    """``text`` with visible characters only, at most 200; a longer one ends in a tilde and eight digits of its SHA-256."""
    shown = visible(text)
    if len(shown) <= MOST_CHARACTERS:
        return shown
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{shown[: MOST_CHARACTERS - _DIGITS - 1]}~{digest}"
