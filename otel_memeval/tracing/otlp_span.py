"""The scenario's own spans, as the worker sends them: OTLP's JSON, so that exporters and spool take them as they are. Pure.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids in hexadecimal, enums as numbers, 64-bit integers as
text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from otel_memeval.redact import MASK, redact

_SECRET_KEY = re.compile(
    r"(?:^|[._-])(?:authorization|(?:set[_-]?)?cookie|password|passwd|passphrase|pwd|secret|credentials?|token"
    r"|(?:api|access|private|secret|auth)[_-]?(?:key|token))$",
    re.IGNORECASE,
)
"""How the name of an attribute ends whose text is a secret whatever it looks like, such as a header's."""

_MOST_REMEMBERED = 4096


class _Otlp(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base: field names as in OTLP's JSON, and nothing written that is as it would be anyway."""


class ArrayValue(_Otlp, frozen=True):
    """A list."""

    values: list[AnyValue] = []


class KeyValueList(_Otlp, frozen=True):
    """A map."""

    values: list[KeyValue] = []


class AnyValue(_Otlp, frozen=True):
    """One value; the field that is not None says its type. All None: no value."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: str | None = None
    double_value: float | str | None = None
    """Text for what JSON has no number for: ``NaN``, ``Infinity``, ``-Infinity``."""
    array_value: ArrayValue | None = None
    kvlist_value: KeyValueList | None = None
    bytes_value: str | None = None


class KeyValue(_Otlp, frozen=True):
    """One attribute."""

    key: str
    value: AnyValue


class Event(_Otlp, frozen=True):
    """Something that happened within a span."""

    time_unix_nano: str
    name: str = ""
    attributes: list[KeyValue] = []
    dropped_attributes_count: int = 0


class Link(_Otlp, frozen=True):
    """Another span that this one has to do with."""

    trace_id: str
    span_id: str
    trace_state: str = ""
    attributes: list[KeyValue] = []
    dropped_attributes_count: int = 0


class Status(_Otlp, frozen=True):
    """0 unset, 1 ok, 2 error."""

    code: int = 0
    message: str = ""


class Span(_Otlp, frozen=True):
    """A finished span; times in nanoseconds since 1970."""

    trace_id: str
    span_id: str
    start_time_unix_nano: str
    end_time_unix_nano: str
    parent_span_id: str = ""
    """Empty for the root of a trace of the scenario's own."""
    trace_state: str = ""
    flags: int = 0
    name: str = ""
    kind: int = 0
    """1 internal, 2 server, 3 client, 4 producer, 5 consumer."""
    attributes: list[KeyValue] = []
    dropped_attributes_count: int = 0
    events: list[Event] = []
    dropped_events_count: int = 0
    links: list[Link] = []
    dropped_links_count: int = 0
    status: Status = Status()


class Scope(_Otlp, frozen=True):
    """Who made a span: a library's name and version."""

    name: str = ""
    version: str = ""


Json = dict[str, object]


def as_json(span: Span, scope: Scope) -> Json:
    """The span as OTLP's JSON has it, and who made it under ``scope``."""
    return {**msgspec.to_builtins(span), "scope": msgspec.to_builtins(scope)}


class Masker:
    """Masks secrets in spans. Remembers the texts that it has looked at: most come again with every iteration."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secrets)
        self._masked: dict[str, str] = {}

    def span(self, span: Span) -> Span:
        """The same span with every secret in names, texts and attributes masked."""
        return msgspec.structs.replace(
            span,
            name=self._text(span.name),
            attributes=self._attributes(span.attributes),
            events=[
                msgspec.structs.replace(event, name=self._text(event.name), attributes=self._attributes(event.attributes))
                for event in span.events
            ],
            links=[msgspec.structs.replace(link, attributes=self._attributes(link.attributes)) for link in span.links],
            status=Status(code=span.status.code, message=self._text(span.status.message)),
        )

    def _attributes(self, attributes: list[KeyValue]) -> list[KeyValue]:
        return [
            KeyValue(
                key=self._text(one.key), value=_hidden(one.value) if _SECRET_KEY.search(one.key) else self._value(one.value)
            )
            for one in attributes
        ]

    def _value(self, value: AnyValue) -> AnyValue:
        if value.string_value is not None:
            masked = self._text(value.string_value)
            return value if masked == value.string_value else AnyValue(string_value=masked)
        if value.array_value is not None:
            return AnyValue(array_value=ArrayValue(values=[self._value(one) for one in value.array_value.values]))
        if value.kvlist_value is not None:
            return AnyValue(kvlist_value=KeyValueList(values=self._attributes(value.kvlist_value.values)))
        return value

    def _text(self, text: str) -> str:
        masked = self._masked.get(text)
        if masked is None:
            if len(self._masked) >= _MOST_REMEMBERED:
                self._masked.clear()
            masked = redact(text, self._secrets)
            if len(text) <= 256:
                self._masked[text] = masked
        return masked


def _hidden(value: AnyValue) -> AnyValue:
    """Masked if it is, or holds, text; a count of tokens stays."""
    texts = (value.string_value, value.array_value, value.kvlist_value, value.bytes_value)
    return value if all(text is None for text in texts) else AnyValue(string_value=MASK)
