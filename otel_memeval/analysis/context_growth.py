"""Whether a peak grows because the context does: the tokens that models were given, beside the peak. Pure."""

from __future__ import annotations

from otel_memeval.analysis.evidence import Evidence, settled_start
from otel_memeval.analysis.trend import Nature, trend_of

FLOOR_TOKENS = 1.0
"""An iteration; less is no growth worth a word."""


def context_reasons(evidence: Evidence) -> tuple[str, ...]:
    """One reason if the input tokens rose to the end as well; none if they did not, or the scenario was not traced.

    The rule is the peak's own (``trend_of``): what is drawn anew in every iteration, and rises all the same.
    """
    if len(evidence.input_tokens) != len(evidence.peak):
        return ()
    tokens = settled_start(evidence, evidence.input_tokens)
    if len(tokens) < 2:
        return ()
    nature = Nature(noisy=True, gathers="redrawn", calls_before=max(evidence.warmup, 1))
    trend = trend_of(tokens, FLOOR_TOKENS, nature)
    if trend.shape != "growing":
        return ()
    pace = f"{trend.growth.bytes_per_iteration:,.1f}".removesuffix(".0")
    rise = f"models were given {tokens[0]:,} tokens at first and {tokens[-1]:,} in the end, {pace} more every iteration"
    return (f"the context grows with it: {rise}",)
