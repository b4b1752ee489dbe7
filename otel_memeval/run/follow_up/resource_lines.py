"""Lines that made the resources that grow: of the objects that own them, else of the calls in further iterations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from otel_memeval import wire
from otel_memeval.analysis.assessment import Assessment
from otel_memeval.analysis.callers import CodeOwnership
from otel_memeval.analysis.evidence import SiteKey
from otel_memeval.analysis.resources import ResourceGrowth
from otel_memeval.run.failures import failure_record
from otel_memeval.run.follow_up.budget import FollowUpBudget
from otel_memeval.run.follow_up.callers import MOST_FRAMES
from otel_memeval.run.history import RunHistory
from otel_memeval.run.observer import Observer
from otel_memeval.run.worker_client import WorkerClient

ITERATIONS = 2
"""Iterations that show the line of a resource that each of them makes."""

_MOST_ITERATIONS = 20


class ResourceLineSearch:
    """Finds the lines that made the resources that grow."""

    def __init__(self, loaded: wire.Loaded, history: RunHistory, secrets: tuple[str, ...]) -> None:
        self._ownership = CodeOwnership(target_file=loaded.file, library_folder=loaded.library_folder)
        self._history = history
        self._secrets = secrets
        self._lines: dict[str, tuple[SiteKey, ...]] = {}
        self.problem: str | None = None
        """Reason why the further iterations found nothing."""

    def take_owners(self) -> None:
        """Take the lines of objects that own resources, as far as they are known without further iterations."""
        self._take(self._history.resources.added)

    def run(self, client: WorkerClient, budget: FollowUpBudget, assessment: Assessment, observer: Observer) -> None:
        """Run further iterations if the line of a resource that grows is not known. Raises ``WorkerEnded``."""
        growing = assessment.judgement.resources.growing
        unknown = [resource for resource in growing if resource.name not in self._lines or resource.name == "threads"]
        if not unknown:
            return
        budget.begin_step("the search for the lines that leave resources behind")
        count = min(_MOST_ITERATIONS, ITERATIONS * math.ceil(1 / min(resource.per_iteration for resource in unknown)))
        observer.on_note(f"{count} more iterations, not measured, to find the lines that leave resources behind")
        added = [(resource.name, _added_in(resource, count)) for resource in unknown]
        client.send(
            wire.DescribeResources(
                added=added, grace_seconds=0.0, frames=MOST_FRAMES, iterations=count, seconds=budget.remaining_seconds
            )
        )
        answer = client.until(wire.ResourceDescriptions, lambda _: None)
        if answer.failure is None:
            self._take(answer.added)
            return
        failure = failure_record(answer.failure, self._secrets)
        self.problem = f"{failure.type}: {failure.message}"

    def reasons(self) -> tuple[str, ...]:
        """Return the sentence of the verdict for iterations that failed; nothing if they did not."""
        if self.problem is None:
            return ()
        return (f"the lines that leave resources behind are not known: the further iterations ended with {self.problem}",)

    def _take(self, added: Mapping[str, Sequence[wire.AddedResources]]) -> None:
        for name, groups in added.items():
            lines: Counter[SiteKey] = Counter()
            for group in groups:
                line = next((frame for frame in group.frames if self._ownership.is_scenario_code(frame[0])), None)
                if line is not None:
                    lines[line] += group.count
            if lines:
                self._lines[name] = tuple(line for line, _ in lines.most_common())
        self._history.add_resource_lines(self._lines)


def _added_in(resource: ResourceGrowth, iterations: int) -> int:
    """Return how many resources the further iterations add."""
    return max(1, round(resource.per_iteration * iterations))
