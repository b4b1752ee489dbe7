"""Mask secrets in everything that a run reports, on its way to the observers."""

from __future__ import annotations

import msgspec

from otel_memeval.records import Iteration
from otel_memeval.redact import Masker
from otel_memeval.run.locations import SiteChange
from otel_memeval.run.observer import Observer, ObserverGroup
from otel_memeval.run.plan import Plan


class MaskingObserver(ObserverGroup):
    """Passes every call on with its texts masked. Spans and results are masked before."""

    def __init__(self, observer: Observer, masker: Masker) -> None:
        super().__init__([observer])
        self._masker = masker

    def on_set_up(self, description: str, plan: Plan) -> None:
        """Pass the call on without secrets."""
        plan = msgspec.structs.replace(plan, eval=self._masker.record(plan.eval))
        super().on_set_up(self._masker.text(description), plan)

    def on_iteration(self, iteration: Iteration, changes: list[SiteChange], total: int) -> None:
        """Pass the call on without secrets; ``source`` of a site stays, since it is read and not shown."""
        changes = [msgspec.structs.replace(change, file=self._masker.text(change.file)) for change in changes]
        super().on_iteration(self._masker.record(iteration), changes, total)

    def on_extension(self, total: int, reason: str) -> None:
        """Pass the call on without secrets."""
        super().on_extension(total, self._masker.text(reason))

    def on_note(self, note: str) -> None:
        """Pass the call on without secrets."""
        super().on_note(self._masker.text(note))

    def on_output(self, output: str) -> None:
        """Pass the call on without secrets."""
        super().on_output(self._masker.text(output))
