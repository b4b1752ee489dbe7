"""Read, mask and encode the scenario's own spans: OTLP's JSON, as the worker sends it and as exporters pass it on. Pure.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids in hexadecimal, enums as numbers, 64-bit integers as
text. A span is decoded once, masked once and encoded once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from otel_memeval.redact import MASK, Masker, names_a_secret, shortened
from otel_memeval.worker.otel.genai_content import holds_content, is_content

LONGEST_TEXT = 16_384
"""Characters of one value; a longer one is cut, so that one span or record cannot make a batch that no receiver takes."""

_TRACE_ID = re.compile(r"(?!0+$)[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0+$)[0-9a-f]{16}")
_LARGEST_INT64 = (1 << 63) - 1
_LARGEST_UINT32 = (1 << 32) - 1
_DEEPEST = 8
"""Lists and maps within each other; as deep as the worker writes them."""
_MOST_EVENTS = 128
"""Events, and links, of one span: the SDK's own limits."""
_MOST_REMEMBERED = 4096


class _Otlp(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of all parts: field names as in OTLP's JSON, defaults not written."""


class ArrayValue(_Otlp, frozen=True):
    """The items of a list."""

    values: list[AnyValue] = []


class KeyValueList(_Otlp, frozen=True):
    """The pairs of a map."""

    values: list[KeyValue] = []


class AnyValue(_Otlp, frozen=True):
    """A value; the only field that is not None names its type. Without any field there is no value."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: str | None = None
    double_value: float | str | None = None
    """Text for the numbers that JSON does not have: ``NaN``, ``Infinity``, ``-Infinity``."""
    array_value: ArrayValue | None = None
    kvlist_value: KeyValueList | None = None
    bytes_value: str | None = None


class KeyValue(_Otlp, frozen=True):
    """An attribute."""

    key: str
    value: AnyValue


class SpanEvent(_Otlp, frozen=True):
    """An event of a span."""

    time_unix_nano: str
    name: str = ""
    attributes: list[KeyValue] = []
    dropped_attributes_count: int = 0


class SpanLink(_Otlp, frozen=True):
    """A link to a related span."""

    trace_id: str
    span_id: str
    trace_state: str = ""
    attributes: list[KeyValue] = []
    dropped_attributes_count: int = 0


class SpanStatus(_Otlp, frozen=True):
    """The status of a span."""

    code: int = 0
    """0 unset, 1 ok, 2 error."""
    message: str = ""


class Span(_Otlp, frozen=True):
    """A finished span of the scenario; times in nanoseconds since 1970."""

    trace_id: str
    span_id: str
    start_time_unix_nano: str
    end_time_unix_nano: str
    parent_span_id: str = ""
    """Empty for the root of a trace that the scenario began itself."""
    trace_state: str = ""
    flags: int = 0
    name: str = ""
    kind: int = 0
    """1 internal, 2 server, 3 client, 4 producer, 5 consumer."""
    attributes: list[KeyValue] = []
    dropped_attributes_count: int = 0
    events: list[SpanEvent] = []
    dropped_events_count: int = 0
    links: list[SpanLink] = []
    dropped_links_count: int = 0
    status: SpanStatus = SpanStatus()


class InstrumentationScope(_Otlp, frozen=True):
    """Name and version of the library that made a span."""

    name: str = ""
    version: str = ""


class FinishedSpan(msgspec.Struct, frozen=True):
    """A span that is masked and encoded as OTLP's JSON, and its scope; the scope is empty for a span without one."""

    span: bytes
    scope: bytes


class SpanMasker:
    """Makes spans fit to be sent: secrets masked, content left out unless it may be sent, ids, numbers and texts valid.

    It remembers short texts and keys: most of them come again with every iteration.
    """

    def __init__(self, secrets: Sequence[str], *, in_spans: bool, in_events: bool) -> None:
        """``in_spans`` and ``in_events`` say whether attributes of spans, and events, may hold content."""
        self._masker = Masker(secrets)
        self._in_spans = in_spans
        self._in_events = in_events
        self._holds_content = lru_cache(maxsize=_MOST_REMEMBERED)(holds_content)
        self._names_a_secret = lru_cache(maxsize=_MOST_REMEMBERED)(names_a_secret)

    def encode(self, span: Span, scope: InstrumentationScope) -> FinishedSpan | None:
        """Return the masked span as JSON; None for a span without valid ids."""
        masked = self.mask(span)
        if masked is None:
            return None
        masked_scope = InstrumentationScope(name=self._text(scope.name), version=self._text(scope.version))
        return FinishedSpan(msgspec.json.encode(masked), msgspec.json.encode(masked_scope) if scope.name else b"")

    def mask(self, span: Span) -> Span | None:
        """Return the masked span; None for a span without valid ids."""
        if not _TRACE_ID.fullmatch(span.trace_id) or not _SPAN_ID.fullmatch(span.span_id):
            return None
        return Span(
            trace_id=span.trace_id,
            span_id=span.span_id,
            parent_span_id=span.parent_span_id if _SPAN_ID.fullmatch(span.parent_span_id) else "",
            start_time_unix_nano=_time(span.start_time_unix_nano),
            end_time_unix_nano=_time(span.end_time_unix_nano),
            trace_state=self._text(span.trace_state),
            flags=_within(span.flags, _LARGEST_UINT32),
            name=self._text(span.name) or "unknown",
            kind=_within(span.kind, 5),
            attributes=self._attributes(span.attributes, keep_content=self._in_spans),
            dropped_attributes_count=_within(span.dropped_attributes_count, _LARGEST_UINT32),
            events=[
                self._event(event) for event in span.events[:_MOST_EVENTS] if self._in_events or not is_content(event.name)
            ],
            dropped_events_count=_within(span.dropped_events_count, _LARGEST_UINT32),
            links=[link for link in map(self._link, span.links[:_MOST_EVENTS]) if link is not None],
            dropped_links_count=_within(span.dropped_links_count, _LARGEST_UINT32),
            status=SpanStatus(code=_within(span.status.code, 2), message=self._text(span.status.message)),
        )

    def _event(self, event: SpanEvent) -> SpanEvent:
        return SpanEvent(
            time_unix_nano=_time(event.time_unix_nano),
            name=self._text(event.name) or "unknown",
            attributes=self._attributes(event.attributes, keep_content=self._in_events),
            dropped_attributes_count=_within(event.dropped_attributes_count, _LARGEST_UINT32),
        )

    def _link(self, link: SpanLink) -> SpanLink | None:
        if not _TRACE_ID.fullmatch(link.trace_id) or not _SPAN_ID.fullmatch(link.span_id):
            return None
        return SpanLink(
            trace_id=link.trace_id,
            span_id=link.span_id,
            trace_state=self._text(link.trace_state),
            attributes=self._attributes(link.attributes, keep_content=self._in_spans),
            dropped_attributes_count=_within(link.dropped_attributes_count, _LARGEST_UINT32),
        )

    def _attributes(self, attributes: list[KeyValue], *, keep_content: bool, depth: int = 0) -> list[KeyValue]:
        """Return attributes without content and secrets; the last value of each key counts."""
        values: dict[str, AnyValue] = {}
        for attribute in attributes:
            key = self._text(attribute.key)
            if not key or (not keep_content and self._holds_content(attribute.key)):
                continue
            is_secret = self._names_a_secret(attribute.key) and _holds_text(attribute.value)
            values[key] = AnyValue(string_value=MASK) if is_secret else self._value(attribute.value, keep_content, depth)
        return [KeyValue(key=key, value=value) for key, value in values.items()]

    def _value(self, value: AnyValue, keep_content: bool, depth: int) -> AnyValue:
        if value.string_value is not None:
            return AnyValue(string_value=self._text(value.string_value))
        if value.bytes_value is not None:  # as text: base64 that is masked or cut is none
            return AnyValue(string_value=self._text(value.bytes_value))
        if value.int_value is not None:
            return _integer(value.int_value)
        if value.double_value is not None:
            return AnyValue(double_value=double(value.double_value))
        if depth < _DEEPEST and value.array_value is not None:
            items = [self._value(item, keep_content, depth + 1) for item in value.array_value.values]
            return AnyValue(array_value=ArrayValue(values=items))
        if depth < _DEEPEST and value.kvlist_value is not None:
            pairs = self._attributes(value.kvlist_value.values, keep_content=keep_content, depth=depth + 1)
            return AnyValue(kvlist_value=KeyValueList(values=pairs))
        return AnyValue(bool_value=value.bool_value)

    def _text(self, text: str) -> str:
        return valid_text(self._masker.text(text))


def valid_text(value: str) -> str:
    """Return valid Unicode of at most ``LONGEST_TEXT`` characters; halves of characters become question marks."""
    valid = value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    return shortened(valid, LONGEST_TEXT)


def nanoseconds(value: int) -> str:
    """Return a time since 1970 as OTLP's JSON has it, within 64 bits."""
    return str(min(max(value, 0), _LARGEST_INT64))


def double(value: float | str) -> float | str:
    """Return a number as protobuf's JSON has it: text for a number that JSON does not have."""
    if isinstance(value, str):
        return value if value in ("Infinity", "-Infinity") else "NaN"
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _holds_text(value: AnyValue) -> bool:
    """Return whether a value is, or may contain, text; a count of tokens is none."""
    return any(part is not None for part in (value.string_value, value.array_value, value.kvlist_value, value.bytes_value))


def _integer(text: str) -> AnyValue:
    """Return a 64-bit integer; text for a larger one, and no value for text that is no number."""
    try:
        number = int(text)
    except ValueError:
        return AnyValue()
    fits = -_LARGEST_INT64 - 1 <= number <= _LARGEST_INT64
    return AnyValue(int_value=str(number)) if fits else AnyValue(string_value=valid_text(text))


def _time(text: str) -> str:
    try:
        return nanoseconds(int(text))
    except ValueError:
        return "0"


def _within(value: int, most: int) -> int:
    return min(max(value, 0), most)
