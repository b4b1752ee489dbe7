"""Write a finished span of OpenTelemetry's SDK as a line of JSON: a message with the span in OTLP's JSON.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids in hexadecimal, enums as numbers, 64-bit integers as
text. The SDK is the scenario's and may be of any version: protocols describe the parts of its objects that are used.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring_ascii as _quoted
from typing import Protocol

from .genai_content import holds_content, holds_messages, is_content

_HAS_IS_REMOTE = 0x100
_IS_REMOTE = 0x200
_LARGEST_INT = 2**63 - 1
_DEEPEST = 8

_Attributes = Mapping[str, object] | None


class _TraceState(Protocol):
    def to_header(self) -> str: ...
    def __len__(self) -> int: ...


class _SpanContext(Protocol):
    trace_id: int
    span_id: int
    is_remote: bool
    trace_flags: int
    trace_state: _TraceState


class _Enum(Protocol):
    value: int


class _Status(Protocol):
    status_code: _Enum
    description: str | None


class _Event(Protocol):
    name: str
    timestamp: int
    attributes: _Attributes


class _Link(Protocol):
    context: _SpanContext
    attributes: _Attributes


class ReadableSpan(Protocol):
    """A finished span of the SDK."""

    context: _SpanContext
    parent: _SpanContext | None
    name: str
    kind: _Enum
    start_time: int | None
    end_time: int | None
    attributes: _Attributes
    events: Iterable[_Event] | None
    links: Iterable[_Link] | None
    status: _Status | None


class SpanWriter:
    """Writes spans as lines; content is left out of spans, and of events, unless it is wanted there.

    The text is put together here and not by ``json``: dictionaries would need several times as many allocations, and each
    allocation is traced.
    """

    def __init__(self, *, in_spans: bool, in_events: bool) -> None:
        self._in_spans = in_spans
        self._in_events = in_events

    def line(self, span: ReadableSpan, parent_of_root: str) -> bytes:
        """Return the message. ``parent_of_root``: parent id, in hexadecimal, of a span without a parent; empty: none."""
        scope = getattr(span, "instrumentation_scope", None) or getattr(span, "instrumentation_info", None)
        name, version = str(getattr(scope, "name", "") or ""), str(getattr(scope, "version", "") or "")
        context = span.context
        parent = span.parent
        remote = parent.is_remote if parent is not None else bool(parent_of_root)
        flags = int(context.trace_flags) | _HAS_IS_REMOTE | (_IS_REMOTE if remote else 0)
        start = span.start_time or 0
        head = (
            f'{{"kind":"span","scope":{{"name":{_quoted(name)},"version":{_quoted(version)}}},"span":{{{_ids(context)},'
            f'"parentSpanId":"{parent_of_root if parent is None else format(parent.span_id, "016x")}","flags":{flags},'
            f'"name":{_quoted(str(span.name))},"kind":{int(span.kind.value) + 1},'  # the API counts from 0, OTLP from 1
            f'"startTimeUnixNano":"{start}","endTimeUnixNano":"{span.end_time or start}",'
            f'"attributes":{self._attributes(span.attributes, self._in_spans)}'
            f"{_dropped('Attributes', span)}{_dropped('Events', span)}{_dropped('Links', span)}"
        )
        written = [head]
        if span.events:
            written.append(f',"events":[{",".join(map(self._event, filter(self._may_be_sent, span.events)))}]')
        if span.links:
            written.append(f',"links":[{",".join(map(self._link, span.links))}]')
        status = span.status
        if status is not None and status.status_code.value:
            message = _quoted(str(status.description or ""))
            written.append(f',"status":{{"code":{int(status.status_code.value)},"message":{message}}}')
        has_messages = any(holds_messages(str(key)) for key in span.attributes or ())
        written.append('},"has_messages":true}\n' if has_messages else "}}\n")
        return "".join(written).encode("ascii")

    def _may_be_sent(self, event: _Event) -> bool:
        return self._in_events or not is_content(str(event.name))

    def _event(self, event: _Event) -> str:
        attributes = self._attributes(event.attributes, self._in_events)
        return (
            f'{{"timeUnixNano":"{event.timestamp}","name":{_quoted(str(event.name))},"attributes":{attributes}'
            f"{_dropped('Attributes', event)}}}"
        )

    def _link(self, link: _Link) -> str:
        attributes = self._attributes(link.attributes, self._in_spans)
        return f'{{{_ids(link.context)},"attributes":{attributes}{_dropped("Attributes", link)}}}'

    def _attributes(self, attributes: _Attributes, wanted: bool) -> str:
        if not attributes:
            return "[]"
        written = [
            f'{{"key":{_quoted(str(key))},"value":{any_value(value)}}}'
            for key, value in attributes.items()
            if wanted or not holds_content(str(key))
        ]
        return f"[{','.join(written)}]"


def _ids(context: _SpanContext) -> str:
    ids = f'"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"'
    return f'{ids},"traceState":{_quoted(context.trace_state.to_header())}' if context.trace_state else ids


def _dropped(part: str, owner: object) -> str:
    """Return the number of parts that the SDK dropped from a span, event or link because of its limits."""
    dropped = getattr(owner, f"dropped_{part.lower()}", 0)
    return f',"dropped{part}Count":{int(dropped)}' if dropped else ""


def any_value(value: object, depth: int = 0) -> str:
    """Return OTLP's ``AnyValue``; integers of more than 64 bits and other objects are written as text."""
    if isinstance(value, str):
        return f'{{"stringValue":{_quoted(str(value))}}}'
    if isinstance(value, bool):
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if isinstance(value, int):
        if -_LARGEST_INT - 1 <= value <= _LARGEST_INT:
            return f'{{"intValue":"{int(value)}"}}'
        return f'{{"stringValue":"{int(value):#x}"}}'
    if isinstance(value, float):
        if math.isfinite(value):
            return f'{{"doubleValue":{float(value)!r}}}'
        return f'{{"doubleValue":"{"NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}"}}'
    if isinstance(value, (bytes, bytearray)):
        return f'{{"bytesValue":"{base64.b64encode(value).decode("ascii")}"}}'
    if value is None:
        return "{}"
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            pairs = (f'{{"key":{_quoted(str(key))},"value":{any_value(item, depth + 1)}}}' for key, item in value.items())
            return f'{{"kvlistValue":{{"values":[{",".join(pairs)}]}}}}'
        if isinstance(value, Iterable):
            return f'{{"arrayValue":{{"values":[{",".join(any_value(item, depth + 1) for item in value)}]}}}}'
    return f'{{"stringValue":{_quoted(str(value))}}}'
