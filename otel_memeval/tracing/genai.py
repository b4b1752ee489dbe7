"""What an iteration asked of models and tools, summed over its spans. Pure. The attributes' names stand here only.

OpenTelemetry's GenAI conventions (https://github.com/open-telemetry/semantic-conventions-genai) change still: today's names
come first, then their older ones, then those of OpenInference and OpenLLMetry, which instrument agents as well.
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
"""Of one span; more is nonsense."""


class _Part(msgspec.Struct, frozen=True):
    """What of a span is summed."""

    parent: str
    operation: str
    input_tokens: int
    output_tokens: int


class Sums:
    """The sums of one iteration: spans go in as they come, in any order.

    Tokens and calls are counted once, where they were spent: a model call that has another one inside, made by the same call
    (two instrumentations of one client), is not counted again, nor is the usage that an agent's span repeats of the calls
    inside it. A model call inside a tool, or an agent, is one of its own.
    """

    def __init__(self) -> None:
        self._parts: dict[str, _Part] = {}
        self._dropped = 0

    def add(self, span: Span) -> None:
        """One span."""
        self._parts[span.span_id] = _Part(
            span.parent_span_id,
            _text(span.attributes, OPERATION).lower(),
            _count(span.attributes, INPUT_TOKENS),
            _count(span.attributes, OUTPUT_TOKENS),
        )

    def dropped(self, count: int) -> None:
        """Spans that did not come: there were too many."""
        self._dropped += count

    def total(self) -> GenAi:
        """The sums."""
        calls, tokens = self._repeated()
        spent = [part for key, part in self._parts.items() if key not in tokens]
        return GenAi(
            model_calls=sum(part.operation in MODEL_CALLS for key, part in self._parts.items() if key not in calls),
            tool_calls=sum(part.operation in TOOL_CALLS for part in self._parts.values()),
            input_tokens=sum(part.input_tokens for part in spent),
            output_tokens=sum(part.output_tokens for part in spent),
            spans=len(self._parts),
            spans_dropped=self._dropped,
        )

    def _repeated(self) -> tuple[set[str], set[str]]:
        """Spans whose call is counted further inside, and those whose tokens are."""
        calls: set[str] = set()
        tokens: set[str] = set()
        for key, part in self._parts.items():
            is_call, has_tokens = part.operation in MODEL_CALLS, bool(part.input_tokens or part.output_tokens)
            if not is_call and not has_tokens:
                continue
            same_call = is_call
            for around in self._around(key):
                operation = self._parts[around].operation
                same_call = same_call and operation not in TOOL_CALLS and operation not in AGENTS
                if is_call and same_call and operation in MODEL_CALLS:
                    calls.add(around)
                if has_tokens and (same_call or operation not in MODEL_CALLS):
                    tokens.add(around)
        return calls, tokens

    def _around(self, key: str) -> Iterator[str]:
        """The spans that a span is in, the innermost first."""
        passed = {key}
        while (key := self._parts[key].parent) in self._parts and key not in passed:
            passed.add(key)
            yield key


def _text(attributes: list[KeyValue], names: tuple[str, ...]) -> str:
    found = {one.key: one.value.string_value for one in attributes if one.key in names}
    return next((text for name in names if (text := found.get(name))), "")


def _count(attributes: list[KeyValue], names: tuple[str, ...]) -> int:
    """The first of these that is there; what is no count is none."""
    found = {one.key: one.value for one in attributes if one.key in names}
    for name in names:
        value = found.get(name)
        if value is None:
            continue
        if value.int_value is not None and value.int_value.isdecimal():
            return min(int(value.int_value), _MOST_TOKENS)
        if isinstance(value.double_value, float):
            return int(min(max(value.double_value, 0), _MOST_TOKENS))
    return 0
