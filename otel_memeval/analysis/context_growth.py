"""Say whether a growing peak comes from a growing context: the input tokens of model calls beside the peak."""

from __future__ import annotations

from otel_memeval.analysis.evidence import Evidence, settled_start
from otel_memeval.analysis.trend import SeriesTraits, trend_of

TOKENS_FLOOR = 1.0
"""Tokens per iteration below which growth is ignored."""


def context_reasons(evidence: Evidence) -> tuple[str, ...]:
    """Return a reason if the input tokens rose to the end as well; nothing if they did not, or were not traced.

    The rule is that of the peak (``trend_of``): each value is made anew in every iteration.
    """
    if len(evidence.input_tokens) != len(evidence.peak):
        return ()
    tokens = settled_start(evidence, evidence.input_tokens)
    if len(tokens) < 2:
        return ()
    traits = SeriesTraits(noisy=True, growth_mode="independent", calls_before=max(evidence.warmup, 1))
    trend = trend_of(tokens, TOKENS_FLOOR, traits)
    if trend.shape != "growing":
        return ()
    pace = f"{trend.growth.bytes_per_iteration:,.1f}".removesuffix(".0")
    rise = f"from {tokens[0]:,} input tokens to {tokens[-1]:,}, {pace} more per iteration"
    return (f"the context of the model calls grows with it, {rise}",)
