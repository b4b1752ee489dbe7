"""JSON of results: the file that ``--json`` writes, and its schema.

Schema 1 (0.1.0): the first. Adding a field is free; renaming or removing one is a new number, and a line here.
"""

from __future__ import annotations

import json

import msgspec

from otel_memeval.records.result import Record, Result

SCHEMA = 1


class ResultFile(Record, frozen=True):
    """File that ``--json`` writes."""

    schema: int
    runs: list[Result]


def to_json(results: list[Result]) -> bytes:
    """Return the result file: indented JSON with a newline at its end."""
    return msgspec.json.format(encode_record(ResultFile(schema=SCHEMA, runs=results)), indent=2) + b"\n"


def encode_record(record: Record) -> bytes:
    """Return a record as compact JSON. Half a character, as in a path that is not UTF-8, becomes a question mark."""
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(record), ensure_ascii=False).encode("utf-8", "replace")


def from_json(data: bytes) -> list[Result]:
    """Return the results of a file. Raises ``msgspec.ValidationError``, with the place, if it is not a result file."""
    return msgspec.json.decode(data, type=ResultFile).runs


def json_schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of the result file."""
    schema = msgspec.json.schema(ResultFile)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "otel_memeval result",
        "description": f"Schema {SCHEMA}. Bytes are integers in bytes; durations are seconds; times are RFC 3339 in UTC.",
        **schema,
    }
