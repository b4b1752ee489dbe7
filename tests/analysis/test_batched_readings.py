"""Batched readings: when they are made, how many calls lie between two of them, and how they are judged."""

from __future__ import annotations

import random
from itertools import accumulate

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.analysis.assessment import Assessment, assess
from otel_memeval.analysis.batched_readings import (
    MAX_CALL_SECONDS,
    MAX_CALLS,
    MAX_SECONDS,
    MAY_HIDE,
    READINGS,
    calls_between_readings,
)
from otel_memeval.analysis.evidence import BatchedNativeReadings, Evidence
from otel_memeval.analysis.judge import bytes_of, judge
from otel_memeval.verdicts import State
from tests.analysis.test_judge import evidence, levels

HEAP_BYTES = 4_000_000
SHORT_CALLS = [0.001] * 20


def noisy(noise_bytes: int, seed: int = 1) -> Evidence:
    """Return a run with a C heap that goes up and down around one level."""
    numbers = random.Random(seed)
    return evidence(native=tuple(HEAP_BYTES + numbers.randint(0, noise_bytes) for _ in range(21)))


def batched(noise_bytes: int, step_bytes: float, calls_apart: int, seed: int = 1) -> Evidence:
    """Return the same run with batched readings of a leak of ``step_bytes`` per call."""
    numbers = random.Random(f"batched {seed}")
    native = tuple(
        HEAP_BYTES + int(index * calls_apart * step_bytes) + numbers.randint(0, noise_bytes) for index in range(READINGS + 1)
    )
    readings = BatchedNativeReadings(calls_apart=calls_apart, native=native)
    return msgspec.structs.replace(noisy(noise_bytes, seed), batched_native=readings)


def with_state(run: Evidence, state: State) -> Assessment:
    """Return the assessment of a run, but with another verdict."""
    assessment = assess(run)
    judgement = msgspec.structs.replace(assessment.judgement, state=state)
    return msgspec.structs.replace(assessment, judgement=judgement)


def calls(run: Evidence, durations_seconds: list[float] | None = None, state: State = "stable") -> int:
    """Return the calls between two batched readings of a run with this verdict."""
    return calls_between_readings(with_state(run, state), SHORT_CALLS if durations_seconds is None else durations_seconds)


def test_assessment_holds_evidence_and_judgement() -> None:
    """An assessment is the evidence, the judgement on it, and the growth of the C heap that does not show."""
    run = noisy(20_000)
    assessment = assess(run)
    assert assessment.evidence is run
    assert assessment.judgement == judge(run)
    assert assessment.hidden_native_bytes > 64
    assert assess(evidence()).hidden_native_bytes == 0


def test_batched_readings_are_made_only_when_noise_hides_growth() -> None:
    """A quiet C heap shows a step of 64 bytes without batched readings; a noisy one needs them."""
    assert calls(evidence()) == 0
    assert calls(noisy(20)) == 0
    assert calls(noisy(20_000)) > 1


@pytest.mark.parametrize("state", ["leaking", "bounded", "native-leak", "creeping", "idle", "failed"])
def test_no_batched_readings_after_a_verdict_that_hides_nothing(state: State) -> None:
    """Only a harmless or undecided verdict may hide growth of the C heap."""
    assert calls(noisy(20_000), state=state) == 0
    assert all(calls(noisy(20_000), state=hiding) for hiding in MAY_HIDE)


def test_long_calls_are_not_repeated() -> None:
    """A call as long as the limit is repeated, a longer call is not; nor after a failure or without measured iterations."""
    run = noisy(20_000)
    assert calls(run, [0.05]) > 1
    assert calls(run, [0.051]) == 0
    assert calls(run, []) == 0
    assert calls(msgspec.structs.replace(run, failed=1)) == 0
    assert calls(msgspec.structs.replace(run, native=())) == 0


def test_few_iterations_say_nothing_about_noise() -> None:
    """Batched readings may follow ten iterations, but not nine: a user who asks for few iterations wants few calls."""
    run = noisy(20_000)
    enough, too_few = (msgspec.structs.replace(run, native=run.native[: count + 1]) for count in (10, 9))
    assert calls(enough) > 1
    assert calls(too_few) == 0


