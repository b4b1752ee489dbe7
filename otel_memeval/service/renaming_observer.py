"""Two targets whose evals have the same name: the second is told by another, to every exporter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from otel_memeval.records import Result
from otel_memeval.run.observer import Observer, ObserverGroup
from otel_memeval.run.plan import Plan


class Named(ObserverGroup):
    """Tells several observers of one run, its eval by the name that ``name_for`` makes of its own."""

    def __init__(self, observers: Sequence[Observer], name_for: Callable[[str], str]) -> None:
        super().__init__(observers)
        self._name_for = name_for

    def on_set_up(self, description: str, plan: Plan) -> None:
        """To each."""
        replace = msgspec.structs.replace
        super().on_set_up(description, replace(plan, eval=replace(plan.eval, name=self._name_for(plan.eval.name))))

    def on_result(self, result: Result) -> None:
        """To each."""
        super().on_result(self.named(result))

    def named(self, result: Result) -> Result:
        """The result, by that name."""
        replace = msgspec.structs.replace
        return replace(result, eval=replace(result.eval, name=self._name_for(result.eval.name)))
