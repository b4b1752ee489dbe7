"""What is said in a conversation, in one form for the model, the database and the code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from scenarios.agents.jsontypes import JsonObject, JsonValue, text_field

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model's wish to call a tool; ``arguments`` is JSON text as the model wrote it."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``tool_calls`` belongs to the assistant, ``tool_call_id`` to the answer of a tool."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    def as_json(self) -> JsonObject:
        """The message as the chat completions API writes it."""
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
        """The same for the OpenAI client, whose union of typed dictionaries mypy cannot infer from the role."""
        return cast("ChatCompletionMessageParam", self.as_json())

    @classmethod
    def from_json(cls, value: JsonObject) -> Message:
        """The message that ``as_json`` wrote. Raises ``ValueError`` for anything else."""
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
