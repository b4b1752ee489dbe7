"""Rename evals for all exporters, so that two evals of the same name have different labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from otel_memeval.records import Eval, Result
from otel_memeval.run.observer import Observer, ObserverGroup
from otel_memeval.run.plan import Plan


class RenamingObserver(ObserverGroup):
    """Passes every call on to several observers, with the eval's name replaced by ``new_name``."""

    def __init__(self, observers: Sequence[Observer], new_name: Callable[[str], str]) -> None:
        super().__init__(observers)
        self._new_name = new_name

    def on_set_up(self, description: str, plan: Plan) -> None:
        """Pass the call on with the new name."""
        super().on_set_up(description, msgspec.structs.replace(plan, eval=_renamed(plan.eval, self._new_name)))

    def with_comparison(self, result: Result) -> Result:
        """Return the result with the comparison of the eval that has the new name in the history."""
        compared = super().with_comparison(rename_eval(result, self._new_name))
        return msgspec.structs.replace(result, baseline_comparison=compared.baseline_comparison)

    def on_result(self, result: Result) -> None:
        """Pass the call on with the new name."""
        super().on_result(rename_eval(result, self._new_name))


def rename_eval(result: Result, new_name: Callable[[str], str]) -> Result:
    """Return the result with another name of its eval."""
    return msgspec.structs.replace(result, eval=_renamed(result.eval, new_name))


def _renamed(eval_: Eval, new_name: Callable[[str], str]) -> Eval:
    return msgspec.structs.replace(eval_, name=new_name(eval_.name))
