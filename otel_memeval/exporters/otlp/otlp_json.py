"""Make OTLP-JSON out of plain values: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. Pure.

Any value becomes a valid message: halves of characters become question marks, and numbers are brought into range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otel_memeval.tracing.otlp_span import double, valid_text

Json = dict[str, object]

_INT64 = 1 << 63
_DEEPEST = 8
"""Lists and maps within each other; deeper ones are written as text."""
_LONGEST_INTEGER_BITS = 10_000
"""Python refuses to write much longer integers as text."""


def any_value(value: object, depth: int = 0) -> Json:
    """Return an ``AnyValue``: an integer beyond 64 bits as text, so that no digit is lost, and an unknown object as text."""
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
        return {"kvlistValue": {"values": key_values(value, depth + 1)}}
    if depth < _DEEPEST and isinstance(value, Sequence):
        return {"arrayValue": {"values": [any_value(item, depth + 1) for item in value]}}
    return {"stringValue": valid_text(str(value))}


def _digits(value: int) -> str:
    bits = value.bit_length()
    return str(value) if bits <= _LONGEST_INTEGER_BITS else f"an integer of {bits} bits"


def key_values(attributes: Mapping[str, object], depth: int = 0) -> list[Json]:
    """Return a list of ``KeyValue`` without empty keys and without values that are None."""
    return [
        {"key": valid_text(str(key)), "value": any_value(value, depth)}
        for key, value in attributes.items()
        if str(key) and value is not None
    ]
