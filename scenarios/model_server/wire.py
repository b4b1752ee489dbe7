"""Read the requests of both APIs into one form. An invalid request raises ``BadRequestError``, answered with 400."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]


class BadRequestError(Exception):
    """The request is not valid; ``param`` names the invalid part."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Turn:
    """A message, or the result of a tool (role ``tool``), as plain text."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A request. ``tools`` has the schemas of parameters by name; ``forced_tool`` must be called (``"*"``: any tool)."""

    model: str
    turns: tuple[Turn, ...]
    tools: Mapping[str, JsonObject] = field(default_factory=dict)
    forced_tool: str | None = None
    stream: bool = False
    include_usage: bool = False

    def last_user_text(self) -> str:
        """Return the last message of the user, ``""`` if there is none."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    def system_text(self) -> str:
        """Return all instructions, joined by newlines."""
        return "\n".join(turn.text for turn in self.turns if turn.role in ("system", "developer"))

    def tool_results(self) -> tuple[str, ...]:
        """Return the results of tools since the last message of the user."""
        results: list[str] = []
        for turn in reversed(self.turns):
            if turn.role == "user":
                break
            if turn.role == "tool":
                results.append(turn.text)
        return tuple(reversed(results))


def parse_body(body: bytes) -> JsonObject:
    """Parse the JSON object of a request. Raises ``BadRequestError`` if it is not valid."""
    try:
        value: JsonValue = json.loads(body)
    except ValueError as error:
        raise BadRequestError(f"We could not parse the JSON body of your request: {error}") from error
    return as_object(value, "body")


def as_object(value: JsonValue, param: str) -> JsonObject:
    """Return the value if it is an object, else raise ``BadRequestError``."""
    if not isinstance(value, dict):
        raise BadRequestError(f"Invalid type for '{param}': expected an object.", param)
    return value


def as_list(value: JsonValue, param: str) -> Sequence[JsonValue]:
    """Return the value if it is a list, an empty list for null, else raise ``BadRequestError``."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRequestError(f"Invalid type for '{param}': expected a list.", param)
    return value


def as_text(value: JsonValue, param: str) -> str:
    """Return the value if it is a string, else raise ``BadRequestError``."""
    if not isinstance(value, str):
        raise BadRequestError(f"Invalid type for '{param}': expected a string.", param)
    return value


def as_flag(value: JsonValue, param: str) -> bool:
    """Return the value if it is a boolean, False for null, else raise ``BadRequestError``."""
    if value is None:
        return False
    if not isinstance(value, bool):
        raise BadRequestError(f"Invalid type for '{param}': expected a boolean.", param)
    return value


def content_text(value: JsonValue, param: str) -> str:
    """Return the text of a message: a string, or the joined texts of a list of parts."""
    if value is None or isinstance(value, str):
        return value or ""
    parts = [as_object(part, param) for part in as_list(value, param)]
    return "".join(str(part["text"]) for part in parts if isinstance(part.get("text"), str))


def canonical(body: JsonObject) -> str:
    """Return a text that is the same for equal requests, whatever the order of their keys."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"))
