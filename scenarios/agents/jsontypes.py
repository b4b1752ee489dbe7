"""Define types of JSON values, so that the runtime needs no ``Any``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]


def parse_object(text: str) -> JsonObject:
    """Parse a JSON object. Raises ``ValueError`` for any other text."""
    value: JsonValue = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {type(value).__name__}")
    return value


def text_field(value: JsonObject, name: str) -> str:
    """Return the string under ``name``, ``""`` if it is missing. Raises ``ValueError`` if it is not a string."""
    field = value.get(name) or ""
    if not isinstance(field, str):
        raise ValueError(f"expected a string under {name!r}, found {type(field).__name__}")
    return field
