"""Recognise growth of pydantic's cache of strings, which ends late and which no container shows.

pydantic-core keeps the short strings that it reads from JSON in a table of fixed size (``cache_strings``, on by default;
``PyStringCache`` of jiter, the JSON parser in it). The table is no object of Python: it has no path and no bound.
"""

from __future__ import annotations

from otel_memeval.analysis.evidence import SiteKey

CACHED_STRINGS = 16_384
"""Slots of the table."""

CACHED_STRING_BYTES = 112
"""Size of the longest string in the table: 63 characters, with the header of a str of ASCII characters."""


def may_fill_string_cache(site: SiteKey, live_bytes: int, blocks: int) -> bool:
    """Return whether the memory of a site may be strings of the table: a line of pydantic with blocks of their size."""
    small = 0 < live_bytes <= CACHED_STRING_BYTES * blocks
    return small and blocks < CACHED_STRINGS and "/pydantic/" in f"/{site[0]}".replace("\\", "/")
