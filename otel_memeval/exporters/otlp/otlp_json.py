"""OTLP-JSON out of plain values: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. Pure.

Ids are hexadecimal, enums integers, 64-bit integers text. Whatever comes in becomes a valid message: halves of characters
are question marks, numbers are brought into range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otel_memeval.tracing.otlp_span import double, valid_text

Json = dict[str, object]

_INT64 = 1 << 63
_DEEPEST = 8


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
        return {"stringValue": valid_text(value)}
    if isinstance(value, bytes):
        return {"stringValue": valid_text(value.decode("utf-8", "replace"))}
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {"kvlistValue": {"values": attributes(value, depth + 1)}}
    if depth < _DEEPEST and isinstance(value, Sequence):
        return {"arrayValue": {"values": [any_value(one, depth + 1) for one in value]}}
    return {"stringValue": valid_text(str(value))}


def _digits(value: int) -> str:
    return str(value) if abs(value) < 1 << 10_000 else f"an integer of {value.bit_length()} bits"


def attributes(values: Mapping[str, object], depth: int = 0) -> list[Json]:
    """``KeyValue`` list; a key that is empty, or a value that is None, is left out."""
    return [
        {"key": valid_text(str(key)), "value": any_value(value, depth)}
        for key, value in values.items()
        if str(key) and value is not None
    ]
