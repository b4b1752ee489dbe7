"""Encode results for the page's scripts: schema 1 without the fields that have their default. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from otel_memeval.exporters.html.markup import Html
from otel_memeval.records import SCHEMA, Result

_NO_DEFAULT = object()


def data_script(results: Sequence[Result]) -> Html:
    r"""Return the element with the results; ``from_json`` reads its text too.

    ``<`` is written as ``\u003c``: no text of a scenario ends the element or begins a comment.
    """
    content = {"schema": SCHEMA, "runs": [_compact(result) for result in results]}
    text = msgspec.json.encode(content).decode()
    return Html(f'<script type="application/json" id="results">{text.replace("<", chr(92) + "u003c")}</script>')


def _compact(value: object) -> object:
    """Return a record as a dict without the fields that have their default; most of a long run is such fields."""
    if isinstance(value, msgspec.Struct):
        fields = [(field, getattr(value, field.name)) for field in msgspec.structs.fields(value)]
        return {field.encode_name: _compact(part) for field, part in fields if part != _default(field)}
    if isinstance(value, (list, tuple)):
        return [_compact(item) for item in value]
    if isinstance(value, dict):
        return {_text(str(key)): _compact(item) for key, item in value.items()}
    return _text(value) if isinstance(value, str) else value


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return _NO_DEFAULT if field.default is msgspec.NODEFAULT else field.default


def _text(text: str) -> str:
    """Return a text that UTF-8 can hold: half a character, as in a path that is not UTF-8, is a question mark."""
    return text.encode("utf-8", "replace").decode()
