"""Tokens beside the peak: when a creeping verdict names the context."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.analysis.context_growth import context_reasons
from otel_memeval.analysis.judge import judge
from tests.analysis.test_judge import evidence

CREEP = tuple(50_000 + 10_000 * place for place in range(20))
CLIMBING = tuple(1_000 + 250 * place for place in range(20))
SAYS = "the context grows with it: models were given 1,000 tokens at first and 5,750 in the end, 250 more every iteration"


def test_a_creep_with_climbing_tokens_says_so() -> None:
    """The peak's own reason comes first, then the context's, with its numbers."""
    judgement = judge(evidence(peak=CREEP, input_tokens=CLIMBING))
    assert judgement.state == "creeping"
    assert judgement.reasons[0].startswith("the peak rose to the end")
    assert judgement.reasons[1:] == (SAYS,)


@pytest.mark.parametrize(
    "tokens",
    [
        (),  # not traced
        CLIMBING[1:],  # an iteration is missing
        (1_000,) * 20,  # the same context each time: something else grows
        (0,) * 20,  # no model was called
        tuple(reversed(CLIMBING)),
        tuple(1_000 + min(place, 3) * 250 for place in range(20)),  # a history of three runs that has filled
        (1_000, 5_000) * 10,
    ],
)
def test_a_creep_without_climbing_tokens_is_silent(tokens: tuple[int, ...]) -> None:
    """The verdict is the same, and nothing is said of the context."""
    judgement = judge(evidence(peak=CREEP, input_tokens=tokens))
    assert (judgement.state, len(judgement.reasons)) == ("creeping", 1)


def test_climbing_tokens_alone_are_no_verdict() -> None:
    """A peak that stays where it is is stable, whatever the model is given."""
    judgement = judge(evidence(input_tokens=CLIMBING))
    assert judgement.state == "stable"
    assert SAYS not in judgement.reasons


def test_the_first_iteration_counts_as_a_warm_up_where_there_was_none() -> None:
    """As for the peak: without a warm-up the series begins with the second iteration."""
    (reason,) = context_reasons(evidence(warmup=0, peak=CREEP, input_tokens=CLIMBING))
    assert "1,250 tokens at first" in reason


@given(st.lists(st.integers(0, 1 << 40), max_size=30), st.integers(0, 3))
def test_no_series_is_too_odd(tokens: list[int], warmup: int) -> None:
    """Whatever the numbers: at most one reason, never an error."""
    assert len(context_reasons(evidence(len(tokens), warmup=warmup, input_tokens=tuple(tokens)))) <= 1
