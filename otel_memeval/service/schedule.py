"""Schedule the turns of the service: a grid in time, each turn delayed a little at random. Pure.

Delays keep services that start together from running together. Turn 0 is at the start; turn n is n intervals later, plus
its delay. Delays do not add up, so the grid does not drift. A turn that comes while targets are being measured is skipped.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

LARGEST_DELAY_SHARE = 0.1
"""Largest delay as a share of the interval."""
LARGEST_DELAY_SECONDS = 60.0
_DIGITS = 13
"""Hexadecimal digits of a number that a float holds exactly."""
_NUMBERS = 1 << 4 * _DIGITS


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Turns on a clock in seconds; ``seed`` decides their delays."""

    start_seconds: float
    interval_seconds: float
    seed: int

    def moment(self, turn: int) -> float:
        """Return the time of a turn, at least nine tenths of an interval after the turn before."""
        if turn <= 0:
            return self.start_seconds
        most = min(LARGEST_DELAY_SHARE * self.interval_seconds, LARGEST_DELAY_SECONDS)
        return self.start_seconds + turn * self.interval_seconds + most * self._random(turn)

    def latest(self, now: float) -> int:
        """Return the last turn that is due at ``now``."""
        turn = max(0, int((now - self.start_seconds) / self.interval_seconds))
        while turn and self.moment(turn) > now:
            turn -= 1
        return turn

    def skipped(self, turn: int, now: float) -> int:
        """Return the number of turns after ``turn`` that came until ``now``."""
        return max(0, self.latest(now) - turn)

    def _random(self, turn: int) -> float:
        """Return a number from 0 up to 1, the same for the same turn."""
        digest = sha256(f"{self.seed}/{turn}".encode()).hexdigest()[:_DIGITS]
        return int(digest, 16) / _NUMBERS
