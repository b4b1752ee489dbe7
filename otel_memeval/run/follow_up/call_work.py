"""Watched call: one more iteration of a scenario that seems to do nothing, to see whether it works and what it drops."""

from __future__ import annotations

from collections.abc import Callable

from otel_memeval import wire
from otel_memeval.analysis.assessment import Assessment
from otel_memeval.analysis.evidence import CallWork, DroppedStream
from otel_memeval.analysis.idle import may_be_idle
from otel_memeval.redact import one_line, shortened
from otel_memeval.run.failures import failure_record
from otel_memeval.run.follow_up.budget import FollowUpBudget
from otel_memeval.run.history import RunHistory
from otel_memeval.run.worker_client import WorkerClient
from otel_memeval.units import format_location
from otel_memeval.verdicts import State

NEVER_IDLE: tuple[State, ...] = ("failed", "leaking", "native-leak", "bounded")
"""States that are decided before idleness is (docs/verdicts.md)."""

_LONGEST_NAME_CHARACTERS = 80


class CallWorkStep:
    """Takes the work of one watched call into the history of a run.

    ``display_path`` returns a path as the report shows it.
    """

    def __init__(self, history: RunHistory, secrets: tuple[str, ...], display_path: Callable[[str], str]) -> None:
        self._history = history
        self._secrets = secrets
        self._display_path = display_path
        self.problem: str | None = None
        """Reason why the call shows nothing."""

    def run(self, client: WorkerClient, budget: FollowUpBudget, assessment: Assessment) -> None:
        """Have one call watched if the scenario may be idle, and nothing grows. Raises ``WorkerEnded``.

        The call is not announced: one that waits for nothing asks no model, and it takes some milliseconds.
        """
        if assessment.judgement.memory_state in NEVER_IDLE or not may_be_idle(assessment.evidence):
            return
        budget.begin_step("the call to see whether the scenario works")
        client.send(wire.WatchCall())
        message = client.receive_as(wire.WatchedCall)
        if message.failure is not None:
            failure = failure_record(message.failure, self._secrets)
            self.problem = f"{failure.type}: {failure.message}"
            return
        self._history.add_call_work(
            CallWork(
                computes=message.computes,
                communicates=message.communicates,
                dropped=tuple(map(self._dropped_object, message.dropped)),
            )
        )

    def _dropped_object(self, info: wire.DroppedObjectInfo) -> DroppedStream:
        name = info.name.replace(".<locals>", "")
        place = f"{format_location(self._display_path(info.file), info.line)} ({info.function})"
        return DroppedStream(
            kind=info.object,
            name=shortened(one_line(name, self._secrets), _LONGEST_NAME_CHARACTERS),
            place=one_line(place, self._secrets),
        )

    def reasons(self) -> tuple[str, ...]:
        """Return the sentence of the verdict for a call that failed; nothing if it did not."""
        return () if self.problem is None else (f"the call to see whether the scenario works ended with {self.problem}",)
