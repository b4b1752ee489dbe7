"""Sum up the model calls, tool calls and tokens of an iteration over its spans. Pure.

OpenTelemetry's GenAI conventions (https://github.com/open-telemetry/semantic-conventions-genai) still change: the current
names come first, then older ones, then those of OpenInference and OpenLLMetry, which instrument agents as well. A number of
tokens that no span has is unknown, never 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from otel_memeval.records import GenAi
from otel_memeval.tracing.otlp_span import KeyValue, Span

OPERATION = ("gen_ai.operation.name", "llm.request.type", "traceloop.span.kind")
KIND = ("openinference.span.kind",)
"""Kind of the traced code: every method of a model's client has it, also one that asks no model."""
ANSWER = ("llm.finish_reason", "gen_ai.response.id", "gen_ai.response.model")
"""Show, beside messages and tokens, that a model was asked."""
INPUT_TOKENS = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
OUTPUT_TOKENS = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")

MODEL_CALLS = frozenset({"chat", "generate_content", "text_completion", "llm", "completion"})
TOOL_CALLS = frozenset({"execute_tool", "tool"})
AGENTS = frozenset({"invoke_agent", "agent"})

_MOST_TOKENS = 1 << 50
"""Of a span; a larger count is an error of the instrumentation."""


class _SpanUsage(msgspec.Struct, frozen=True):
    """The parts of a span that are summed."""

    parent_id: str
    operation: str
    """Empty for a span that is neither a call nor an agent."""
    input_tokens: int | None
    output_tokens: int | None
    """None if the span does not have the number."""

    @property
    def uses_model(self) -> bool:
        return self.operation in MODEL_CALLS or self.operation in AGENTS


class GenAiSums:
    """Sums of one iteration; spans are added in any order.

    Calls and tokens are counted once, at the innermost span: a model call that contains another one for the same call (two
    instrumentations of one client) is not counted, nor are the tokens that an agent's span repeats of the calls inside it. A
    model call inside a tool or an agent is a call of its own.

    A sum of tokens is None if a part of it is unknown: if a counted call, or an agent without traced calls, has no number of
    tokens, and no span around it that stands for the same call or agent has one either.
    """

    def __init__(self) -> None:
        self._spans: dict[str, _SpanUsage] = {}
        self._dropped = 0

    def add(self, span: Span, *, has_messages: bool = False) -> None:
        """Add a span. ``has_messages``: messages to or from a model were among its attributes, sent or left out."""
        input_tokens, output_tokens = _count(span.attributes, INPUT_TOKENS), _count(span.attributes, OUTPUT_TOKENS)
        operation = _text(span.attributes, OPERATION).lower()
        if not operation:
            kind = _text(span.attributes, KIND).lower()
            is_request = (
                has_messages or bool(_text(span.attributes, ANSWER)) or (input_tokens, output_tokens) != (None, None)
            )
            operation = kind if is_request or kind not in MODEL_CALLS else ""
        self._spans[span.span_id] = _SpanUsage(span.parent_span_id, operation, input_tokens, output_tokens)

    def add_dropped(self, count: int) -> None:
        """Add spans that the worker dropped."""
        self._dropped += count

    def total(self) -> GenAi:
        """Return the model calls, tool calls and tokens of all added spans; unknown token counts are None."""
        around_calls: set[str] = set()
        repeated_tokens: set[str] = set()
        for span_id, usage in self._spans.items():
            if usage.uses_model:
                around_calls.update(self._same_call(span_id))
            if usage.input_tokens or usage.output_tokens:
                repeated_tokens.update(self._same_call(span_id))
        innermost = [span_id for span_id, usage in self._spans.items() if usage.uses_model and span_id not in around_calls]
        expected = [
            [self._spans[source] for source in (span_id, *self._same_call(span_id)) if source not in repeated_tokens]
            for span_id in innermost
            if span_id not in repeated_tokens
        ]
        spent = [usage for span_id, usage in self._spans.items() if span_id not in repeated_tokens]
        inputs_known = all(any(usage.input_tokens is not None for usage in sources) for sources in expected)
        outputs_known = all(any(usage.output_tokens is not None for usage in sources) for sources in expected)
        return GenAi(
            model_calls=sum(self._spans[span_id].operation in MODEL_CALLS for span_id in innermost),
            tool_calls=sum(usage.operation in TOOL_CALLS for usage in self._spans.values()),
            input_tokens=sum(usage.input_tokens or 0 for usage in spent) if inputs_known else None,
            output_tokens=sum(usage.output_tokens or 0 for usage in spent) if outputs_known else None,
            spans=len(self._spans),
            spans_dropped=self._dropped,
        )

    def _same_call(self, span_id: str) -> Iterator[str]:
        """Yield the spans around a span whose call or tokens are those of the span too, the innermost first."""
        is_same_call = self._spans[span_id].operation in MODEL_CALLS
        for ancestor in self._ancestors(span_id):
            operation = self._spans[ancestor].operation
            is_same_call = is_same_call and operation not in TOOL_CALLS and operation not in AGENTS
            if is_same_call or operation not in MODEL_CALLS:
                yield ancestor

    def _ancestors(self, span_id: str) -> Iterator[str]:
        """Yield the spans around a span, the innermost first."""
        seen = {span_id}
        while (span_id := self._spans[span_id].parent_id) in self._spans and span_id not in seen:
            seen.add(span_id)
            yield span_id


def _text(attributes: list[KeyValue], names: tuple[str, ...]) -> str:
    """Return the first text under one of the names; empty without one."""
    found = {attribute.key: attribute.value.string_value for attribute in attributes if attribute.key in names}
    return next((text for name in names if (text := found.get(name))), "")


def _count(attributes: list[KeyValue], names: tuple[str, ...]) -> int | None:
    """Return the first number under one of the names; None without one."""
    found = {attribute.key: attribute.value for attribute in attributes if attribute.key in names}
    for value in (found[name] for name in names if name in found):
        if value.int_value is not None and value.int_value.isdecimal():
            return min(int(value.int_value), _MOST_TOKENS)
        if isinstance(value.double_value, float):
            return int(min(max(value.double_value, 0), _MOST_TOKENS))
    return None
