"""One line of the terminal report: what the scenario's spans say that models and tools were asked. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from otel_memeval.records import GenAi, Iteration


def spans_line(iterations: Sequence[Iteration]) -> str:
    """A typical measured iteration in numbers, and how many spans were dropped; empty if the scenario was not traced."""
    told = [one.gen_ai for one in iterations if one.gen_ai is not None]
    measured = [one.gen_ai for one in iterations if one.gen_ai is not None and one.phase == "measured"]
    if not told:
        return ""
    if not any(one.spans for one in told):
        return "no span of the scenario's was seen: it makes none, or its instrumentation is not switched on"
    dropped = sum(one.spans_dropped for one in told)
    lost = f"; {dropped:,} spans were dropped, more than an iteration's buffer holds" if dropped else ""
    return f"an iteration, typically: {_typical(measured or told)}{lost}"


def _typical(told: Sequence[GenAi]) -> str:
    spans, models, tools = (
        median(values) for values in zip(*((one.spans, one.model_calls, one.tool_calls) for one in told))
    )
    if not models and not tools:
        return f"{spans:,g} spans, none of a model or a tool"
    tokens_in = median(one.input_tokens for one in told)
    tokens_out = median(one.output_tokens for one in told)
    calls = f"{models:,g} model calls, {tools:,g} tool calls"
    return f"{spans:,g} spans, {calls}, {tokens_in:,.0f} tokens in, {tokens_out:,.0f} out"
