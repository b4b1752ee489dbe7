"""Of a scenario's own spans: what leaves, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_memeval.exporters.otlp.scenario import Sieve

IDS = {"traceId": "a" * 32, "spanId": "b" * 16, "parentSpanId": "c" * 16}


def text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def keys(span: dict[str, Any] | None) -> list[str]:
    assert span is not None
    return [one["key"] for one in span["attributes"]]


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.prompt",
        "gen_ai.prompt.0.content",
        "gen_ai.completion.0.content",
        "llm.input_messages.0.message.content",
        "input.value",
        "output.value",
        "traceloop.entity.input",
    ],
)
def test_what_people_and_models_said_stays_unless_it_may_leave(key: str) -> None:
    """GenAI's conventions, old and new, OpenInference's and Traceloop's."""
    span = {**IDS, "attributes": [text(key, "my prompt"), text("gen_ai.request.model", "m")]}
    assert keys(Sieve((), capture_content=False).span(span)) == ["gen_ai.request.model"]
    assert keys(Sieve((), capture_content=True).span(span)) == [key, "gen_ai.request.model"]


def test_an_event_with_content_keeps_its_name_only() -> None:
    """A message's role and the like stay; its text does not."""
    event = {
        "name": "gen_ai.user.message",
        "timeUnixNano": "5",
        "attributes": [text("gen_ai.system", "openai"), text("content", "my prompt"), text("role", "user")],
    }
    kept = Sieve((), capture_content=False).span({**IDS, "events": [event]})
    assert kept is not None
    assert "my prompt" not in json.dumps(kept)
    assert json.dumps(kept["events"]).count('"key"') == 2
    assert "my prompt" in json.dumps(Sieve((), capture_content=True).span({**IDS, "events": [event]}))


def test_secrets_are_masked_by_value_by_form_and_by_name() -> None:
    """In names, attributes, nested ones, events, links and the status."""
    secret = "the-secret-value"
    nested = {"key": "k", "value": {"kvlistValue": {"values": [text("password", "short"), text("x", secret)]}}}
    array = {"key": "l", "value": {"arrayValue": {"values": [{"stringValue": secret}]}}}
    span = {
        **IDS,
        "name": f"call {secret}",
        "attributes": [text("http.request.header.authorization", "zzz"), text("a", "sk-abc123def"), nested, array],
        "events": [{"name": secret, "attributes": [text("a", secret)]}],
        "links": [{**IDS, "attributes": [text("a", secret)]}],
        "status": {"code": 2, "message": secret},
        "traceState": f"a={secret}",
    }
    for capture in (True, False):
        said = json.dumps(Sieve((secret,), capture_content=capture).span(span))
        for hidden in (secret, "zzz", "sk-abc123def", "short"):
            assert hidden not in said


def test_counts_of_tokens_are_no_secrets() -> None:
    """Numbers, and names of GenAI's that speak of tokens."""
    span = {
        **IDS,
        "attributes": [
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "17"}},
            text("gen_ai.token.type", "input"),
        ],
    }
    kept = Sieve((), capture_content=False).span(span)
    assert kept is not None
    assert kept["attributes"] == span["attributes"]


def test_resource_and_scope_are_masked_too() -> None:
    """Their own, if a span brings them."""
    sieve = Sieve(("the-secret-value",), capture_content=False)
    assert b"the-secret-value" not in sieve.resource({"attributes": [text("a", "the-secret-value")]})
    assert json.loads(sieve.scope({"name": "openai", "version": "1"})) == {"name": "openai", "version": "1"}
    assert sieve.resource(None) == sieve.scope({}) == b""
