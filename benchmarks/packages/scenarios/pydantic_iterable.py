"""Models with a field that is an Iterable: each validated one stayed alive."""

from collections.abc import Iterable

from pydantic import BaseModel


class Trace(BaseModel):
    """A lazily validated sequence."""

    elements: Iterable[int]


def run() -> None:
    """Validate ten models."""
    for _ in range(10):
        Trace(elements=[1, 2, 3])
