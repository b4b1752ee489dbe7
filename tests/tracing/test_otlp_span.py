"""The scenario's spans on their way out: valid, masked, and without content that must not be sent."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval.exporters.otlp.delivery.protobuf import read_line
from otel_memeval.redact import MASK
from otel_memeval.tracing.otlp_span import (
    LONGEST_TEXT,
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
    Span,
    SpanEvent,
    SpanLink,
    SpanMasker,
    SpanStatus,
)

SECRET = "the-secret-value"


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def finished_span(**parts: object) -> Span:
    ids = {"trace_id": "a" * 32, "span_id": "b" * 16}
    times = {"start_time_unix_nano": "1", "end_time_unix_nano": "2"}
    return Span(**{**ids, **times, "name": "a span", **parts})  # type: ignore[arg-type]


def masked(span: Span, *, in_spans: bool = False, in_events: bool = False) -> Span:
    found = SpanMasker((SECRET,), in_spans=in_spans, in_events=in_events).mask(span)
    assert found is not None
    return found


def values(attributes: list[KeyValue]) -> dict[str, AnyValue]:
    return {attribute.key: attribute.value for attribute in attributes}


def test_span_without_secrets_is_unchanged() -> None:
    """Masking changes nothing else, however many spans came before."""
    masker = SpanMasker((SECRET,), in_spans=False, in_events=False)
    for number in range(5000):
        span = finished_span(name=f"span {number}", attributes=[text("text", "plain")], parent_span_id="c" * 16, kind=3)
        assert masker.mask(span) == span


@pytest.mark.parametrize("ids", [{"trace_id": "0" * 32}, {"span_id": "0" * 16}, {"trace_id": "ab"}, {"span_id": "x" * 16}])
def test_span_without_valid_ids_is_left_out(ids: dict[str, str]) -> None:
    """No receiver takes a span whose ids are zero or not hexadecimal."""
    masker = SpanMasker((), in_spans=True, in_events=True)
    assert masker.mask(finished_span(**ids)) is None
    assert masker.encode(finished_span(**ids), InstrumentationScope()) is None


def test_link_and_parent_without_valid_ids_are_left_out() -> None:
    """The rest of the span stays."""
    links = [SpanLink(trace_id="a" * 32, span_id="0" * 16), SpanLink(trace_id="a" * 32, span_id="c" * 16)]
    span = masked(finished_span(parent_span_id="0" * 16, links=links))
    assert span.parent_span_id == ""
    assert [link.span_id for link in span.links] == ["c" * 16]


@pytest.mark.parametrize(("in_spans", "in_events"), [(False, False), (True, False), (False, True), (True, True)])
def test_content_is_sent_only_where_it_may_be(in_spans: bool, in_events: bool) -> None:
    """Attributes of spans and links, and events, are decided separately; nested attributes follow their owner."""
    nested = KeyValue(
        key="call", value=AnyValue(kvlist_value=KeyValueList(values=[text("input.value", "SAID"), text("n", "kept")]))
    )
    attributes = [text("gen_ai.input.messages", "SAID"), text("gen_ai.request.model", "kept"), nested]
    event_attributes = [text("gen_ai.prompt", "TOLD"), text("gen_ai.system", "kept")]
    events = [
        SpanEvent(time_unix_nano="1", name="gen_ai.user.message", attributes=[text("content", "TOLD")]),
        SpanEvent(time_unix_nano="1", name="details", attributes=event_attributes),
    ]
    links = [SpanLink(trace_id="a" * 32, span_id="c" * 16, attributes=[text("output.value", "SAID")])]
    sent = str(
        masked(finished_span(attributes=attributes, events=events, links=links), in_spans=in_spans, in_events=in_events)
    )
    assert ("SAID" in sent, "TOLD" in sent) == (in_spans, in_events)
    assert sent.count("kept") == 3


def test_secrets_are_masked_by_value_by_form_and_by_name() -> None:
    """In names, keys, attributes (also nested ones), events, links, status, trace state and scope."""
    nested = AnyValue(kvlist_value=KeyValueList(values=[text("password", "short"), text("x", SECRET)]))
    array = AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=SECRET), AnyValue(string_value="plain")]))
    headers = AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="opaque")]))
    span = finished_span(
        name=f"call {SECRET}",
        trace_state=f"a={SECRET}",
        attributes=[
            KeyValue(key="http.request.header.authorization", value=headers),
            text("url", f"postgres://me:{SECRET}@db/x"),
            text("form", "sk-abc123def"),
            text(f"named {SECRET}", "x"),
            KeyValue(key="nested", value=nested),
            KeyValue(key="list", value=array),
        ],
        events=[SpanEvent(time_unix_nano="1", name=SECRET, attributes=[text("a", SECRET)])],
        links=[SpanLink(trace_id="a" * 32, span_id="c" * 16, attributes=[text("a", SECRET)])],
        status=SpanStatus(code=2, message=f"refused {SECRET}"),
    )
    masker = SpanMasker((SECRET,), in_spans=True, in_events=True)
    finished = masker.encode(span, InstrumentationScope(name=SECRET, version="1"))
    assert finished is not None
    for hidden in (SECRET, "opaque", "short", "sk-abc123def"):
        assert hidden.encode() not in finished.span
        assert hidden.encode() not in finished.scope
    sent = msgspec.json.decode(finished.span, type=Span)
    assert values(sent.attributes)["http.request.header.authorization"] == AnyValue(string_value=MASK)
    assert values(sent.attributes)["list"].array_value == ArrayValue(
        values=[AnyValue(string_value=MASK), AnyValue(string_value="plain")]
    )
    assert sent.status.message == f"refused {MASK}"


def test_counted_tokens_are_not_secrets() -> None:
    """Numbers stay under any key, and text under the keys of GenAI conventions that name a kind of token."""
    attributes = [
        KeyValue(key="gen_ai.usage.input_tokens", value=AnyValue(int_value="17")),
        KeyValue(key="gen_ai.token", value=AnyValue(int_value="7")),
        text("gen_ai.token.type", "input"),
    ]
    assert masked(finished_span(attributes=attributes)).attributes == attributes


def test_scope_is_encoded_if_it_has_a_name() -> None:
    """A span without a scope gets the exporter's own."""
    masker = SpanMasker((), in_spans=False, in_events=False)
    named, unnamed = (
        masker.encode(finished_span(), InstrumentationScope(name="openai", version="1")),
        masker.encode(finished_span(), InstrumentationScope()),
    )
    assert named is not None
    assert unnamed is not None
    assert json.loads(named.scope) == {"name": "openai", "version": "1"}
    assert unnamed.scope == b""


