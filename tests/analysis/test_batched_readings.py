"""The wider look: when it is made, how many calls lie between its readings, and what it says."""

from __future__ import annotations

import random
from itertools import accumulate

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.analysis.batched_readings import (
    LONGEST_CALL_SECONDS,
    MAY_HIDE,
    MOST_CALLS,
    MOST_SECONDS,
    READINGS,
    calls_wanted,
)
from otel_memeval.analysis.evidence import Evidence, Wide
from otel_memeval.analysis.judge import bytes_of, judge
from otel_memeval.analysis.untraced import FEWEST_FOR_NOISE, hidden_bytes
from otel_memeval.verdicts import State
from tests.analysis.test_judge import evidence, levels

HEAP_BYTES = 4_000_000
QUICK = [0.001] * 20


def noisy(noise_bytes: int, seed: int = 1) -> Evidence:
    """A run whose C heap goes up and down around one level."""
    numbers = random.Random(seed)
    return evidence(native=tuple(HEAP_BYTES + numbers.randint(0, noise_bytes) for _ in range(21)))


def looked(noise_bytes: int, step_bytes: float, calls: int, seed: int = 1) -> Evidence:
    """The same after a wider look at a leak of ``step_bytes`` a call."""
    numbers = random.Random(f"wide {seed}")
    native = tuple(
        HEAP_BYTES + int(place * calls * step_bytes) + numbers.randint(0, noise_bytes) for place in range(READINGS + 1)
    )
    return msgspec.structs.replace(noisy(noise_bytes, seed), wide=Wide(calls=calls, native=native))


def test_a_quiet_heap_needs_no_look() -> None:
    """Where a step of 64 bytes shows anyway, nothing more is called; where noise hides it, something is."""
    assert calls_wanted("stable", evidence(), QUICK) == 0
    assert calls_wanted("stable", noisy(20), QUICK) == 0
    assert calls_wanted("stable", noisy(20_000), QUICK) > 1


@pytest.mark.parametrize("state", ["leaking", "bounded", "native-leak", "creeping", "idle", "failed"])
def test_a_verdict_that_says_something_else_needs_no_look(state: State) -> None:
    """Only what looks harmless or undecided may hide growth of the C heap."""
    assert calls_wanted(state, noisy(20_000), QUICK) == 0
    assert all(calls_wanted(one, noisy(20_000), QUICK) for one in MAY_HIDE)


def test_long_calls_are_not_repeated() -> None:
    """A call as long as the limit is, one that is longer is not; nor where an iteration failed or none was measured."""
    run = noisy(20_000)
    assert calls_wanted("stable", run, [LONGEST_CALL_SECONDS]) > 1
    assert calls_wanted("stable", run, [LONGEST_CALL_SECONDS * 1.01]) == 0
    assert calls_wanted("stable", run, []) == 0
    assert calls_wanted("stable", msgspec.structs.replace(run, failed=1), QUICK) == 0
    assert calls_wanted("stable", msgspec.structs.replace(run, native=()), QUICK) == 0


def test_few_iterations_tell_nothing_of_the_noise() -> None:
    """After ten iterations there may be a look, after nine there is none: who asks for few wants few calls."""
    run = noisy(20_000)
    few, fewer = (msgspec.structs.replace(run, native=run.native[: count + 1]) for count in (FEWEST_FOR_NOISE, 9))
    assert calls_wanted("stable", few, QUICK) > 1
    assert calls_wanted("stable", fewer, QUICK) == 0


@given(noise=st.integers(1, 10**7), seconds=st.floats(0, LONGEST_CALL_SECONDS))
def test_the_calls_fit_their_time(noise: int, seconds: float) -> None:
    """Whatever the noise, no more calls than the limit, and no more seconds than the whole look has."""
    calls = calls_wanted("stable", noisy(noise), [seconds])
    assert calls == 0 or 2 <= calls <= MOST_CALLS
    assert calls * (READINGS + 1) * seconds <= MOST_SECONDS * 1.001


@given(noise=st.integers(1, 10**6), more=st.integers(1, 10))
def test_more_noise_wants_no_fewer_calls(noise: int, more: int) -> None:
    """Noise that is a multiple of other noise wants as many calls or more."""
    run = noisy(noise)
    louder = tuple(HEAP_BYTES + (value - HEAP_BYTES) * more for value in run.native)
    assert calls_wanted("stable", msgspec.structs.replace(run, native=louder), QUICK) >= calls_wanted("stable", run, QUICK)


@pytest.mark.parametrize("seed", range(20))
def test_a_leak_that_no_step_shows_is_found(seed: int) -> None:
    """512 bytes a call under ten times that noise: stable without the look, a native leak of 512 bytes with it."""
    before = noisy(5_000, seed)
    calls = calls_wanted("stable", before, QUICK)
    assert judge(before).state == "stable"
    found = judge(looked(5_000, 512, calls, seed))
    assert found.state == "native-leak"
    assert bytes_of(found.growth, "native") == pytest.approx(512, rel=0.1)


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_stays_stable(seed: int) -> None:
    """The same noise without a leak: the look finds nothing, and no more is said to be hidden than one call's part of it."""
    calls = calls_wanted("stable", noisy(5_000, seed), QUICK)
    judged = judge(looked(5_000, 0, calls, seed))
    assert judged.state == "stable"
    assert hidden_bytes(looked(5_000, 0, calls, seed)) < hidden_bytes(noisy(5_000, seed)) / 4


def test_what_would_not_show_is_told() -> None:
    """An unsteady heap that was not looked at closer says how little would show; a quiet one says nothing."""
    assert any("would not show" in reason for reason in judge(noisy(20_000)).reasons)
    assert not any("would not show" in reason for reason in judge(evidence()).reasons)


@given(shift=st.integers(0, 10**6), calls=st.integers(2, 64), step=st.integers(200, 100_000))
def test_the_level_and_the_calls_do_not_matter(shift: int, calls: int, step: int) -> None:
    """A steady step a call is told as it is, whatever the heap's level and however many calls lie between two readings."""
    wide = Wide(calls=calls, native=tuple(accumulate([step * calls] * READINGS, initial=HEAP_BYTES + shift)))
    judged = judge(evidence(native=levels(*[0] * 20), wide=wide))
    assert judged.state == "native-leak"
    assert bytes_of(judged.growth, "native") == pytest.approx(step)
