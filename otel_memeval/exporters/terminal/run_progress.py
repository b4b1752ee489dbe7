"""Progress of a run in words: its step, its iterations, and the time that is left."""

from __future__ import annotations

from collections.abc import Callable

from otel_memeval.units import format_bytes, format_seconds

MIN_SHOWN_SECONDS = 1.0
"""Time below which neither the duration of a step nor the time left is worth a word."""


class RunProgress:
    """State of a run. ``clock`` returns seconds; ``text`` may be called from another thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._step = ""
        self._step_began = clock()
        self._most_seconds = 0.0
        self._iterations_began = self._iteration_ended = self._step_began
        self._retained_bytes: int | None = None
        self.done = 0
        """Iterations that are done."""
        self.total: int | None = None
        """Iterations of the run, warm-up included; None in a step without iterations."""

    def begin_step(self, name: str, seconds_left: float | None = None) -> None:
        """Begin a step without iterations, such as the set-up; ``seconds_left``: time for it and the steps that follow."""
        self._step, self._step_began, self.total = name, self._clock(), None
        self._most_seconds = seconds_left or 0.0

    def begin_iterations(self, total: int) -> None:
        """Begin the iterations."""
        self.total = total
        self._iterations_began = self._iteration_ended = self._clock()

    def end_iteration(self, retained_bytes: int | None, total: int) -> None:
        """Take the end of an iteration, with its retained memory if that was read; ``total`` iterations are run now."""
        self.done, self.total = self.done + 1, total
        self._iteration_ended = self._clock()
        self._retained_bytes = self._retained_bytes if retained_bytes is None else retained_bytes

    def text(self, columns: int | None = None) -> str:
        """Return the state: ``iteration 7 of 23, 989 KiB retained, 1 min 23 s left``, or ``set-up, 4 s``.

        ``columns``: width of the text; parts that do not fit are left out, the first part never.
        """
        parts = self._parts_of_step() if self.total is None else self._parts_of_iteration(self.total)
        while columns is not None and len(parts) > 1 and len(", ".join(parts)) > columns:
            del parts[1]
        return ", ".join(parts)

    def _parts_of_iteration(self, total: int) -> list[str]:
        parts = [f"iteration {min(self.done + 1, total)} of {total}"]
        if self._retained_bytes is not None:
            parts.append(f"{format_bytes(self._retained_bytes)} retained")
        left = self.seconds_left()
        if left is not None and left >= MIN_SHOWN_SECONDS:
            parts.append(f"{_seconds(left)} left")
        return parts

    def _parts_of_step(self) -> list[str]:
        passed = self._clock() - self._step_began
        parts = [self._step]
        if passed >= MIN_SHOWN_SECONDS:
            parts.append(_seconds(passed))
        if self._most_seconds - passed >= MIN_SHOWN_SECONDS:
            parts.append(f"at most {_seconds(self._most_seconds - passed)} left")
        return parts

    def seconds_left(self) -> float | None:
        """Return the time of the iterations that are left, if they take as long as those so far; None before the first."""
        if not self.done or self.total is None:
            return None
        mean = (self._iteration_ended - self._iterations_began) / self.done
        return mean * (self.total - self.done) - (self._clock() - self._iteration_ended)


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 59.5 else format_seconds(round(seconds))
