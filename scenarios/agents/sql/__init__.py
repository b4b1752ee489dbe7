"""SQL lives in ``.sql`` files next to this loader; a query is named by a line ``-- name: some_name``."""

from __future__ import annotations

import re
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load_text(file: str) -> bytes:
    """A whole file, to be executed at once. Bytes, because the driver takes text only as literals."""
    return (resources.files(__package__) / file).read_bytes()


def load_queries(file: str) -> dict[str, bytes]:
    """The queries of a file by name. Raises ``ValueError`` for two of the same name."""
    _, *parts = _NAME.split(load_text(file).decode())
    names, texts = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{file}: two queries have the same name")
    return {name: text.strip().encode() for name, text in zip(names, texts, strict=True)}
