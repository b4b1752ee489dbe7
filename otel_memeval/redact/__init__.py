"""Mask secrets in text and in records, and make text visible. Pure: the caller names the secrets."""

from otel_memeval.redact.masker import Masker, redact
from otel_memeval.redact.patterns import MASK
from otel_memeval.redact.secrets import longest_first, names_a_secret, secrets_in
from otel_memeval.redact.text import LONGEST_LINE_CHARACTERS, one_line, shortened, visible

__all__ = [
    "LONGEST_LINE_CHARACTERS",
    "MASK",
    "Masker",
    "longest_first",
    "names_a_secret",
    "one_line",
    "redact",
    "secrets_in",
    "shortened",
    "visible",
]