@pytest.mark.parametrize(
    ("noise_bytes", "seconds", "found"),
    [(10**6, 0.001, 64), (10**6, 0.01, 23), (10**6, 0.05, 4), (200, 0.001, 32), (65, 0.001, 16), (64, 0.001, 0)],
)
def test_calls_between_readings(noise_bytes: int, seconds: float, found: int) -> None:
    """64 calls at most; 21 readings take 5 seconds at most; eight times as many calls as would just be enough."""
    native = levels(*[noise_bytes, noise_bytes, -noise_bytes, -noise_bytes] * 5, start=HEAP_BYTES)
    assert calls(evidence(native=native), [seconds]) == found


@given(noise=st.integers(1, 10**7), seconds=st.floats(0, MAX_CALL_SECONDS))
def test_calls_stay_within_their_limits(noise: int, seconds: float) -> None:
    """Whatever the noise is, the number of calls and their time in all stay within the limits."""
    found = calls(noisy(noise), [seconds])
    assert found == 0 or 2 <= found <= MAX_CALLS
    assert found * (READINGS + 1) * seconds <= MAX_SECONDS * 1.001


@given(noise=st.integers(1, 10**6), factor=st.integers(1, 10))
def test_more_noise_needs_at_least_as_many_calls(noise: int, factor: int) -> None:
    """Noise that is a multiple of other noise needs as many calls or more."""
    run = noisy(noise)
    louder = tuple(HEAP_BYTES + (value - HEAP_BYTES) * factor for value in run.native)
    assert calls(msgspec.structs.replace(run, native=louder)) >= calls(run)


@pytest.mark.parametrize("seed", range(20))
def test_batched_readings_find_a_leak_that_single_steps_hide(seed: int) -> None:
    """512 bytes per call under ten times that noise are stable without batched readings, and a native leak with them."""
    before = noisy(5_000, seed)
    assert judge(before).state == "stable"
    found = judge(batched(5_000, 512, calls(before), seed))
    assert found.state == "native-leak"
    assert bytes_of(found.growth, "native") == pytest.approx(512, rel=0.1)


@pytest.mark.parametrize("seed", range(20))
def test_batched_readings_of_noise_alone_stay_stable(seed: int) -> None:
    """Without a leak batched readings find nothing, and hide less than a quarter of what single readings hide."""
    single = assess(noisy(5_000, seed))
    several = assess(batched(5_000, 0, calls(single.evidence), seed))
    assert several.judgement.state == "stable"
    assert several.hidden_native_bytes < single.hidden_native_bytes / 4


def test_reasons_name_the_growth_that_would_not_show() -> None:
    """The reasons of a noisy run say how little growth would not show; those of a quiet run do not."""
    assert any("would not show" in reason for reason in judge(noisy(20_000)).reasons)
    assert not any("would not show" in reason for reason in judge(evidence()).reasons)


@given(shift=st.integers(0, 10**6), calls_apart=st.integers(2, 64), step=st.integers(200, 100_000))
def test_growth_per_call_depends_on_neither_level_nor_batch(shift: int, calls_apart: int, step: int) -> None:
    """A steady step per call is reported as it is, whatever the level of the heap and the calls between two readings."""
    native = tuple(accumulate([step * calls_apart] * READINGS, initial=HEAP_BYTES + shift))
    readings = BatchedNativeReadings(calls_apart=calls_apart, native=native)
    judgement = judge(evidence(native=levels(*[0] * 20), batched_native=readings))
    assert judgement.state == "native-leak"
    assert bytes_of(judgement.growth, "native") == pytest.approx(step)


@pytest.mark.parametrize(("step", "iterations", "expected"), [(65, 20, 8), (64, 20, 0), (65, 10, 8), (65, 9, 0)])
def test_c_heap_that_rises_and_is_not_judged_is_read_again(step: int, iterations: int, expected: int) -> None:
    """A quiet C heap that rises by more than its floor, and is no leak, gets batched readings after ten iterations."""
    run = evidence(iterations, native=levels(*[step] * iterations))
    assert calls(run) == expected
