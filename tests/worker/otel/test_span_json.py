"""Spans as lines of JSON: any span of the SDK becomes valid OTLP, and content stays in the worker."""

from __future__ import annotations

import base64
import importlib
import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from otel_memeval import wire
from otel_memeval.tracing.otlp_span import AnyValue
from otel_memeval.worker.otel.span_json import SpanWriter, any_value

STATE = TraceState([("k", "v")])
TRACE = SpanContext(int("a" * 32, 16), int("b" * 16, 16), is_remote=True, trace_flags=TraceFlags(1), trace_state=STATE)
ParseDict = importlib.import_module("google.protobuf.json_format").ParseDict


def sdk_span(name: str = "a span", parent: SpanContext | None = None, **parts: Any) -> ReadableSpan:
    """A finished span, as the SDK hands it to a processor."""
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    events: Sequence[tuple[str, dict[str, Any]]] = parts.pop("events", ())
    status = parts.pop("status", None)
    context = None if parent is None else set_span_in_context(NonRecordingSpan(parent))
    span = provider.get_tracer("a scope", "1.2").start_span(name, context, **parts)
    for event, attributes in events:
        span.add_event(event, attributes)
    if status is not None:
        span.set_status(status)
    span.end()
    (finished,) = exporter.get_finished_spans()
    return finished


def told(
    span: ReadableSpan, parent_of_root: str = "", *, in_spans: bool = False, in_events: bool = False
) -> wire.ScenarioSpan:
    """What the parent reads of it."""
    message = wire.decode(SpanWriter(in_spans=in_spans, in_events=in_events).line(span, parent_of_root))  # type: ignore[arg-type]
    assert isinstance(message, wire.ScenarioSpan)
    return message


def otlp(message: wire.ScenarioSpan) -> trace_pb2.Span:
    """The protobuf message that the JSON stands for; protobuf's own JSON has ids in base64."""
    plain = json.loads(msgspec.json.encode(message.span))
    for one in (plain, *plain.get("links", ())):
        for key in ("traceId", "spanId", "parentSpanId"):
            if key in one:
                one[key] = base64.b64encode(bytes.fromhex(one[key])).decode()
    parsed = trace_pb2.Span()
    ParseDict(plain, parsed)
    return parsed


def test_every_part_of_a_span_arrives() -> None:
    """Ids, times, kind, attributes of each type, events, links, status, scope and flags are what the SDK has."""
    span = sdk_span(
        "chat gpt",
        TRACE,
        kind=SpanKind.CLIENT,
        attributes={"s": "ü", "b": True, "i": -7, "d": 1.0, "l": ["x", "y"]},
        links=[Link(TRACE, {"why": "retry"})],
        events=[("happened", {"n": 1})],
        status=Status(StatusCode.ERROR, "it broke"),
    )
    message = told(span)
    parsed = otlp(message)
    assert span.context is not None
    assert (parsed.trace_id.hex(), parsed.span_id.hex()) == ("a" * 32, f"{span.context.span_id:016x}")
    assert parsed.parent_span_id.hex() == "b" * 16
    assert parsed.trace_state == "k=v"
    assert (parsed.name, parsed.kind) == ("chat gpt", trace_pb2.Span.SPAN_KIND_CLIENT)
    assert (parsed.start_time_unix_nano, parsed.end_time_unix_nano) == (span.start_time, span.end_time)
    values = {one.key: one.value for one in parsed.attributes}
    assert (values["s"].string_value, values["b"].bool_value, values["i"].int_value) == ("ü", True, -7)
    assert values["d"].WhichOneof("value") == "double_value"
    assert [one.string_value for one in values["l"].array_value.values] == ["x", "y"]
    (event,) = parsed.events
    assert (event.name, event.attributes[0].value.int_value) == ("happened", 1)
    assert event.time_unix_nano == span.events[0].timestamp
    (link,) = parsed.links
    assert (link.trace_id.hex(), link.span_id.hex(), link.trace_state) == ("a" * 32, "b" * 16, "k=v")
    assert link.attributes[0].value.string_value == "retry"
    assert (parsed.status.code, parsed.status.message) == (trace_pb2.Status.STATUS_CODE_ERROR, "it broke")
    assert parsed.flags & 0x301 == 0x301  # sampled; the parent is known to be, and is, in another process
    assert (message.scope.name, message.scope.version) == ("a scope", "1.2")


