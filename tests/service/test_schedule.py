"""Turns: each run or missed exactly once, never early, never two at a time, and the grid does not drift."""

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
def test_a_turn_is_late_by_a_tenth_of_the_interval_or_a_minute_at_most(schedule: Schedule, turn: int) -> None:
    """Never early, and however long the exporter has run, no later than that."""
    late = schedule.moment(turn) - (schedule.start_seconds + turn * schedule.interval_seconds)
    most = min(LARGEST_DELAY_SHARE * schedule.interval_seconds, LARGEST_DELAY_SECONDS)
    assert -1e-3 <= late <= most + 1e-3


@given(SCHEDULES, TURNS)
def test_turns_come_in_order(schedule: Schedule, turn: int) -> None:
    """At least nine tenths of an interval lie between two."""
    between = schedule.moment(turn + 1) - schedule.moment(turn)
    assert between >= 0.9 * schedule.interval_seconds - 1e-3


@given(SCHEDULES, TURNS, st.floats(0, 0.999))
def test_the_latest_turn_is_the_last_that_is_due(schedule: Schedule, turn: int, between: float) -> None:
    """At its moment and until the next one's, and nothing is missed meanwhile."""
    first, following = schedule.moment(turn), schedule.moment(turn + 1)
    now = first + between * (following - first)
    if now < following:
        assert schedule.latest(now) == turn
        assert schedule.missed(turn, now) == 0
        assert schedule.missed(turn - 1, now) == 1


@given(SCHEDULES, st.lists(st.floats(0.0, 5.0), max_size=30))
def test_every_turn_is_run_or_missed_once(schedule: Schedule, lengths: list[float]) -> None:
    """Whatever the runs take (in intervals), no two overlap and no turn is lost or made up for."""
    turn, free = 0, schedule.start_seconds
    run, missed = [], 0
    for length in lengths:
        begins = schedule.moment(turn)
        run.append(turn)
        assert begins >= free, "this turn came while the run before was not over"
        free = begins + length * schedule.interval_seconds
        late = schedule.missed(turn, free)
        missed += late
        turn += late + 1
    assert len(run) == len(set(run))
    assert len(run) + missed == turn


def test_exporters_that_start_together_do_not_run_together() -> None:
    """Two seeds, two delays; the same seed, the same."""
    one, other = (Schedule(start_seconds=0, interval_seconds=100, seed=seed) for seed in (1, 2))
    assert one.moment(0) == other.moment(0) == 0
    assert len({schedule.moment(turn) % 100 for schedule in (one, other) for turn in range(1, 20)}) == 38
    assert one.moment(7) == Schedule(start_seconds=0, interval_seconds=100, seed=1).moment(7)


def test_before_the_start_the_turn_is_the_first() -> None:
    """A clock that is early finds turn 0."""
    assert Schedule(start_seconds=10, interval_seconds=1, seed=0).latest(9.0) == 0
