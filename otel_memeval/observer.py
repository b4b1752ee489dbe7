"""Who watches a run."""

from __future__ import annotations

from typing import Protocol

from otel_memeval.plan import Plan
from otel_memeval.records import Iteration


class Observer(Protocol):
    """Who wants to know while a run goes on."""

    def described(self, description: str, plan: Plan) -> None:
        """The scenario is set up, and says what it runs against."""

    def iterated(self, iteration: Iteration, growing: list[tuple[str, int, int]], total: int) -> None:
        """An iteration is done, of ``total`` (warm-ups included); ``growing``: file, line, bytes more than before."""

    def extended(self, total: int, why: str) -> None:
        """The run goes on to ``total`` iterations because it is undecided."""

    def noted(self, what: str) -> None:
        """Something is done that is not measured."""

    def printed(self, output: str) -> None:
        """The end of what the scenario printed, once the run is over."""


class Silent:
    """An observer that wants to know nothing."""

    def described(self, description: str, plan: Plan) -> None:
        """Nothing."""

    def iterated(self, iteration: Iteration, growing: list[tuple[str, int, int]], total: int) -> None:
        """Nothing."""

    def extended(self, total: int, why: str) -> None:
        """Nothing."""

    def noted(self, what: str) -> None:
        """Nothing."""

    def printed(self, output: str) -> None:
        """Nothing."""
