"""A TypeAdapter of a recursive model, made in the function that uses it."""

from __future__ import annotations

from pydantic import BaseModel, TypeAdapter


class Bar(BaseModel):
    """A leaf."""


class Foo(BaseModel):
    """A tree."""

    children: list[Foo]
    bar: Bar


def run() -> None:
    """Answer a request."""
    TypeAdapter(list[Foo]).validate_python([{"children": [], "bar": Bar()}])
