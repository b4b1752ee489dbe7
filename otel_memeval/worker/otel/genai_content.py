"""Which attributes and events of a span hold what was said: prompts, completions, arguments and results of tools.

They do not leave the worker unless the caller wants them. The names are those of OpenTelemetry's GenAI conventions, old and
new, and of what instruments agents beside them; all of them stand here.
"""

from __future__ import annotations

_NAMES = frozenset(
    (
        # OpenTelemetry (registry/attributes/gen-ai.md), and its older forms
        "gen_ai.prompt",
        "gen_ai.completion",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "gen_ai.tool.message",
        "gen_ai.tool.description",
        "gen_ai.agent.description",
        "gen_ai.event.content",
        "gen_ai.evaluation.explanation",
        # OpenInference
        "input.value",
        "output.value",
        "llm.function_call",
        "llm.tools",
        "embedding.text",
        "embedding.vector",
        "tool.parameters",
        "tool.json_schema",
        "document.content",
        # Pydantic AI and Logfire
        "all_messages_events",
        "events",
        "final_result",
        "tool_arguments",
        "tool_response",
        "request_data",
        "response_data",
        # MLflow, Haystack
        "mlflow.spaninputs",
        "mlflow.spanoutputs",
        "mlflow.chat.tools",
        "haystack.component.input",
        "haystack.component.output",
    )
)

_BEGINNINGS = (
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.request.messages",
    "gen_ai.response.text",
    "gen_ai.response.tool_calls",
    "gen_ai.content.",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.input",
    "gen_ai.tool.output",
    "gen_ai.memory.query",
    "gen_ai.memory.records",
    "gen_ai.retrieval.query",
    "gen_ai.retrieval.documents",
    "llm.input_messages",
    "llm.output_messages",
    "llm.prompt",  # llm.prompts, llm.prompt_template.variables
    "llm.completions",
    "llm.request.functions",
    "llm.choices",
    "message.",
    "message_content.",
    "retrieval.documents",
    "reranker.",
    "embedding.embeddings",
    "traceloop.entity.input",
    "traceloop.entity.output",
    "pydantic_ai.all_messages",
    "logfire.msg",
    "langfuse.observation.input",
    "langfuse.observation.output",
    "langfuse.trace.input",
    "langfuse.trace.output",
    "mcp.request.argument",
    "mcp.tool.result",
)

_ALLOWED_NAMES = frozenset(("gen_ai.prompt.name", "gen_ai.prompt.version", "llm.prompt_template.version"))
"""These begin so, and only name what was said."""

_EVENTS = frozenset(("gen_ai.choice",))
_EVENT_BEGINNINGS = ("gen_ai.content.", "gen_ai.prompt", "gen_ai.completion")
_EVENT_ENDING = ".message"


def holds_content(attribute: str) -> bool:
    """Whether an attribute of this name holds what was said."""
    name = attribute if attribute.islower() else attribute.lower()
    return (name in _NAMES or name.startswith(_BEGINNINGS)) and name not in _ALLOWED_NAMES


def is_content(event: str) -> bool:
    """Whether an event of this name is one message of a conversation, whatever its attributes are called."""
    name = event.lower()
    return (
        name in _EVENTS
        or name.startswith(_EVENT_BEGINNINGS)
        or (name.startswith("gen_ai.") and name.endswith(_EVENT_ENDING))
    )
