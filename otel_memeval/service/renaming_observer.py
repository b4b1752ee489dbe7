"""Two targets whose evals have the same name: the second is told by another, to every exporter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from otel_memeval.records import Result
from otel_memeval.run.observer import Observer, Several
from otel_memeval.run.plan import Plan


class Named(Several):
    """Tells several observers of one run, its eval by the name that ``name_for`` makes of its own."""

    def __init__(self, observers: Sequence[Observer], name_for: Callable[[str], str]) -> None:
        super().__init__(observers)
        self._name_for = name_for

    def described(self, description: str, plan: Plan) -> None:
        """To each."""
        replace = msgspec.structs.replace
        super().described(description, replace(plan, eval=replace(plan.eval, name=self._name_for(plan.eval.name))))

    def judged(self, result: Result) -> None:
        """To each."""
        super().judged(self.named(result))

    def named(self, result: Result) -> Result:
        """The result, by that name."""
        replace = msgspec.structs.replace
        return replace(result, eval=replace(result.eval, name=self._name_for(result.eval.name)))
