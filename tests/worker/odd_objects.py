"""Objects whose own code must not run: whatever is asked of them raises."""

from __future__ import annotations

from typing import NoReturn


class Unbound:
    """Like a context-local proxy outside of its context: whatever is asked of it raises."""

    __slots__ = ("_held",)

    def __init__(self, held: object) -> None:
        object.__setattr__(self, "_held", held)

    @property  # type: ignore[misc]
    def __class__(self) -> NoReturn:  # type: ignore[override]
        raise RuntimeError("working outside of the context")

    @property
    def __dict__(self) -> NoReturn:  # type: ignore[override]
        raise RuntimeError("working outside of the context")

    def __getattribute__(self, name: str) -> NoReturn:
        raise RuntimeError("working outside of the context")

    def __hash__(self) -> NoReturn:
        raise RuntimeError("working outside of the context")

    __eq__ = __bool__ = __len__ = __iter__ = __hash__  # type: ignore[assignment]


class Shouting(type):
    """A metaclass that lets nothing of its classes be seen."""

    def __getattribute__(cls, name: str) -> NoReturn:
        raise RuntimeError("the metaclass was asked")


class HasProxy:
    """A class with such a proxy for an attribute."""

    proxy = Unbound([])

    def __init__(self) -> None:
        self.kept: list[int] = []
