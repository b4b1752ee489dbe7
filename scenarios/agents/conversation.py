"""Hold a conversation with a model: run the tools that it calls until it answers without a tool call."""

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
"""Model requests of one run that may end in tool calls; a limit for a model that never answers."""


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The answer to a conversation: its text, the tokens of all requests, and the messages that were added."""

    text: str
    usage: Usage
    messages: tuple[Message, ...]


async def converse(
    speaker: str, model: ChatModel, messages: Sequence[Message], tools: Sequence[Tool], parent: Context
) -> AsyncGenerator[Event | FinalAnswer, None]:
    """Yield the events of a conversation as they happen, and its ``FinalAnswer`` as the last item.

    A tool that fails does not end the run: the model receives the error as the tool's result. Raises ``AgentError`` after
    ``MAX_MODEL_REQUESTS`` requests that all ended in tool calls, and the errors of ``ChatModel.stream``.
    """
    added: list[Message] = []
    usage = Usage()
    for _ in range(MAX_MODEL_REQUESTS):
        completion: Completion | None = None
        async with aclosing(model.stream([*messages, *added], tools, parent)) as parts:
            async for part in parts:
                if isinstance(part, Completion):
                    completion = part
                else:
                    yield ContentDelta(speaker, part.text)
        assert completion is not None, "ChatModel.stream ends with a Completion"
        usage += completion.usage
        added.append(completion.as_message())
        if not completion.tool_calls:
            yield FinalAnswer(completion.text, usage, tuple(added))
            return
        for call in completion.tool_calls:
            yield ToolCallStarted(speaker, call.call_id, call.name, call.arguments)
            async with aclosing(_execute(speaker, model.provider, call, tools, parent)) as events:
                async for event in events:
                    if isinstance(event, ToolCallCompleted) and (event.agent, event.call_id) == (speaker, call.call_id):
                        added.append(Message("tool", event.result, tool_call_id=call.call_id))
                    yield event
    raise AgentError(f"{speaker}: the model called tools {MAX_MODEL_REQUESTS} times in a row; check its instructions")


async def _execute(
    speaker: str, provider: str, call: ToolCall, tools: Sequence[Tool], parent: Context
) -> AsyncGenerator[Event, None]:
    """Yield the events of a tool call, its ``ToolCallCompleted`` as the last one."""
    result, failed = "", False
    with telemetry.tool_span(call.name, provider=provider, call_id=call.call_id, parent=parent) as (span, context):
        try:
            async with aclosing(_find(tools, call.name).run(call.arguments, context)) as events:
                async for event in events:
                    if isinstance(event, ToolResult):
                        result = event.text
                    else:
                        yield event
        except Exception as error:  # noqa: BLE001 - any error of a tool becomes its result
            telemetry.record_error(span, error)
            result, failed = f"Error: {error}", True
    yield ToolCallCompleted(speaker, call.call_id, call.name, result, failed)


def _find(tools: Sequence[Tool], name: str) -> Tool:
    for tool in tools:
        if tool.name == name:
            return tool
    raise ToolError(f"there is no tool {name!r}; available tools: {', '.join(tool.name for tool in tools) or 'none'}")
