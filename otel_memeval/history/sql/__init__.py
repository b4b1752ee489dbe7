"""SQL of the histories: migrations and queries of the database, and the index of a folder."""

from __future__ import annotations

import re
from importlib import resources


def load_text(name: str) -> str:
    """Return the text of a file of this package."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def load_queries() -> dict[str, bytes]:
    """Return the queries of ``queries.sql`` by name, as bytes: the driver takes text as literals only."""
    _, *parts = re.split(r"^-- name: (\w+)\n", load_text("queries.sql"), flags=re.MULTILINE)
    return {name: text.strip().encode() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def load_migrations() -> list[bytes]:
    """Return the migrations in their order; the first one is version 1."""
    folder = resources.files(__package__).joinpath("migrations")
    names = sorted(path.name for path in folder.iterdir() if path.name.endswith(".sql"))
    return [folder.joinpath(name).read_bytes() for name in names]
