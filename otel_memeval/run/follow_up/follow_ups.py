"""Steps after the measured iterations; the verdict so far decides which of them are taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from otel_memeval import wire
from otel_memeval.config import Settings
from otel_memeval.records import Explanation
from otel_memeval.run.follow_up.batched_readings import BatchedReadingStep
from otel_memeval.run.follow_up.budget import FollowUpBudget, StepLeftOutError
from otel_memeval.run.follow_up.call_work import CallWorkStep
from otel_memeval.run.follow_up.callers import CallerSearch
from otel_memeval.run.follow_up.explanation import Explainer
from otel_memeval.run.follow_up.resource_lines import ResourceLineSearch
from otel_memeval.run.history import RunHistory
from otel_memeval.run.locations import SourceLookup
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.run.worker_client import WorkerClient
from otel_memeval.supervisor import WorkerEnded
from otel_memeval.verdicts import State

EXPLAINED: tuple[State, ...] = ("leaking", "bounded", "native-leak", "creeping")
"""States that ``--explain`` applies to."""

ATTRIBUTED: tuple[State, ...] = ("leaking", "native-leak")
"""States whose sites are attributed to their callers without ``--explain``."""


class FollowUps:
    """The steps after the measured iterations of one run, with their findings."""

    def __init__(
        self, loaded: wire.Loaded, options: Options, history: RunHistory, observer: Observer, settings: Settings
    ) -> None:
        self._options = options
        self._history = history
        self._observer = observer
        source_lookup = SourceLookup(settings.folder)
        self.batched_readings = BatchedReadingStep(history, settings.secrets)
        self.callers = CallerSearch(loaded, history, settings.secrets)
        self._resource_lines = ResourceLineSearch(loaded, history, settings.secrets)
        self._explainer = Explainer(source_lookup, settings.secrets)
        self._call_work = CallWorkStep(history, settings.secrets, source_lookup.display_path)
        self._incomplete = ""
        self.left_out: list[str] = []
        """Sentences for the steps that did not fit into the budget."""

    def run(self, client: WorkerClient, budget: FollowUpBudget) -> None:
        """Take the steps that the assessment calls for, as far as the budget allows.

        Raises ``WorkerEnded`` when the worker ends in a step; that step has the reason as its problem.
        """
        unsearched = self._history.unsearched_bounds
        if unsearched:
            self.left_out.append(
                f"the bounds of {unsearched} more growing containers were not searched for: {budget.reason}"
            )
        if self._options.follow_up:
            with self._step(self._call_work, "watching one more call", budget):
                self._call_work.run(client, budget, self._history.assessment())
            with self._step(self.batched_readings, "looking for small steps in the C heap", budget):
                self.batched_readings.run(client, budget, self._history.assessment(), self._observer)
        self._resource_lines.take_owners()
        if self._options.follow_up:
            with self._step(self._resource_lines, "looking for lines that leave resources behind", budget):
                self._resource_lines.run(client, budget, self._history.assessment(), self._observer)
        assessment = self._history.assessment()
        state = assessment.judgement.state
        explain = self._options.explain and state in EXPLAINED
        if state != "creeping" and (explain or (self._options.follow_up and state in ATTRIBUTED)):
            with self._step(self.callers, "looking for callers", budget):
                self.callers.run(client, budget, assessment, self._observer, explain=explain)
        if explain:
            with self._step(self._explainer, "recording stacks", budget):
                self._explainer.run(client, budget, state, self._observer)

    @contextmanager
    def _step(
        self,
        step: CallWorkStep | BatchedReadingStep | CallerSearch | ResourceLineSearch | Explainer,
        name: str,
        budget: FollowUpBudget,
    ) -> Iterator[None]:
        """Announce a step; note that it was left out, or the reason as its problem if the worker ends in it."""
        self._observer.on_step(name, budget.remaining_seconds)
        try:
            yield
        except StepLeftOutError as left_out:
            self.left_out.append(str(left_out))
        except WorkerEnded as ended:
            step.problem = f"{ended.type}: {ended}"
            raise

    def _steps(self) -> tuple[CallWorkStep, BatchedReadingStep, CallerSearch, ResourceLineSearch]:
        return self._call_work, self.batched_readings, self.callers, self._resource_lines

    def end(self, ended: WorkerEnded) -> None:
        """Note that the worker ended after the measured iterations, before all steps were taken."""
        self._incomplete = f"the search after the last iteration is incomplete, it ended with {ended.type}: {ended}"

    def reasons(self) -> tuple[str, ...]:
        """Return the sentences of the verdict for steps that failed or were left out."""
        reasons = (*(reason for step in self._steps() for reason in step.reasons()), *self.left_out)
        return reasons or ((self._incomplete,) if self._incomplete else ())

    def explanation(self) -> Explanation | None:
        """Return the explanation; None without ``--explain``."""
        return self._explainer.explanation(self.callers) if self._options.explain else None
