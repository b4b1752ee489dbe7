"""OTLP-JSON out of plain values: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. Pure.

Ids are hexadecimal, enums integers, 64-bit integers text. Whatever comes in becomes a valid message: halves of characters
are question marks, numbers are brought into range.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Json = dict[str, object]
Plain = str | bool | int | float | bytes | None | Sequence["Plain"] | Mapping[str, "Plain"]

_INT64 = 1 << 63
_LATEST = (1 << 63) - 1
_DEEPEST = 8
LONGEST_TEXT = 16_384
"""Characters of one value; a longer one is cut, so that one record cannot make a batch that no receiver takes."""


def text(value: str) -> str:
    """``value`` as valid Unicode, not too long."""
    if value.isascii():
        return value if len(value) <= LONGEST_TEXT else value[: LONGEST_TEXT - 1] + "…"
    valid = value.encode("utf-8", "replace").decode("utf-8")
    return valid if len(valid) <= LONGEST_TEXT else valid[: LONGEST_TEXT - 1] + "…"


def nanoseconds(value: int) -> str:
    """A time since 1970, within what the format holds."""
    return str(min(max(value, 0), _LATEST))


def any_value(value: object, depth: int = 0) -> Json:
    """An ``AnyValue``. An integer beyond 64 bits is text, so that no digit is lost; what is unknown is its ``str``."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if -_INT64 <= value < _INT64 else {"stringValue": _digits(value)}
    if isinstance(value, float):
        return {"doubleValue": double(value)}
    if isinstance(value, str):
        return {"stringValue": text(value)}
    if isinstance(value, bytes):
        return {"stringValue": text(value.decode("utf-8", "replace"))}
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {"kvlistValue": {"values": attributes(value, depth + 1)}}
    if depth < _DEEPEST and isinstance(value, Sequence):
        return {"arrayValue": {"values": [any_value(one, depth + 1) for one in value]}}
    return {"stringValue": text(str(value))}


def _digits(value: int) -> str:
    return str(value) if abs(value) < 1 << 10_000 else f"an integer of {value.bit_length()} bits"


def double(value: float) -> float | str:
    """A double; what JSON has no number for is written as protobuf's JSON does."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def attributes(values: Mapping[str, object], depth: int = 0) -> list[Json]:
    """``KeyValue`` list; a key that is empty, or a value that is None, is left out."""
    return [
        {"key": text(str(key)), "value": any_value(value, depth)}
        for key, value in values.items()
        if str(key) and value is not None
    ]
