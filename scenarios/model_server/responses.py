"""Read and answer requests of the responses API, complete or as a stream."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.model_server.behaviour import Reply, stable_id
from scenarios.model_server.chat import CREATED, argument_pieces, text_pieces, token_counts
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


def read_request(body: JsonObject) -> Conversation:
    """Read a responses request. Raises ``BadRequestError`` if it is not valid or has a ``previous_response_id``."""
    if body.get("previous_response_id") is not None:
        raise BadRequestError("This server keeps no responses; send the whole input.", "previous_response_id")
    if "model" not in body:
        raise BadRequestError("Missing required parameter: 'model'.", "model")
    given = body.get("input")
    if not given:
        raise BadRequestError("Missing required parameter: 'input'.", "input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else as_list(given, "input")
    turns = [turn for item in items if (turn := _turn(as_object(item, "input"))) is not None]
    if body.get("instructions"):
        turns.insert(0, Turn("system", as_text(body["instructions"], "instructions")))
    tools: dict[str, JsonObject] = {}
    for tool in as_list(body.get("tools"), "tools"):
        described = as_object(tool, "tools")
        if described.get("type") == "function":
            schema = as_object(described.get("parameters") or {}, "tools.parameters")
            tools[as_text(described.get("name"), "tools.name")] = schema
    choice = body.get("tool_choice")
    forced = "*" if choice == "required" else None
    if isinstance(choice, dict):
        forced = as_text(choice.get("name"), "tool_choice.name")
    return Conversation(
        model=as_text(body["model"], "model"),
        turns=tuple(turns),
        tools={} if choice == "none" else tools,
        forced_tool=forced,
        stream=as_flag(body.get("stream"), "stream"),
        include_usage=True,
    )


def answer(conversation: Conversation, reply: Reply, key: str) -> JsonObject:
    """Return the complete answer. ``key`` identifies request and seed; ids are derived from it."""
    return _response(conversation, reply, key, "completed", _items(reply, key))


def events(conversation: Conversation, reply: Reply, key: str) -> Iterator[JsonObject]:
    """Yield the answer as numbered events."""
    for number, event in enumerate(_events(conversation, reply, key)):
        yield {**event, "sequence_number": number}


def _events(conversation: Conversation, reply: Reply, key: str) -> Iterator[JsonObject]:
    started = _response(conversation, reply, key, "in_progress", [])
    yield {"type": "response.created", "response": started}
    yield {"type": "response.in_progress", "response": started}
    for index, item in enumerate(_items(reply, key)):
        unfinished: JsonObject = {**item, "status": "in_progress", **_emptied(item)}
        yield {"type": "response.output_item.added", "output_index": index, "item": unfinished}
        position: JsonObject = {"item_id": item["id"], "output_index": index}
        if item["type"] == "function_call":
            arguments = str(item["arguments"])
            for piece in argument_pieces(arguments):
                yield {"type": "response.function_call_arguments.delta", **position, "delta": piece}
            done = {"type": "response.function_call_arguments.done", **position, "name": item["name"]}
            yield {**done, "arguments": arguments}
        else:
            inside: JsonObject = {**position, "content_index": 0}
            yield {"type": "response.content_part.added", **inside, "part": _part("")}
            for piece in text_pieces(reply.text):
                yield {"type": "response.output_text.delta", **inside, "delta": piece, "logprobs": []}
            yield {"type": "response.output_text.done", **inside, "text": reply.text, "logprobs": []}
            yield {"type": "response.content_part.done", **inside, "part": _part(reply.text)}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": "response.completed", "response": answer(conversation, reply, key)}


def _turn(item: JsonObject) -> Turn | None:
    kind = item.get("type", "message")
    if kind == "function_call_output":
        return Turn("tool", content_text(item.get("output"), "input.output"))
    if kind != "message":
        return None  # reasoning and earlier calls, which the rules do not use
    return Turn(as_text(item.get("role"), "input.role"), content_text(item.get("content"), "input.content"))


def _response(
    conversation: Conversation, reply: Reply, key: str, status: str, items: list[dict[str, JsonValue]]
) -> JsonObject:
    prompt, completion = token_counts(conversation, reply)
    usage: JsonObject = {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + completion,
    }
    return {
        "id": stable_id("resp_", key),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": conversation.model,
        "output": items,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage if status == "completed" else None,
    }


def _items(reply: Reply, key: str) -> list[dict[str, JsonValue]]:
    calls: list[dict[str, JsonValue]] = [
        {
            "type": "function_call",
            "id": stable_id("fc_", key, index),
            "call_id": stable_id("call_", key, index),
            "status": "completed",
            "name": call.name,
            "arguments": call.arguments,
        }
        for index, call in enumerate(reply.calls)
    ]
    if calls:
        return calls
    head: dict[str, JsonValue] = {"type": "message", "id": stable_id("msg_", key), "status": "completed"}
    return [{**head, "role": "assistant", "content": [_part(reply.text)]}]


def _emptied(item: JsonObject) -> JsonObject:
    return {"arguments": ""} if item["type"] == "function_call" else {"content": []}


def _part(text: str) -> JsonObject:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
