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
    """Return a finished span as the SDK passes it to a processor."""
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


def decoded(
    span: ReadableSpan, parent_of_root: str = "", *, in_spans: bool = False, in_events: bool = False
) -> wire.ScenarioSpan:
    """Return the message that the parent process decodes."""
    message = wire.decode(SpanWriter(in_spans=in_spans, in_events=in_events).line(span, parent_of_root))  # type: ignore[arg-type]
    assert isinstance(message, wire.ScenarioSpan)
    return message


def otlp(message: wire.ScenarioSpan) -> trace_pb2.Span:
    """Return the protobuf message of the span; protobuf's own JSON has ids in base64."""
    plain = json.loads(msgspec.json.encode(message.span))
    for part in (plain, *plain.get("links", ())):
        for key in ("traceId", "spanId", "parentSpanId"):
            if key in part:
                part[key] = base64.b64encode(bytes.fromhex(part[key])).decode()
    parsed = trace_pb2.Span()
    ParseDict(plain, parsed)
    return parsed


def test_every_part_of_a_span_is_written() -> None:
    """Ids, times, kind, attributes, events, links, status, scope and flags are the SDK's."""
    span = sdk_span(
        "chat gpt",
        TRACE,
        kind=SpanKind.CLIENT,
        attributes={"s": "ü", "b": True, "i": -7, "d": 1.0, "l": ["x", "y"]},
        links=[Link(TRACE, {"why": "retry"})],
        events=[("happened", {"n": 1})],
        status=Status(StatusCode.ERROR, "it broke"),
    )
    message = decoded(span)
    parsed = otlp(message)
    assert span.context is not None
    assert (parsed.trace_id.hex(), parsed.span_id.hex()) == ("a" * 32, f"{span.context.span_id:016x}")
    assert parsed.parent_span_id.hex() == "b" * 16
    assert parsed.trace_state == "k=v"
    assert (parsed.name, parsed.kind) == ("chat gpt", trace_pb2.Span.SPAN_KIND_CLIENT)
    assert (parsed.start_time_unix_nano, parsed.end_time_unix_nano) == (span.start_time, span.end_time)
    values = {attribute.key: attribute.value for attribute in parsed.attributes}
    assert (values["s"].string_value, values["b"].bool_value, values["i"].int_value) == ("ü", True, -7)
    assert values["d"].WhichOneof("value") == "double_value"
    assert [item.string_value for item in values["l"].array_value.values] == ["x", "y"]
    (event,) = parsed.events
    assert (event.name, event.attributes[0].value.int_value) == ("happened", 1)
    assert event.time_unix_nano == span.events[0].timestamp
    (link,) = parsed.links
    assert (link.trace_id.hex(), link.span_id.hex(), link.trace_state) == ("a" * 32, "b" * 16, "k=v")
    assert link.attributes[0].value.string_value == "retry"
    assert (parsed.status.code, parsed.status.message) == (trace_pb2.Status.STATUS_CODE_ERROR, "it broke")
    assert parsed.flags & 0x301 == 0x301  # sampled; the parent is known to be, and is, in another process
    assert (message.scope.name, message.scope.version) == ("a scope", "1.2")


def test_root_gets_the_given_parent() -> None:
    """A span without a parent becomes a child of the iteration, or stays a root."""
    assert decoded(sdk_span(), "c" * 16).span.parent_span_id == "c" * 16
    assert decoded(sdk_span()).span.parent_span_id == ""


def test_attributes_that_the_sdk_dropped_are_counted() -> None:
    """The SDK has a limit of 128 attributes."""
    assert decoded(sdk_span(attributes={f"a{number}": 1 for number in range(140)})).span.dropped_attributes_count == 12


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=20) | st.builds(object),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(ODD)
@settings(deadline=None, max_examples=200)
def test_any_value_becomes_a_valid_value(value: object) -> None:
    """The parent process and protobuf read the same value."""
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
def test_lists_are_followed_eight_deep(depth: int) -> None:
    """Deeper lists are written as text."""
    value: list[Any] = ["bottom"]
    for _ in range(depth):
        value = [value]
    text = any_value(value)
    assert text.count("arrayValue") == min(depth + 1, 8)
    assert "bottom" in text


CONTENT = {
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
def test_content_stays_in_the_worker_unless_it_is_wanted(in_spans: bool, in_events: bool) -> None:
    """Prompts and completions in attributes and in events are decided separately."""
    attributes: dict[str, Any] = {**CONTENT, **dict.fromkeys(HARMLESS, "kept")}
    events = [("gen_ai.user.message", {"content": "SAID"}), ("gen_ai.choice", {"index": "SAID"}), ("retry", {"n": 1})]
    details = {"gen_ai.input.messages": "SAID", "gen_ai.usage.input_tokens": 5}
    events.append(("gen_ai.client.inference.operation.details", details))
    message = decoded(sdk_span(attributes=attributes, events=events), in_spans=in_spans, in_events=in_events)
    text = msgspec.json.encode(message.span).decode()
    assert ("PROMPT" in text) is in_spans
    assert ("SAID" in text) is in_events
    assert text.count("kept") == len(HARMLESS)
    names = [event.name for event in message.span.events]
    assert "retry" in names
    assert "gen_ai.client.inference.operation.details" in names
    assert len(names) == (4 if in_events else 2)


@pytest.mark.parametrize(
    "name", ["llm.input_messages.0.message.role", "llm.output_messages.0.message.content", "llm.prompts"]
)
@pytest.mark.parametrize("in_spans", [False, True])
def test_line_says_that_there_were_messages(name: str, in_spans: bool) -> None:
    """So that a request can be told from other code of a model's client although the messages stay in the worker."""
    assert decoded(sdk_span(attributes={name: "PROMPT"}), in_spans=in_spans).has_messages
    assert not decoded(
        sdk_span(attributes={"llm.model_name": "gpt", "input.value": "PROMPT"}), in_spans=in_spans
    ).has_messages
