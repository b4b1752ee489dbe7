"""Encode results for the page's scripts: schema 1 without the fields that have their default. Pure.

A long run is compressed: the page stays below a megabyte.
"""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Sequence
from functools import cache

import msgspec

from otel_memeval.exporters.html.markup import Html
from otel_memeval.records import SCHEMA, Result

_NO_DEFAULT = object()

_MOST_PLAIN_BYTES = 200_000
"""Size up to which the results stand in the page as readable JSON: about 400 iterations."""


def data_script(results: Sequence[Result]) -> Html:
    r"""Return the element with the results; ``from_json`` reads its text too.

    More than 200,000 bytes are compressed (gzip, base64): scripts and ``base64 -d | gunzip`` read those.
    ``<`` is written as ``\u003c``: no text of a scenario ends the element or begins a comment.
    """
    content = {"schema": SCHEMA, "runs": [_compact(result) for result in results]}
    data = msgspec.json.encode(content)
    if len(data) > _MOST_PLAIN_BYTES:
        packed = b64encode(gzip.compress(data, mtime=0)).decode()
        return Html(f'<script type="application/gzip" id="results">{packed}</script>')
    text = data.decode()
    return Html(f'<script type="application/json" id="results">{text.replace("<", chr(92) + "u003c")}</script>')


def _compact(value: object) -> object:
    """Return a record as a dict without the fields that have their default; most of a long run is such fields."""
    if isinstance(value, msgspec.Struct):
        parts = ((name, getattr(value, name), default) for name, default in _defaults(type(value)))
        return {name: _compact(part) for name, part, default in parts if part != default}
    if isinstance(value, (list, tuple)):
        return [_compact(item) for item in value]
    if isinstance(value, dict):
        return {_text(str(key)): _compact(item) for key, item in value.items()}
    return _text(value) if isinstance(value, str) else value


@cache
def _defaults(kind: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    """Return the fields of a record, each with its default or a value that equals no other."""
    return tuple((field.name, _default(field)) for field in msgspec.structs.fields(kind))


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return _NO_DEFAULT if field.default is msgspec.NODEFAULT else field.default


def _text(text: str) -> str:
    """Return a text that UTF-8 can hold: half a character, as in a path that is not UTF-8, is a question mark."""
    return text.encode("utf-8", "replace").decode()
