"""Define faults on demand: every n-th model request fails in a chosen way, and every answer can be delayed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fault = Literal["429", "500", "cut"]


@dataclass(frozen=True, slots=True)
class Faults:
    """Settings of faults. With ``every_429=3`` requests 3, 6, 9, … get status 429; 0 is never.

    If several faults apply to a request, the first field here takes precedence.
    """

    latency_ms: int = 0
    every_429: int = 0
    every_500: int = 0
    every_cut: int = 0

    def of_request(self, number: int) -> Fault | None:
        """Return the fault of the ``number``-th model request, counted from 1, or None."""
        if self.every_429 and number % self.every_429 == 0:
            return "429"
        if self.every_500 and number % self.every_500 == 0:
            return "500"
        if self.every_cut and number % self.every_cut == 0:
            return "cut"
        return None
