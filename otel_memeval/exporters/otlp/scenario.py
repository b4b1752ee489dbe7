"""The scenario's own spans, made fit to leave: prompts and completions out, secrets masked, ids and times valid. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from otel_memeval.exporters.otlp.otlp_json import Json, double, nanoseconds, text
from otel_memeval.redact import MASK, names_a_secret, redact

_CONTENT = re.compile(
    r"gen_ai\.(?:input|output)\.messages|gen_ai\.system_instructions|gen_ai\.tool\.(?:call\.(?:arguments|result)|definitions)"
    r"|gen_ai\.(?:prompt|completion|retrieval\.(?:documents|query\.text))(?:\..*)?|gen_ai\.evaluation\.explanation"
    r"|gen_ai\.event\.content|gen_ai\.(?:request|response)\.(?:prompt|content|messages)"
    r"|llm\.(?:prompts?|completions?|(?:input|output)_messages|prompt_template|function_call|tools)(?:\..*)?"
    r"|(?:input|output)\.value|embedding\.(?:text|vector|embeddings)(?:\..*)?|retrieval\.documents(?:\..*)?"
    r"|reranker\..*(?:query|documents).*|tool\.(?:parameters|description)|tool_call\.function\.arguments"
    r"|traceloop\.entity\.(?:input|output)|message\.(?:content|contents)(?:\..*)?"
    r"|(?:ai|pydantic_ai|logfire)\.?(?:prompt|response|all_messages|final_result).*|all_messages_events|events"
    r"|(?:request|response)_data|final_result|tool_arguments|tool_response"
)
"""Attributes that carry what people and models said: GenAI's conventions, their older names, OpenInference, Traceloop,
Pydantic AI."""

_CONTENT_EVENT = re.compile(
    r"gen_ai\.(?:system|user|assistant|tool)\.message|gen_ai\.choice|gen_ai\.content\.\w+|gen_ai\.client\.inference\..*"
)
_KEPT_OF_EVENT = re.compile(
    r"gen_ai\.(?:system|provider\.name|operation\.name|response\.finish_reasons|usage\..*)|index|role|id"
)

_TRACE_ID = re.compile(r"(?!0+$)[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0+$)[0-9a-f]{16}")
_DEEPEST = 8
_MOST_EVENTS = 128


class Sieve:
    """What of a scenario's span may leave."""

    def __init__(self, secrets: tuple[str, ...], *, capture_content: bool) -> None:
        self._secrets = secrets
        self._capture_content = capture_content

    def masked(self, value: str) -> str:
        """Text without secrets, valid and not too long."""
        return text(redact(text(value), self._secrets))

    def span(self, span: Mapping[str, object]) -> Json | None:
        """The span as it is sent; None for one without valid ids."""
        trace_id, span_id, parent_id = (str(span.get(key) or "").lower() for key in ("traceId", "spanId", "parentSpanId"))
        if not _TRACE_ID.fullmatch(trace_id) or not _SPAN_ID.fullmatch(span_id):
            return None
        made: Json = {
            "traceId": trace_id,
            "spanId": span_id,
            "name": self.masked(str(span.get("name") or "")) or "unknown",
            "kind": _within(span.get("kind"), 5),
            "startTimeUnixNano": _time(span.get("startTimeUnixNano")),
            "endTimeUnixNano": _time(span.get("endTimeUnixNano")),
            "attributes": self.attributes(span.get("attributes")),
        }
        if _SPAN_ID.fullmatch(parent_id):
            made["parentSpanId"] = parent_id
        if isinstance(span.get("traceState"), str):
            made["traceState"] = self.masked(str(span["traceState"]))
        if isinstance(span.get("flags"), int):
            made["flags"] = _within(span["flags"], (1 << 32) - 1)
        for key in ("droppedAttributesCount", "droppedEventsCount", "droppedLinksCount"):
            if span.get(key):
                made[key] = _within(span[key], (1 << 32) - 1)
        status = span.get("status")
        if isinstance(status, Mapping) and status:
            made["status"] = {
                "code": _within(status.get("code"), 2),
                "message": self.masked(str(status.get("message") or "")),
            }
        events = span.get("events")
        if isinstance(events, list) and events:
            made["events"] = [self._event(event) for event in events[:_MOST_EVENTS] if isinstance(event, Mapping)]
        links = span.get("links")
        if isinstance(links, list) and links:
            made["links"] = [link for link in map(self._link, links[:_MOST_EVENTS]) if link]
        return made

    def attributes(self, given: object) -> list[Json]:
        """Attributes without content, with secrets masked; the last of each key counts."""
        kept: dict[str, Json] = {}
        for one in given if isinstance(given, list) else ():
            if not isinstance(one, Mapping):
                continue
            key = text(str(one.get("key") or ""))
            if key and (self._capture_content or not _CONTENT.fullmatch(key)):
                kept[key] = self._value(one.get("value"), key)
        return [{"key": key, "value": value} for key, value in kept.items()]

    def resource(self, given: object) -> bytes:
        """A resource as JSON; empty if there is none."""
        if not isinstance(given, Mapping) or not given.get("attributes"):
            return b""
        return msgspec.json.encode({"attributes": self.attributes(given["attributes"])})

    def scope(self, given: object) -> bytes:
        """An instrumentation scope as JSON; empty if there is none."""
        if not isinstance(given, Mapping) or not given.get("name"):
            return b""
        return msgspec.json.encode({key: self.masked(str(given[key])) for key in ("name", "version") if given.get(key)})

    def _event(self, event: Mapping[str, object]) -> Json:
        name = self.masked(str(event.get("name") or "")) or "unknown"
        kept = self.attributes(event.get("attributes"))
        if not self._capture_content and _CONTENT_EVENT.fullmatch(name):
            kept = [one for one in kept if _KEPT_OF_EVENT.fullmatch(str(one["key"]))]
        return {"name": name, "timeUnixNano": _time(event.get("timeUnixNano")), "attributes": kept}

    def _link(self, link: object) -> Json | None:
        if not isinstance(link, Mapping):
            return None
        trace_id, span_id = (str(link.get(key) or "").lower() for key in ("traceId", "spanId"))
        if not _TRACE_ID.fullmatch(trace_id) or not _SPAN_ID.fullmatch(span_id):
            return None
        return {"traceId": trace_id, "spanId": span_id, "attributes": self.attributes(link.get("attributes"))}

    def _value(self, value: object, key: str, depth: int = 0) -> Json:
        """An ``AnyValue``, masked; what is none is empty."""
        if not isinstance(value, Mapping) or depth > _DEEPEST:
            return {}
        kind, content = next(iter(value.items()), ("", None))
        if kind in ("stringValue", "bytesValue"):
            return {"stringValue": MASK if names_a_secret(key) else self.masked(str(content))}
        if kind == "boolValue":
            return {"boolValue": bool(content)}
        if kind == "intValue":
            return _integer(content)
        if kind == "doubleValue":
            return {"doubleValue": double(float(content)) if isinstance(content, (int, float)) else "NaN"}
        below = content.get("values") if isinstance(content, Mapping) else None
        if kind == "arrayValue" and isinstance(below, list):
            return {"arrayValue": {"values": [self._value(one, key, depth + 1) for one in below]}}
        if kind == "kvlistValue":
            return {"kvlistValue": {"values": self.attributes(below)}}
        return {}


def _integer(value: object) -> Json:
    try:
        number = int(str(value))
    except ValueError:
        return {}
    return {"intValue": str(number)} if -(1 << 63) <= number < 1 << 63 else {"stringValue": text(str(value))}


def _time(value: object) -> str:
    try:
        return nanoseconds(int(str(value)))
    except ValueError:
        return "0"


def _within(value: object, most: int) -> int:
    return min(max(value, 0), most) if isinstance(value, int) else 0
