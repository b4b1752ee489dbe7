"""Caller attribution: further iterations with stacks, where the growing sites lie in a library."""

from __future__ import annotations

from collections.abc import Sequence

from otel_memeval import wire
from otel_memeval.analysis.assessment import Assessment
from otel_memeval.analysis.callers import (
    CallStack,
    CodeOwnership,
    attribute_to_callers,
    attribution_iterations,
    callers_of,
    needs_more_frames,
)
from otel_memeval.analysis.holder_contents import HolderContents
from otel_memeval.analysis.sites_and_holders import GrowingSite
from otel_memeval.records import CallerAttribution
from otel_memeval.run.failures import failure_record
from otel_memeval.run.follow_up.budget import FollowUpBudget
from otel_memeval.run.history import RunHistory
from otel_memeval.run.observer import Observer
from otel_memeval.run.worker_client import WorkerClient

FRAMES = 12
"""Frames of a stack: enough for nearly all callers; each frame costs time."""

MOST_FRAMES = 60
"""Frames of a second attempt where 12 did not reach the code of the scenario: through a framework and a client."""

MOST_SITES = 200
"""Growing sites that are attributed, largest growth first."""


class CallerSearch:
    """Finds the callers of growing sites of a library."""

    def __init__(self, loaded: wire.Loaded, history: RunHistory, secrets: tuple[str, ...]) -> None:
        self._ownership = CodeOwnership(target_file=loaded.file, library_folder=loaded.library_folder)
        self._history = history
        self._secrets = secrets
        self._started_iterations = 0
        self._frames = 0
        self.stacks: list[CallStack] = []
        """Stacks of the growing sites, from the last attempt."""
        self.grown_types: wire.GrownTypes | None = None
        """Types of the objects that stayed, if they were asked for."""
        self.problem: str | None = None
        """Reason why the last attempt found nothing."""
        self.count = 0
        """Iterations of each attempt."""

    def run(
        self, client: WorkerClient, budget: FollowUpBudget, assessment: Assessment, observer: Observer, *, explain: bool
    ) -> None:
        """Run the further iterations if a site of a library grows, or with ``explain`` if any does.

        With ``explain`` the types of the objects that stay are found as well. Raises ``WorkerEnded``.
        """
        number = self._history.file_numbers()
        known = [site for site in assessment.sites if site.key[0] in number][:MOST_SITES]
        of_libraries = [site for site in known if not self._ownership.is_scenario_code(site.key[0])]
        wanted = known if explain else of_libraries
        if not of_libraries and not explain:
            return
        step = "the explanation" if explain else "the search for callers"
        budget.begin_step(step)
        evidence = assessment.evidence
        series = [evidence.sites.get(site.key, ()) for site in wanted]
        needed = attribution_iterations(series, evidence.readings_every)
        self.count = budget.calls(needed, self._history.usual_seconds())
        numbered = [(number[site.key[0]], site.key[1]) for site in wanted]
        purpose = "to explain the growth" if explain else "to find the callers of the library's growing lines"
        for frames in (FRAMES, MOST_FRAMES):
            if frames == MOST_FRAMES:
                budget.begin_step(f"{step} through more than {FRAMES} calls")
            observer.on_note(f"{self.count} more iterations, not measured, {purpose}")
            self._frames = frames
            client.send(
                wire.AttributeCallers(
                    frames=frames,
                    count=self.count,
                    explain=explain and frames == FRAMES,
                    sites=numbered,
                    seconds=budget.remaining_seconds,
                )
            )
            self._take(client, assessment.sites)
            if self.problem is not None or not needs_more_frames(of_libraries, self.stacks, self._ownership):
                break

    def _take(self, client: WorkerClient, sites: Sequence[GrowingSite]) -> None:
        """Take the answer to one attempt; an iteration counts from its start."""
        self._started_iterations += 1
        answer = client.until(wire.Stacks, self._take_progress)
        if answer.failure is None:
            self._started_iterations -= 1
            self.stacks = [_call_stack(stack) for stack in answer.stacks]
            self._history.add_callers(callers_of(sites, self.stacks, self._ownership))
            return
        failure = failure_record(answer.failure, self._secrets)
        self.problem = f"{failure.type}: {failure.message}"
        if self._frames == FRAMES:
            self.stacks = []

    def _take_progress(self, message: wire.AnyMessage) -> None:
        if isinstance(message, wire.GrownTypes):
            self.grown_types = message
        elif isinstance(message, wire.FollowUpIteration):
            self._started_iterations += 1

    def attributed(self, sites: Sequence[GrowingSite], holders: Sequence[HolderContents]) -> tuple[GrowingSite, ...]:
        """Return the sites with lines of a library replaced by their callers; unchanged where no stacks are known."""
        packages = [contents.path.partition(".")[0] for contents in holders if contents.path]
        return attribute_to_callers(sites, self.stacks, self._ownership, packages) if self.stacks else tuple(sites)

    def reasons(self) -> tuple[str, ...]:
        """Return the sentence of the verdict for a search that failed; nothing if it did not."""
        if self.problem is None:
            return ()
        return (f"the callers of the library's lines are not known: the further iterations ended with {self.problem}",)

    def record(self) -> CallerAttribution | None:
        """Return the record for the result; None if no iterations were run."""
        if not self._started_iterations:
            return None
        return CallerAttribution(iterations=self._started_iterations, frames=self._frames, problem=self.problem)


def _call_stack(info: wire.StackInfo) -> CallStack:
    return CallStack(frames=info.frames, complete=info.complete, alive_bytes=info.alive_bytes, added_bytes=info.added_bytes)
