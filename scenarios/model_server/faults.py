"""Faults on demand: every n-th model request fails in a chosen way, and every one may be late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fault = Literal["429", "500", "cut"]


@dataclass(frozen=True, slots=True)
class Faults:
    """``every_429=3``: requests 3, 6, 9, … are answered 429; 0 is never. If two fall together, the first named wins."""

    latency_ms: int = 0
    every_429: int = 0
    every_500: int = 0
    every_cut: int = 0

    def of_request(self, number: int) -> Fault | None:
        """What happens to the ``number``-th model request, counted from 1."""
        if self.every_429 and number % self.every_429 == 0:
            return "429"
        if self.every_500 and number % self.every_500 == 0:
            return "500"
        if self.every_cut and number % self.every_cut == 0:
            return "cut"
        return None
