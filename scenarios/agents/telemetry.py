"""Create spans by OpenTelemetry's GenAI conventions; without an SDK, spans are no-ops.

Spans contain no prompts, completions and tool arguments. Spans are passed on as explicit contexts, because a run is an async
generator: a current span that is set inside a generator would also be current in its consumer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT_NAME = "gen_ai.agent.name"
CONVERSATION_ID = "gen_ai.conversation.id"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_CALL_ID = "gen_ai.tool.call.id"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"

_TRACER = trace.get_tracer("scenarios.agents")


@contextmanager
def agent_span(
    name: str, *, model: str, provider: str, session_id: str, parent: Context | None
) -> Iterator[tuple[Span, Context]]:
    """Open a span ``invoke_agent {name}``; without ``parent`` it is a child of the current span."""
    attributes = {
        OPERATION: "invoke_agent",
        PROVIDER: provider,
        AGENT_NAME: name,
        REQUEST_MODEL: model,
        CONVERSATION_ID: session_id,
    }
    with _span(f"invoke_agent {name}", SpanKind.INTERNAL, attributes, parent) as pair:
        yield pair


@contextmanager
def chat_span(
    model: str, *, provider: str, address: str, port: int | None, parent: Context | None
) -> Iterator[tuple[Span, Context]]:
    """Open a span ``chat {model}`` for one model request."""
    attributes: dict[str, str | int] = {
        OPERATION: "chat",
        PROVIDER: provider,
        REQUEST_MODEL: model,
        SERVER_ADDRESS: address,
    }
    if port is not None:
        attributes[SERVER_PORT] = port
    with _span(f"chat {model}", SpanKind.CLIENT, attributes, parent) as pair:
        yield pair


@contextmanager
def tool_span(tool: str, *, provider: str, call_id: str, parent: Context | None) -> Iterator[tuple[Span, Context]]:
    """Open a span ``execute_tool {tool}``."""
    attributes = {
        OPERATION: "execute_tool",
        PROVIDER: provider,
        TOOL_NAME: tool,
        TOOL_TYPE: "function",
        TOOL_CALL_ID: call_id,
    }
    with _span(f"execute_tool {tool}", SpanKind.INTERNAL, attributes, parent) as pair:
        yield pair


def record_error(span: Span, error: BaseException) -> None:
    """Set status Error and ``error.type``, with type and HTTP status only: the error's text may quote a prompt."""
    name = type(error).__qualname__
    http_status = getattr(error, "status_code", None)
    span.set_attribute(ERROR_TYPE, f"{type(error).__module__}.{name}".removeprefix("builtins."))
    span.set_status(Status(StatusCode.ERROR, f"{name} (HTTP {http_status})" if http_status else name))


@contextmanager
def _span(
    name: str, kind: SpanKind, attributes: dict[str, str] | dict[str, str | int], parent: Context | None
) -> Iterator[tuple[Span, Context]]:
    span = _TRACER.start_span(name, context=parent, kind=kind, attributes=dict(attributes))
    try:
        yield span, trace.set_span_in_context(span, parent)
    except GeneratorExit:
        # The consumer stopped reading early, which is not an error.
        raise
    except BaseException as error:
        record_error(span, error)
        raise
    finally:
        span.end()
