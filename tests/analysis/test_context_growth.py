"""Input tokens beside the peak: when a creeping verdict names the context."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.analysis.context_growth import context_reasons
from otel_memeval.analysis.judge import judge
from tests.analysis.test_judge import evidence

RISING_PEAK = tuple(50_000 + 10_000 * place for place in range(20))
RISING = tuple(1_000 + 250 * place for place in range(20))
REASON = "the context of the model calls grows with it, from 1,000 input tokens to 5,750, 250 more per iteration"


def test_creeping_verdict_names_the_context_when_tokens_rise() -> None:
    """The reason of the peak comes first, then that of the context with its tokens."""
    judgement = judge(evidence(peak=RISING_PEAK, input_tokens=RISING))
    assert judgement.state == "creeping"
    assert judgement.reasons[0].startswith("the peak rose to the end")
    assert judgement.reasons[1:] == (REASON,)


@pytest.mark.parametrize(
    "tokens",
    [
        (),  # not traced
        RISING[1:],  # an iteration is missing
        (1_000,) * 20,  # the same context each time
        (0,) * 20,  # no model was called
        tuple(reversed(RISING)),
        tuple(1_000 + min(place, 3) * 250 for place in range(20)),  # a history of three runs that is full
        (1_000, 5_000) * 10,
    ],
)
def test_creeping_verdict_has_one_reason_when_tokens_do_not_rise(tokens: tuple[int, ...]) -> None:
    """The verdict is the same without a reason that names the context."""
    judgement = judge(evidence(peak=RISING_PEAK, input_tokens=tokens))
    assert (judgement.state, len(judgement.reasons)) == ("creeping", 1)


@pytest.mark.parametrize(("rise", "reasons"), [(20, 1), (17, 0)])
def test_tokens_rise_from_one_per_iteration_on(rise: int, reasons: int) -> None:
    """Tokens that rise by less than one per iteration do not explain a growing peak."""
    tokens = tuple(1_000 + round(rise / 20 * index) for index in range(20))
    assert len(context_reasons(evidence(peak=RISING_PEAK, input_tokens=tokens))) == reasons


def test_rising_tokens_alone_are_stable() -> None:
    """A run with a level peak is stable, whatever its tokens are."""
    judgement = judge(evidence(input_tokens=RISING))
    assert judgement.state == "stable"
    assert REASON not in judgement.reasons


def test_first_iteration_is_the_warm_up_when_there_is_none() -> None:
    """Without a warm-up the tokens are judged from the second iteration on, as the peak is."""
    (reason,) = context_reasons(evidence(warmup=0, peak=RISING_PEAK, input_tokens=RISING))
    assert "from 1,250 input tokens" in reason


@given(st.lists(st.integers(0, 1 << 40), max_size=30), st.integers(0, 3))
def test_any_tokens_give_one_reason_at_most(tokens: list[int], warmup: int) -> None:
    """Any numbers of tokens give at most one reason and no error."""
    assert len(context_reasons(evidence(len(tokens), warmup=warmup, input_tokens=tuple(tokens)))) <= 1
