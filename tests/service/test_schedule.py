"""Turns of the schedule."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.service.schedule import LARGEST_DELAY_SECONDS, LARGEST_DELAY_SHARE, Schedule

SCHEDULES = st.builds(
    Schedule,
    start_seconds=st.floats(-1e6, 1e9),
    interval_seconds=st.floats(0.1, 1e6),
    seed=st.integers(0, 2**32),
)
TURNS = st.integers(1, 10_000)


@given(SCHEDULES, TURNS)
def test_delay_is_at_most_a_tenth_of_the_interval_or_a_minute(schedule: Schedule, turn: int) -> None:
    """A turn is never early, and the delay does not grow with the number of turns."""
    late = schedule.moment(turn) - (schedule.start_seconds + turn * schedule.interval_seconds)
    most = min(LARGEST_DELAY_SHARE * schedule.interval_seconds, LARGEST_DELAY_SECONDS)
    assert -1e-3 <= late <= most + 1e-3


@given(SCHEDULES, TURNS)
def test_turns_come_in_order(schedule: Schedule, turn: int) -> None:
    """At least nine tenths of an interval lie between two turns."""
    between = schedule.moment(turn + 1) - schedule.moment(turn)
    assert between >= 0.9 * schedule.interval_seconds - 1e-3


@given(SCHEDULES, TURNS, st.floats(0, 0.999))
def test_latest_is_the_last_turn_that_is_due(schedule: Schedule, turn: int, between: float) -> None:
    """Between two turns the first is the latest, and no turn is skipped."""
    first, following = schedule.moment(turn), schedule.moment(turn + 1)
    now = first + between * (following - first)
    if now < following:
        assert schedule.latest(now) == turn
        assert schedule.skipped(turn, now) == 0
        assert schedule.skipped(turn - 1, now) == 1


@given(SCHEDULES, st.lists(st.floats(0.0, 5.0), max_size=30))
def test_every_turn_is_run_or_skipped_once(schedule: Schedule, lengths: list[float]) -> None:
    """Runs of any length (in intervals) do not overlap, and no turn is lost."""
    turn, free = 0, schedule.start_seconds
    run, skipped = [], 0
    for length in lengths:
        begins = schedule.moment(turn)
        run.append(turn)
        assert begins >= free, "this turn came during the earlier run"
        free = begins + length * schedule.interval_seconds
        late = schedule.skipped(turn, free)
        skipped += late
        turn += late + 1
    assert len(run) == len(set(run))
    assert len(run) + skipped == turn


def test_services_that_start_together_have_different_delays() -> None:
    """Delays depend on the seed alone."""
    first, second = (Schedule(start_seconds=0, interval_seconds=100, seed=seed) for seed in (1, 2))
    assert first.moment(0) == second.moment(0) == 0
    assert len({schedule.moment(turn) % 100 for schedule in (first, second) for turn in range(1, 20)}) == 38
    assert first.moment(7) == Schedule(start_seconds=0, interval_seconds=100, seed=1).moment(7)


def test_latest_turn_before_the_start_is_the_first() -> None:
    """Before the start the latest turn is 0."""
    assert Schedule(start_seconds=10, interval_seconds=1, seed=0).latest(9.0) == 0
