"""Sum up the model calls, tool calls and tokens of an iteration over its spans. Pure.

OpenTelemetry's GenAI conventions (https://github.com/open-telemetry/semantic-conventions-genai) still change: the current
names come first, then older ones, then those of OpenInference and OpenLLMetry, which instrument agents as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from otel_memeval.records import GenAi
from otel_memeval.tracing.otlp_span import KeyValue, Span

OPERATION = ("gen_ai.operation.name", "openinference.span.kind", "llm.request.type", "traceloop.span.kind")
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
    input_tokens: int
    output_tokens: int

    @property
    def has_tokens(self) -> bool:
        return bool(self.input_tokens or self.output_tokens)


class GenAiSums:
    """Sums of one iteration; spans are added in any order.

    Calls and tokens are counted once, at the innermost span: a model call that contains another one for the same call (two
    instrumentations of one client) is not counted, nor are the tokens that an agent's span repeats of the calls inside it. A
    model call inside a tool or an agent is a call of its own.
    """

    def __init__(self) -> None:
        self._spans: dict[str, _SpanUsage] = {}
        self._dropped = 0

    def add(self, span: Span) -> None:
        """Add a span."""
        self._spans[span.span_id] = _SpanUsage(
            span.parent_span_id,
            _text(span.attributes, OPERATION).lower(),
            _count(span.attributes, INPUT_TOKENS),
            _count(span.attributes, OUTPUT_TOKENS),
        )

    def add_dropped(self, count: int) -> None:
        """Add spans that the worker dropped."""
        self._dropped += count

    def total(self) -> GenAi:
        """Return the sums."""
        repeated_calls, repeated_tokens = self._repeated()
        spent = [usage for span_id, usage in self._spans.items() if span_id not in repeated_tokens]
        calls = [usage for span_id, usage in self._spans.items() if span_id not in repeated_calls]
        return GenAi(
            model_calls=sum(usage.operation in MODEL_CALLS for usage in calls),
            tool_calls=sum(usage.operation in TOOL_CALLS for usage in self._spans.values()),
            input_tokens=sum(usage.input_tokens for usage in spent),
            output_tokens=sum(usage.output_tokens for usage in spent),
            spans=len(self._spans),
            spans_dropped=self._dropped,
        )

    def _repeated(self) -> tuple[set[str], set[str]]:
        """Return the spans whose call, and those whose tokens, are counted at a span inside them."""
        calls: set[str] = set()
        tokens: set[str] = set()
        for span_id, usage in self._spans.items():
            is_call = usage.operation in MODEL_CALLS
            if not is_call and not usage.has_tokens:
                continue
            is_same_call = is_call
            for ancestor in self._ancestors(span_id):
                operation = self._spans[ancestor].operation
                is_same_call = is_same_call and operation not in TOOL_CALLS and operation not in AGENTS
                if is_same_call and operation in MODEL_CALLS:
                    calls.add(ancestor)
                if usage.has_tokens and (is_same_call or operation not in MODEL_CALLS):
                    tokens.add(ancestor)
        return calls, tokens

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


def _count(attributes: list[KeyValue], names: tuple[str, ...]) -> int:
    """Return the first number under one of the names; 0 without one."""
    found = {attribute.key: attribute.value for attribute in attributes if attribute.key in names}
    for value in (found[name] for name in names if name in found):
        if value.int_value is not None and value.int_value.isdecimal():
            return min(int(value.int_value), _MOST_TOKENS)
        if isinstance(value.double_value, float):
            return int(min(max(value.double_value, 0), _MOST_TOKENS))
    return 0