@pytest.mark.parametrize("length", [LONGEST_TEXT - 1, LONGEST_TEXT, LONGEST_TEXT + 1])
def test_text_is_cut_above_the_limit(length: int) -> None:
    """At the limit the text is complete; above, it ends in an ellipsis."""
    (attribute,) = masked(finished_span(attributes=[text("a", "x" * length)])).attributes
    assert attribute.value.string_value is not None
    assert len(attribute.value.string_value) == min(length, LONGEST_TEXT)
    assert attribute.value.string_value.endswith("…") is (length > LONGEST_TEXT)


def test_numbers_are_brought_into_range() -> None:
    """Enums, counts and times that OTLP cannot hold become the nearest value, integers of more than 64 bits become text."""
    span = masked(
        finished_span(
            kind=9,
            flags=-1,
            start_time_unix_nano="soon",
            end_time_unix_nano=str(1 << 70),
            dropped_events_count=1 << 40,
            status=SpanStatus(code=7),
            attributes=[
                KeyValue(key=key, value=AnyValue(int_value=value)) for key, value in (("a", str(1 << 63)), ("b", "x"))
            ],
        )
    )
    assert (span.kind, span.flags, span.status.code, span.dropped_events_count) == (5, 0, 2, (1 << 32) - 1)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == ("0", str((1 << 63) - 1))
    assert values(span.attributes) == {"a": AnyValue(string_value=str(1 << 63)), "b": AnyValue()}


TEXT = st.text(st.characters(), max_size=20) | st.sampled_from(["", "\udc80\ud800", "\x00", "木" * 9000, "1", "NaN"])
INTEGER = st.integers(-(1 << 63), (1 << 63) - 1)
VALUE = st.recursive(
    st.builds(AnyValue)
    | st.builds(AnyValue, string_value=TEXT)
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.builds(AnyValue, int_value=TEXT | INTEGER.map(str))
    | st.builds(AnyValue, double_value=TEXT | st.floats())
    | st.builds(AnyValue, bytes_value=TEXT),
    lambda below: (
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(below, max_size=3)))
        | st.builds(
            AnyValue,
            kvlist_value=st.builds(KeyValueList, values=st.lists(st.builds(KeyValue, key=TEXT, value=below), max_size=3)),
        )
    ),
    max_leaves=8,
)
ATTRIBUTES = st.lists(st.builds(KeyValue, key=TEXT, value=VALUE), max_size=3)
TIME = TEXT | INTEGER.map(str)
EVENT = st.builds(SpanEvent, time_unix_nano=TIME, name=TEXT, attributes=ATTRIBUTES, dropped_attributes_count=INTEGER)
LINK = st.builds(
    SpanLink, trace_id=st.just("a" * 32), span_id=TEXT | st.just("b" * 16), attributes=ATTRIBUTES, trace_state=TEXT
)
SPAN = st.builds(
    Span,
    trace_id=st.just("a" * 32),
    span_id=st.just("b" * 16),
    parent_span_id=TEXT,
    start_time_unix_nano=TIME,
    end_time_unix_nano=TIME,
    trace_state=TEXT,
    flags=INTEGER,
    name=TEXT,
    kind=INTEGER,
    attributes=ATTRIBUTES,
    dropped_attributes_count=INTEGER,
    events=st.lists(EVENT, max_size=2),
    links=st.lists(LINK, max_size=2),
    status=st.builds(SpanStatus, code=INTEGER, message=TEXT),
)


@settings(deadline=None)
@given(SPAN, st.booleans())
def test_any_span_becomes_a_valid_message(span: Span, capture: bool) -> None:
    """Odd texts and numbers in any field: protobuf reads the encoded span, and no key is empty."""
    finished = SpanMasker((), in_spans=capture, in_events=capture).encode(span, InstrumentationScope(name="x"))
    assert finished is not None
    spans = [{"scope": msgspec.Raw(finished.scope), "spans": [msgspec.Raw(finished.span)]}]
    line = msgspec.json.encode({"resourceSpans": [{"scopeSpans": spans}]})
    json.loads(line.decode("utf-8"), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    _, message = read_line(line)
    assert finished.span.count(b"traceId") >= 1
    assert type(message)().FromString(message.SerializeToString()) == message or "nan" in str(message).lower()
    assert 'key: ""' not in str(message)


def test_lists_are_followed_eight_deep() -> None:
    """As deep as the worker writes them; further lists are left out."""
    value = AnyValue(string_value="bottom")
    for _ in range(20):
        value = AnyValue(array_value=ArrayValue(values=[value]))
    encoded = msgspec.json.encode(masked(finished_span(attributes=[KeyValue(key="a", value=value)])))
    assert encoded.count(b"arrayValue") == 8
    assert b"bottom" not in encoded
