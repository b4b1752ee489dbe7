"""When runs begin: a grid of turns, each a little late by chance, so that many exporters do not run at once. Pure.

Turn 0 is at the start; turn n is n intervals later, plus its delay. Delays do not add up: the grid does not drift. A turn
that comes while the run before is not over is missed; it is not made up for.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

LARGEST_DELAY_SHARE = 0.1
"""Of the interval."""
LARGEST_DELAY_SECONDS = 60.0
_DIGITS = 13
"""Of a hexadecimal number that a float holds exactly."""
_NUMBERS = 1 << 4 * _DIGITS


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Turns on a clock in seconds. ``seed`` decides their delays."""

    start_seconds: float
    interval_seconds: float
    seed: int

    def moment(self, turn: int) -> float:
        """When a turn is due. Always later than the turn before, by nine tenths of the interval at least."""
        if turn <= 0:
            return self.start_seconds
        most = min(LARGEST_DELAY_SHARE * self.interval_seconds, LARGEST_DELAY_SECONDS)
        return self.start_seconds + turn * self.interval_seconds + most * self._chance(turn)

    def latest(self, now: float) -> int:
        """The last turn that is due at ``now``."""
        turn = max(0, int((now - self.start_seconds) / self.interval_seconds))
        while turn and self.moment(turn) > now:
            turn -= 1
        return turn

    def missed(self, turn: int, now: float) -> int:
        """How many turns came after ``turn``, until ``now``."""
        return max(0, self.latest(now) - turn)

    def _chance(self, turn: int) -> float:
        """At least 0, less than 1, the same for the same turn."""
        digest = sha256(f"{self.seed}/{turn}".encode()).hexdigest()[:_DIGITS]
        return int(digest, 16) / _NUMBERS
