"""The heart of a run: ask the model, run the tools that it asks for, until it answers without one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from opentelemetry.context import Context

from scenarios.agents import telemetry
from scenarios.agents.errors import AgentError, ToolError
from scenarios.agents.events import ContentDelta, Event, ToolCallCompleted, ToolCallStarted, Usage
from scenarios.agents.messages import Message, ToolCall
from scenarios.agents.model import ChatModel, Completion
from scenarios.agents.tools import Tool, ToolResult

MAX_MODEL_REQUESTS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a conversation: its text, the tokens of all requests, and every message after the given ones."""

    text: str
    usage: Usage
    messages: tuple[Message, ...]


async def converse(
    speaker: str, model: ChatModel, messages: Sequence[Message], tools: Sequence[Tool], parent: Context
) -> AsyncGenerator[Event | Answer, None]:
    """Events as they happen, at last one ``Answer``.

    A tool that fails does not end the run: the model is told. Raises ``AgentError`` after ``MAX_MODEL_REQUESTS``
    requests that all asked for tools, and whatever ``ChatModel.stream`` raises.
    """
    said: list[Message] = []
    usage = Usage()
    for _ in range(MAX_MODEL_REQUESTS):
        completion: Completion | None = None
        async with aclosing(model.stream([*messages, *said], tools, parent)) as parts:
            async for part in parts:
                if isinstance(part, Completion):
                    completion = part
                else:
                    yield ContentDelta(speaker, part.text)
        assert completion is not None, "ChatModel.stream ends with a Completion"
        usage += completion.usage
        said.append(completion.as_message())
        if not completion.tool_calls:
            yield Answer(completion.text, usage, tuple(said))
            return
        for call in completion.tool_calls:
            yield ToolCallStarted(speaker, call.call_id, call.name, call.arguments)
            async with aclosing(_execute(speaker, model.provider, call, tools, parent)) as events:
                async for event in events:
                    if isinstance(event, ToolCallCompleted) and (event.agent, event.call_id) == (speaker, call.call_id):
                        said.append(Message("tool", event.result, tool_call_id=call.call_id))
                    yield event
    raise AgentError(f"{speaker}: the model asked for tools {MAX_MODEL_REQUESTS} times in a row; check its instructions")


async def _execute(
    speaker: str, provider: str, call: ToolCall, tools: Sequence[Tool], parent: Context
) -> AsyncGenerator[Event, None]:
    """The events of one tool call, at last its ``ToolCallCompleted``."""
    result, failed = "", False
    with telemetry.tool_span(call.name, provider=provider, call_id=call.call_id, parent=parent) as (span, context):
        try:
            async with aclosing(_find(tools, call.name).run(call.arguments, context)) as events:
                async for event in events:
                    if isinstance(event, ToolResult):
                        result = event.text
                    else:
                        yield event
        except Exception as error:  # noqa: BLE001 - whatever a tool raises is its answer
            telemetry.record_error(span, error)
            result, failed = f"Error: {error}", True
    yield ToolCallCompleted(speaker, call.call_id, call.name, result, failed)


def _find(tools: Sequence[Tool], name: str) -> Tool:
    for tool in tools:
        if tool.name == name:
            return tool
    raise ToolError(f"there is no tool {name!r}; there are: {', '.join(tool.name for tool in tools) or 'none'}")
