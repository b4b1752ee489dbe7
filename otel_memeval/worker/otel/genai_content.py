"""Name the attributes and events of a span that hold prompts, completions, and arguments and results of tools.

Such content leaves the worker only if the user asks for it. This is the only table of these names, for the worker and for
the process that started it. ``tests/data/content_names.yaml`` holds the names that conventions publish, and their sources.
"""

from __future__ import annotations

_NAMES = frozenset((
    # OpenTelemetry, today's names and older ones
    "gen_ai.prompt", "gen_ai.completion", "gen_ai.system_instructions", "gen_ai.tool.definitions", "gen_ai.tool.message",
    "gen_ai.tool.description", "gen_ai.agent.description", "gen_ai.orchestrator.agent.definitions",
    "gen_ai.event.content", "gen_ai.evaluation.explanation", "gen_ai.speech.input_text", "gen_ai.transcription.text",
    "code.function.return.value",
    # OpenInference
    "input.value", "output.value", "tool.description", "tool.parameters", "tool.json_schema",
    "tool_call.function.arguments", "document.content", "prompt.text", "completion.text", "audio.transcript",
    # OpenLLMetry
    "tool.arguments", "gen_ai.task.input", "gen_ai.task.output", "mcp.response.value", "db.marqo.search.query",
    "db.search.result.entity", "pinecone.query.queries",
    # Pydantic AI and Logfire
    "all_messages", "all_messages_events", "events", "prompt", "final_result", "tool_arguments", "tool_response",
    "tool_responses", "combined_text", "combined_chunk_content", "structured_response", "inputs", "embeddings",
    "request_data", "response_data",
    # MLflow, Haystack
    "mlflow.spaninputs", "mlflow.spanoutputs", "mlflow.chat.tools", "haystack.component.input",
    "haystack.component.output",
))  # fmt: skip

_PREFIXES = (
    # OpenTelemetry, today's names and older ones
    "gen_ai.prompt.", "gen_ai.completion.", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.request.content",
    "gen_ai.request.messages", "gen_ai.request.prompt", "gen_ai.request.system_instruction", "gen_ai.response.content",
    "gen_ai.response.messages", "gen_ai.response.prompt", "gen_ai.response.text", "gen_ai.response.tool_calls",
    "gen_ai.content.", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.tool.input",
    "gen_ai.tool.output", "gen_ai.memory.query", "gen_ai.memory.records", "gen_ai.retrieval.query",
    "gen_ai.retrieval.documents", "code.function.parameters.",
    # OpenInference
    "llm.input_messages", "llm.output_messages", "llm.function_call", "llm.tools", "llm.prompt", "llm.choices",
    "llm.completion", "message.", "message_content.", "retrieval.documents", "reranker.", "embedding.embeddings",
    "embedding.text", "embedding.vector",
    # OpenLLMetry
    "llm.request.functions", "llm.content.", "traceloop.entity.input", "traceloop.entity.output",
    "traceloop.prompt.template", "mcp.request.argument", "mcp.tool.result", "db.query.embeddings.",
    "db.query.result.document", "db.query.result.metadata", "db.query.result.vector", "db.search.embeddings.",
    # Pydantic AI and Logfire
    "pydantic_ai.all_messages", "pydantic_ai.final_result", "pydantic_ai.prompt", "pydantic_ai.response",
    "logfire.all_messages", "logfire.final_result", "logfire.msg", "logfire.prompt", "logfire.response",
    # Vercel AI SDK, Langfuse
    "ai.prompt", "ai.response", "langfuse.observation.input", "langfuse.observation.output", "langfuse.trace.input",
    "langfuse.trace.output",
)  # fmt: skip

_NOT_CONTENT = frozenset(("gen_ai.prompt.name", "gen_ai.prompt.version", "llm.prompt_template.version"))
"""Names that begin like content and only identify a prompt."""

_EVENT_PREFIXES = ("gen_ai.choice", "gen_ai.completion", "gen_ai.content.", "gen_ai.prompt", "llm.content.")


def holds_content(attribute: str) -> bool:
    """Return whether an attribute of this name holds content."""
    name = attribute if attribute.islower() else attribute.lower()
    return (name in _NAMES or name.startswith(_PREFIXES)) and name not in _NOT_CONTENT


def holds_messages(attribute: str) -> bool:
    """Return whether an attribute of OpenInference holds messages to or from a model: the span asked one."""
    return attribute.startswith(("llm.input_messages", "llm.output_messages", "llm.prompts", "llm.choices"))


def is_content(event: str) -> bool:
    """Return whether an event of this name is one message of a conversation, whatever its attributes are called."""
    name = event.lower()
    return name.startswith(_EVENT_PREFIXES) or (name.startswith("gen_ai.") and name.endswith(".message"))
