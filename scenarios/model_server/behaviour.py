"""Decide the answer to a request by a few rules on the offered tools, without memory of earlier requests.

* ``delegate_task_to_member``: delegate the user's text to the first member, then conclude from its answer.
* ``get_weather``: call it with the city that the user names, then repeat its result.
* ``add_memory`` / ``update_memory``: add the first memory or replace it with one call, then end.
* Other tools, if the request requires a call: arguments that fit the schema.
* Otherwise: plain text.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from scenarios.model_server.wire import Conversation, JsonObject, JsonValue

_CITY = re.compile(r"\bin ([A-Z][\w'.-]*(?: [A-Z][\w'.-]*)*)")
_MEMORY = re.compile(r"^- \[(\d+)\] (.*)$", re.MULTILINE)
_LOVED = re.compile(r"The user loves (.+?)\.?$")
_REMEMBERED_CITIES = 3

# Of equal length, so that the seed changes the words of an answer and not its length.
_OPENINGS = ("Here is", "Look at", "Take in")


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; ``arguments`` is JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: text, or tool calls."""

    text: str = ""
    calls: tuple[Call, ...] = ()


def decide(conversation: Conversation, seed: int) -> Reply:
    """Return the answer to a request, always the same for the same request and seed."""
    results = conversation.tool_results()
    tools = conversation.tools
    if results:
        return _conclude(conversation, results, seed)
    if "delegate_task_to_member" in tools:
        arguments = fill_schema(tools["delegate_task_to_member"], conversation.last_user_text())
        return _call("delegate_task_to_member", arguments)
    if "add_memory" in tools and "update_memory" in tools:
        return _remember(conversation)
    city = find_city(conversation.last_user_text())
    if "get_weather" in tools and city is not None:
        return _call("get_weather", {"city": city})
    forced = conversation.forced_tool
    if forced is not None and tools:
        name = next(iter(tools)) if forced == "*" else forced
        return _call(name, fill_schema(tools.get(name, {}), conversation.last_user_text()))
    return Reply(f"{_opening(seed)} my answer to {conversation.last_user_text()[:200]!r}: I have no tool for it.")


def find_city(text: str) -> str | None:
    """Return the capitalised words after the last "in", such as ``Rio De Janeiro``, or None."""
    found = _CITY.findall(text)
    return found[-1].rstrip(".'-") if found else None


def fill_schema(schema: JsonObject, text: str) -> dict[str, JsonValue]:
    """Return arguments that fit the schema of an object: the first value of an enum, else ``text``, zero, false or null."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: _fill(part, text) for name, part in properties.items()}


def stable_id(prefix: str, *parts: object) -> str:
    """Return an id that depends on the parts only."""
    return prefix + hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:24]


def count_tokens(text: str) -> int:
    """Return the approximate number of tokens of a text: one per four bytes of UTF-8, rounded up."""
    return -(-len(text.encode()) // 4)


def _conclude(conversation: Conversation, results: tuple[str, ...], seed: int) -> Reply:
    if "add_memory" in conversation.tools:
        return Reply("Memories are up to date.")
    if "delegate_task_to_member" in conversation.tools:
        return Reply(f"{_opening(seed)} what my team found for you. {results[-1]} Have a good time there!")
    return Reply(f"{_opening(seed)} the weather that you asked for. {results[-1]}")


def _remember(conversation: Conversation) -> Reply:
    city = find_city(conversation.last_user_text())
    if city is None:
        return Reply("There is nothing to remember.")
    for memory_id, text in _MEMORY.findall(conversation.system_text()):
        loved = _LOVED.search(text)
        if loved is not None:
            cities = [known for known in loved[1].split(", ") if known != city]
            cities = [*cities, city][-_REMEMBERED_CITIES:]
            return _call("update_memory", {"memory_id": memory_id, "memory": f"The user loves {', '.join(cities)}."})
    return _call("add_memory", {"memory": f"The user loves {city}."})


def _opening(seed: int) -> str:
    return _OPENINGS[seed % len(_OPENINGS)]


def _call(name: str, arguments: JsonObject) -> Reply:
    return Reply(calls=(Call(name, json.dumps(arguments, ensure_ascii=False)),))


def _fill(schema: JsonValue, text: str) -> JsonValue:
    if not isinstance(schema, dict):
        return text
    enum, kind = schema.get("enum"), schema.get("type", "string")
    if isinstance(enum, list) and enum:
        first: JsonValue = enum[0]
        return first
    if kind == "object":
        return fill_schema(schema, text)
    by_kind: dict[str, JsonValue] = {"integer": 0, "number": 0, "boolean": False, "array": [], "null": None}
    return by_kind.get(str(kind), text)
