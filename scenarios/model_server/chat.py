"""Read and answer requests of the chat completions API, complete or as a stream."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.model_server.behaviour import Reply, count_tokens, stable_id
from scenarios.model_server.wire import (
    BadRequestError,
    Conversation,
    JsonObject,
    JsonValue,
    Turn,
    as_flag,
    as_list,
    as_object,
    as_text,
    content_text,
)

CREATED = 1_767_225_600
"""The time of every answer, 2026-01-01T00:00:00Z in seconds since 1970: with a clock, answers would differ."""
WORDS_PER_CHUNK = 8
ARGUMENT_CHARACTERS_PER_CHUNK = 24


def read_request(body: JsonObject) -> Conversation:
    """Read a chat completions request. Raises ``BadRequestError`` if it is not valid."""
    messages = as_list(body.get("messages"), "messages")
    if not messages:
        raise BadRequestError("Missing required parameter: 'messages'.", "messages")
    if "model" not in body:
        raise BadRequestError("you must provide a model parameter", "model")
    options = as_object(body.get("stream_options") or {}, "stream_options")
    tools: dict[str, JsonObject] = {}
    for tool in as_list(body.get("tools"), "tools"):
        function = as_object(as_object(tool, "tools").get("function"), "tools.function")
        schema = as_object(function.get("parameters") or {}, "tools.function.parameters")
        tools[as_text(function.get("name"), "tools.function.name")] = schema
    choice = body.get("tool_choice")
    return Conversation(
        model=as_text(body["model"], "model"),
        turns=tuple(_turn(as_object(message, "messages")) for message in messages),
        tools={} if choice == "none" else tools,
        forced_tool=_forced(choice),
        stream=as_flag(body.get("stream"), "stream"),
        include_usage=as_flag(options.get("include_usage"), "stream_options.include_usage"),
    )


def answer(conversation: Conversation, reply: Reply, key: str) -> JsonObject:
    """Return the complete answer. ``key`` identifies request and seed; ids are derived from it."""
    message: dict[str, JsonValue] = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.calls:
        message["tool_calls"] = _tool_calls(reply, key)
    choice: JsonObject = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(reply)}
    head = _head(conversation, key, "chat.completion")
    return {**head, "choices": [choice], "usage": usage(conversation, reply)}


def chunks(conversation: Conversation, reply: Reply, key: str) -> Iterator[JsonObject]:
    """Yield the answer as chunks: a role, pieces of text or arguments, the end, and the usage if requested."""
    head = _head(conversation, key, "chat.completion.chunk")
    if conversation.include_usage:
        head["usage"] = None

    def chunk(delta: JsonObject, finish_reason: str | None = None) -> JsonObject:
        return {
            **head,
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
        }

    yield chunk({"role": "assistant", "content": None if reply.calls else ""})
    for piece in text_pieces(reply.text):
        yield chunk({"content": piece})
    for index, call in enumerate(reply.calls):
        function: JsonObject = {"name": call.name, "arguments": ""}
        call_id = stable_id("call_", key, index)
        yield chunk({"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]})
        for piece in argument_pieces(call.arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, _finish_reason(reply))
    if conversation.include_usage:
        yield {**head, "choices": [], "usage": usage(conversation, reply)}


def usage(conversation: Conversation, reply: Reply) -> JsonObject:
    """Return approximate token counts (see ``count_tokens``), with four more per message as in the real format."""
    prompt, completion = token_counts(conversation, reply)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def token_counts(conversation: Conversation, reply: Reply) -> tuple[int, int]:
    """Return the token counts of the request and of the answer."""
    prompt = sum(4 + count_tokens(turn.text) for turn in conversation.turns)
    prompt += sum(count_tokens(f"{name}{schema}") for name, schema in conversation.tools.items())
    completion = count_tokens(reply.text) + sum(count_tokens(call.name + call.arguments) for call in reply.calls)
    return prompt, completion


def text_pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces of ``WORDS_PER_CHUNK`` words; joined, they are the same text."""
    words = text.split(" ") if text else []
    for start in range(0, len(words), WORDS_PER_CHUNK):
        piece = " ".join(words[start : start + WORDS_PER_CHUNK])
        yield piece if start == 0 else f" {piece}"


def argument_pieces(arguments: str) -> Iterator[str]:
    """Yield JSON text in pieces that are not valid JSON by themselves, as in real streams."""
    for start in range(0, len(arguments), ARGUMENT_CHARACTERS_PER_CHUNK):
        yield arguments[start : start + ARGUMENT_CHARACTERS_PER_CHUNK]


def _turn(message: JsonObject) -> Turn:
    role = as_text(message.get("role"), "messages.role")
    if role not in ("system", "developer", "user", "assistant", "tool", "function"):
        raise BadRequestError(f"Invalid value: '{role}'.", "messages.role")
    return Turn("tool" if role == "function" else role, content_text(message.get("content"), "messages.content"))


def _forced(choice: JsonValue) -> str | None:
    if choice == "required":
        return "*"
    if isinstance(choice, dict):
        function = as_object(choice.get("function"), "tool_choice.function")
        return as_text(function.get("name"), "tool_choice.function.name")
    return None


def _head(conversation: Conversation, key: str, kind: str) -> dict[str, JsonValue]:
    return {
        "id": stable_id("chatcmpl-", key),
        "object": kind,
        "created": CREATED,
        "model": conversation.model,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _finish_reason(reply: Reply) -> str:
    return "tool_calls" if reply.calls else "stop"


def _tool_calls(reply: Reply, key: str) -> list[JsonValue]:
    return [
        {
            "id": stable_id("call_", key, index),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for index, call in enumerate(reply.calls)
    ]
