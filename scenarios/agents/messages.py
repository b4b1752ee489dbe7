"""Define the messages of a conversation in one form for the model, the database and the code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from scenarios.agents.jsontypes import JsonObject, JsonValue, text_field

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call of the model; ``arguments`` is the JSON text that the model wrote."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message. Only the assistant has ``tool_calls``, only the result of a tool has a ``tool_call_id``."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    def as_json(self) -> JsonObject:
        """Return the message in the form of the chat completions API."""
        message: dict[str, JsonValue] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            message["tool_calls"] = [
                {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in self.tool_calls
            ]
        if self.tool_call_id is not None:
            message["tool_call_id"] = self.tool_call_id
        return message

    def as_param(self) -> ChatCompletionMessageParam:
        """Return the message as a parameter of the OpenAI client; mypy cannot infer its type from the role."""
        return cast("ChatCompletionMessageParam", self.as_json())

    @classmethod
    def from_json(cls, value: JsonObject) -> Message:
        """Read a message written by ``as_json``. Raises ``ValueError`` for any other value."""
        role = text_field(value, "role")
        if role not in ("system", "user", "assistant", "tool"):
            raise ValueError(f"unknown role {role!r}")
        calls = value.get("tool_calls") or ()
        if not isinstance(calls, (list, tuple)):
            raise ValueError("tool_calls is not a list")
        return cls(
            role=cast("Role", role),
            content=text_field(value, "content"),
            tool_calls=tuple(_tool_call(call) for call in calls),
            tool_call_id=text_field(value, "tool_call_id") or None,
        )


def _tool_call(value: JsonValue) -> ToolCall:
    if not isinstance(value, dict) or not isinstance(value.get("function"), dict):
        raise ValueError("a tool call is not an object with a function")
    function = value["function"]
    return ToolCall(text_field(value, "id"), text_field(function, "name"), text_field(function, "arguments"))
