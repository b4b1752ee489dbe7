"""Reading requests: what both APIs ask, in one form. What is wrong is a ``BadRequestError``, answered with 400."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]


class BadRequestError(Exception):
    """The request cannot be answered; ``param`` names the part that is wrong."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Turn:
    """One message, or one tool's answer (role ``tool``), as plain text."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a request asks. ``tools``: schemas of parameters by name; ``forced_tool`` must be called (``"*"``: any)."""

    model: str
    turns: tuple[Turn, ...]
    tools: Mapping[str, JsonObject] = field(default_factory=dict)
    forced_tool: str | None = None
    stream: bool = False
    include_usage: bool = False

    def last_user_text(self) -> str:
        """What the user said last."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    def system_text(self) -> str:
        """All instructions."""
        return "\n".join(turn.text for turn in self.turns if turn.role in ("system", "developer"))

    def tool_results(self) -> tuple[str, ...]:
        """What tools answered since the user spoke last."""
        results: list[str] = []
        for turn in reversed(self.turns):
            if turn.role == "user":
                break
            if turn.role == "tool":
                results.append(turn.text)
        return tuple(reversed(results))


def parse_body(body: bytes) -> JsonObject:
    """The request's JSON object."""
    try:
        value: JsonValue = json.loads(body)
    except ValueError as error:
        raise BadRequestError(f"We could not parse the JSON body of your request: {error}") from error
    return as_object(value, "body")


def as_object(value: JsonValue, param: str) -> JsonObject:
    """The value, if it is an object."""
    if not isinstance(value, dict):
        raise BadRequestError(f"Invalid type for '{param}': expected an object.", param)
    return value


def as_list(value: JsonValue, param: str) -> Sequence[JsonValue]:
    """The value, if it is a list; nothing is an empty list."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRequestError(f"Invalid type for '{param}': expected a list.", param)
    return value


def as_text(value: JsonValue, param: str) -> str:
    """The value, if it is a string."""
    if not isinstance(value, str):
        raise BadRequestError(f"Invalid type for '{param}': expected a string.", param)
    return value


def as_flag(value: JsonValue, param: str) -> bool:
    """The value, if it is a boolean; nothing is false."""
    if value is None:
        return False
    if not isinstance(value, bool):
        raise BadRequestError(f"Invalid type for '{param}': expected a boolean.", param)
    return value


def content_text(value: JsonValue, param: str) -> str:
    """The text of a message: a string, or a list of parts of which the textual ones count."""
    if value is None or isinstance(value, str):
        return value or ""
    parts = [as_object(part, param) for part in as_list(value, param)]
    return "".join(str(part["text"]) for part in parts if isinstance(part.get("text"), str))


def canonical(body: JsonObject) -> str:
    """The same text for the same request, whatever the order of its keys."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"))
