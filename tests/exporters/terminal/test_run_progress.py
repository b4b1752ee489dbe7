"""The words for the progress of a run, with a clock that the test sets."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from otel_memeval.exporters.terminal.run_progress import RunProgress


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def running(clock: Clock, done: int, total: int, seconds: float, retained_bytes: int | None = 1 << 20) -> RunProgress:
    """Return a run of which ``done`` iterations took ``seconds`` each."""
    run = RunProgress(clock)
    run.begin_iterations(total)
    for _ in range(done):
        clock.now += seconds
        run.end_iteration(retained_bytes, total)
    return run


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (0.0, "set-up"),
        (0.99, "set-up"),
        (1.0, "set-up, 1 s"),
        (61, "set-up, 1 min 1 s"),
        (7200, "set-up, 2 h 0 min"),
    ],
)
def test_step_has_its_name_and_its_time(passed: float, text: str) -> None:
    """The time of a step is shown from a second on."""
    clock = Clock()
    run = RunProgress(clock)
    run.begin_step("set-up")
    clock.now += passed
    assert run.text() == text


@pytest.mark.parametrize(
    ("passed", "text"), [(0, "looking, at most 10 s left"), (3, "looking, 3 s, at most 7 s left"), (12, "looking, 12 s")]
)
def test_step_with_a_limit_has_the_time_left(passed: float, text: str) -> None:
    """The rest of the limit goes down, and is left out once it is used up; a step after it has no limit."""
    clock = Clock()
    run = RunProgress(clock)
    run.begin_step("looking", 10.0)
    clock.now += passed
    assert run.text() == text
    run.begin_step("tear-down")
    assert run.text() == "tear-down"


def test_iterations_have_number_memory_and_time_left() -> None:
    """The iteration that runs is named; the time left is the mean of those so far, and goes down while one runs."""
    clock = Clock()
    run = running(clock, 0, 20, 1.0)
    assert run.text() == "iteration 1 of 20"
    run = running(clock, 5, 20, 2.0)
    assert run.text() == "iteration 6 of 20, 1.00 MiB retained, 30 s left"
    clock.now += 4
    assert run.text() == "iteration 6 of 20, 1.00 MiB retained, 26 s left"
    clock.now += 60
    assert run.text() == "iteration 6 of 20, 1.00 MiB retained"


def test_iteration_without_a_reading_keeps_the_memory_before() -> None:
    """The last known memory is shown; an extended run has more iterations."""
    run = running(Clock(), 2, 4, 1.0)
    run.end_iteration(None, 40)
    assert run.text() == "iteration 4 of 40, 1.00 MiB retained, 25 s left"


def test_last_iteration_is_not_exceeded() -> None:
    """After the last iteration its number stays, and no time is left; a step may follow."""
    run = running(Clock(), 4, 4, 1.0)
    assert run.text() == "iteration 4 of 4, 1.00 MiB retained"
    run.begin_step("looking for holders")
    assert run.text() == "looking for holders"


def test_longest_text_fits_a_line_beside_the_bar() -> None:
    """Ten thousand iterations of a large heap need less than 62 columns."""
    run = running(Clock(), 9000, 10_003, 3.5, 1023 << 20)
    assert run.text() == "iteration 9001 of 10003, 1023 MiB retained, 58 min 30 s left"
    assert cell_len(run.text()) + len(" ") + 16 <= 80


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (47, "iteration 6 of 20, 1.00 MiB retained, 30 s left"),
        (46, "iteration 6 of 20, 30 s left"),
        (27, "iteration 6 of 20"),
        (5, "iteration 6 of 20"),
    ],
)
def test_narrow_line_has_fewer_parts(columns: int, text: str) -> None:
    """Parts are left out as a whole, the memory before the time that is left."""
    assert running(Clock(), 5, 20, 2.0).text(columns) == text
