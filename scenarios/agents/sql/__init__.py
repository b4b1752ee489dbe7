"""Load SQL from the ``.sql`` files in this folder; a line ``-- name: some_name`` names a query."""

from __future__ import annotations

import re
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load_text(file: str) -> bytes:
    """Return the content of a file, to be executed at once; as bytes, because the driver accepts text as literals only."""
    return (resources.files(__package__) / file).read_bytes()


def load_queries(file: str) -> dict[str, bytes]:
    """Return the queries of a file by name. Raises ``ValueError`` if two have the same name."""
    _, *parts = _NAME.split(load_text(file).decode())
    names, texts = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{file}: two queries have the same name")
    return {name: text.strip().encode() for name, text in zip(names, texts, strict=True)}
