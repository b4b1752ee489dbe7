"""Request a streamed chat completion, and pass its text on while the answer is assembled."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openai import AsyncOpenAI

from scenarios.agents import telemetry
from scenarios.agents.errors import ModelError
from scenarios.agents.events import Usage
from scenarios.agents.messages import Message, ToolCall
from scenarios.agents.tools import Tool

if TYPE_CHECKING:
    from openai import AsyncStream
    from openai.types.chat import ChatCompletionChunk, ChatCompletionToolParam
    from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall
    from opentelemetry.context import Context


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Completion:
    """The complete answer of the model to one request."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    usage: Usage

    def as_message(self) -> Message:
        """Return the answer as the next message of the conversation."""
        return Message("assistant", self.text, self.tool_calls)


class ChatModel:
    """A chat model of an OpenAI-compatible service. The caller owns the client and closes it."""

    def __init__(self, client: AsyncOpenAI, name: str = "gpt-5.2", provider: str = "openai") -> None:
        self.name = name
        self.provider = provider
        self._client = client

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[Tool], parent: Context
    ) -> AsyncGenerator[TextDelta | Completion, None]:
        """Send one request; yield pieces of text as they arrive, and the ``Completion`` as the last item.

        Raises ``ModelError`` for an answer without an end; ``openai.OpenAIError`` and transport errors pass through.
        """
        url = self._client.base_url
        with telemetry.chat_span(self.name, provider=self.provider, address=url.host, port=url.port, parent=parent) as (
            span,
            _,
        ):
            answer = _Assembly()
            async with await self._request(messages, tools) as stream:
                async for chunk in stream:
                    text = answer.add(chunk)
                    if text:
                        yield TextDelta(text)
            completion = answer.completion(self.name)
            span.set_attribute(telemetry.RESPONSE_ID, answer.response_id)
            span.set_attribute(telemetry.RESPONSE_MODEL, answer.model)
            span.set_attribute(telemetry.FINISH_REASONS, [answer.finish_reason])
            span.set_attribute(telemetry.INPUT_TOKENS, completion.usage.input_tokens)
            span.set_attribute(telemetry.OUTPUT_TOKENS, completion.usage.output_tokens)
        yield completion

    async def _request(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncStream[ChatCompletionChunk]:
        parameters = [message.as_param() for message in messages]
        create = self._client.chat.completions.create
        if not tools:
            # The API refuses an empty list of tools.
            return await create(model=self.name, messages=parameters, stream=True, stream_options={"include_usage": True})
        return await create(
            model=self.name,
            messages=parameters,
            tools=[_tool_param(tool) for tool in tools],
            stream=True,
            stream_options={"include_usage": True},
        )


@dataclass
class _Assembly:
    """One answer while it arrives in chunks."""

    response_id: str = ""
    model: str = ""
    finish_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    texts: list[str] = field(default_factory=list)
    calls: dict[int, _CallParts] = field(default_factory=dict)

    def add(self, chunk: ChatCompletionChunk) -> str:
        """Add a chunk and return its text."""
        self.response_id = chunk.id
        self.model = chunk.model
        if chunk.usage is not None:
            self.usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self.finish_reason = choice.finish_reason or self.finish_reason
        for part in choice.delta.tool_calls or ():
            self.calls.setdefault(part.index, _CallParts()).add(part)
        text = choice.delta.content or ""
        self.texts.append(text)
        return text

    def completion(self, model: str) -> Completion:
        if not self.finish_reason:
            raise ModelError(f"the stream of {model} ended before the answer was complete; send the request again")
        calls = tuple(parts.tool_call(model) for _, parts in sorted(self.calls.items()))
        return Completion("".join(self.texts), calls, self.usage)


@dataclass
class _CallParts:
    """One tool call while it arrives: the id and name come once, the arguments in pieces."""

    call_id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def add(self, part: ChoiceDeltaToolCall) -> None:
        self.call_id = part.id or self.call_id
        if part.function is not None:
            self.name = part.function.name or self.name
            self.arguments.append(part.function.arguments or "")

    def tool_call(self, model: str) -> ToolCall:
        if not self.call_id or not self.name:
            raise ModelError(f"{model} called a tool without a name or an id; send the request again")
        return ToolCall(self.call_id, self.name, "".join(self.arguments))


def _tool_param(tool: Tool) -> ChatCompletionToolParam:
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
    }