def test_a_root_gets_the_parent_that_it_is_given() -> None:
    """A span without a parent is a child of the iteration, or stays a root."""
    assert told(sdk_span(), "c" * 16).span.parent_span_id == "c" * 16
    assert told(sdk_span()).span.parent_span_id == ""


def test_what_the_sdk_left_out_is_counted() -> None:
    """More attributes than the SDK's limit: the number of those dropped arrives."""
    assert told(sdk_span(attributes={f"a{number}": 1 for number in range(140)})).span.dropped_attributes_count == 12


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=20) | st.builds(object),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(ODD)
@settings(deadline=None, max_examples=200)
def test_any_value_becomes_a_valid_one(value: object) -> None:
    """Whatever an attribute holds: JSON that the parent and protobuf read alike."""
    read = msgspec.json.decode(any_value(value), type=AnyValue)
    parsed = ParseDict({"value": json.loads(msgspec.json.encode(read))}, trace_pb2.Span().attributes.add()).value
    if isinstance(value, bool):
        assert parsed.bool_value is value
    elif isinstance(value, int) and -(2**63) <= value < 2**63:
        assert parsed.int_value == value
    elif isinstance(value, int):
        assert int(parsed.string_value, 16) == value
    elif isinstance(value, float):
        assert parsed.double_value == value or (math.isnan(value) and math.isnan(parsed.double_value))
    elif isinstance(value, bytes):
        assert parsed.bytes_value == value
    elif isinstance(value, list):
        assert len(parsed.array_value.values) == len(value)


@pytest.mark.parametrize("depth", [6, 7, 8, 100])
def test_deep_values_end(depth: int) -> None:
    """Lists in lists are followed eight deep, and written as text from there on."""
    value: list[Any] = ["bottom"]
    for _ in range(depth):
        value = [value]
    text = any_value(value)
    assert text.count("arrayValue") == min(depth + 1, 8)
    assert "bottom" in text


CONTENTS = {
    "gen_ai.input.messages": "PROMPT", "gen_ai.output.messages": "PROMPT", "gen_ai.system_instructions": "PROMPT",
    "gen_ai.prompt": "PROMPT", "gen_ai.prompt.0.content": "PROMPT", "gen_ai.completion.1.role": "PROMPT",
    "gen_ai.tool.call.arguments": "PROMPT", "gen_ai.tool.call.result": "PROMPT", "gen_ai.tool.definitions": "PROMPT",
    "input.value": "PROMPT", "output.value": "PROMPT", "llm.input_messages.0.message.content": "PROMPT",
    "llm.output_messages.0.message.content": "PROMPT", "llm.prompts": "PROMPT", "llm.prompt_template.variables": "PROMPT",
    "traceloop.entity.input": "PROMPT", "pydantic_ai.all_messages": "PROMPT", "mlflow.spanInputs": "PROMPT",
}  # fmt: skip
HARMLESS = (
    "gen_ai.operation.name", "gen_ai.usage.input_tokens", "gen_ai.tool.call.id", "gen_ai.tool.name", "gen_ai.prompt.name",
    "gen_ai.response.id", "gen_ai.request.model", "gen_ai.output.type", "llm.token_count.prompt", "server.address",
    "input.mime_type", "openinference.span.kind", "gen_ai.response.finish_reasons", "message_count", "error.type",
)  # fmt: skip


@pytest.mark.parametrize(("in_spans", "in_events"), [(False, False), (True, False), (False, True), (True, True)])
def test_contents_stay_behind_unless_they_are_wanted(in_spans: bool, in_events: bool) -> None:
    """Prompts and completions in attributes and events do not leave the worker; each is let go by itself."""
    attributes: dict[str, Any] = {**CONTENTS, **dict.fromkeys(HARMLESS, "kept")}
    events = [("gen_ai.user.message", {"content": "SAID"}), ("gen_ai.choice", {"index": "SAID"}), ("retry", {"n": 1})]
    details = {"gen_ai.input.messages": "SAID", "gen_ai.usage.input_tokens": 5}
    events.append(("gen_ai.client.inference.operation.details", details))
    message = told(sdk_span(attributes=attributes, events=events), in_spans=in_spans, in_events=in_events)
    text = msgspec.json.encode(message.span).decode()
    assert ("PROMPT" in text) is in_spans
    assert ("SAID" in text) is in_events
    assert text.count("kept") == len(HARMLESS)
    names = [event.name for event in message.span.events]
    assert "retry" in names
    assert "gen_ai.client.inference.operation.details" in names
    assert len(names) == (4 if in_events else 2)
