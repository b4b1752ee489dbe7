"""One run of one loaded eval: set-up, iterations, follow-ups, tear-down, result."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from datetime import datetime, timezone

import msgspec

from otel_memeval import wire
from otel_memeval.analysis.assessment import Assessment
from otel_memeval.config import PROJECT_TABLE
from otel_memeval.errors import TargetError, WorkerError
from otel_memeval.records import Eval, Failure, Iteration, Result, Run
from otel_memeval.redact import Masker, one_line
from otel_memeval.run.containers import MOST_DESCRIBED, MOST_SEARCHED_SITES, holder_records
from otel_memeval.run.context import RunContext
from otel_memeval.run.eval_record import eval_record, store_run
from otel_memeval.run.failures import failure_record
from otel_memeval.run.follow_up.budget import FollowUpBudget
from otel_memeval.run.follow_up.follow_ups import FollowUps
from otel_memeval.run.history import RunHistory
from otel_memeval.run.imports import import_reasons, is_first_unusual, late_imports
from otel_memeval.run.locations import SiteChange, SourceLookup
from otel_memeval.run.masking_observer import MaskingObserver
from otel_memeval.run.plan import longer_run, plan
from otel_memeval.run.resources import GRACE_SECONDS
from otel_memeval.run.result import exceeded, summarize, verdict
from otel_memeval.run.scenario_spans import ScenarioSpans
from otel_memeval.run.suppressions import Suppressions, ignore_rules, suppressed_records
from otel_memeval.run.target_error import target_error
from otel_memeval.run.worker_client import Worker, WorkerClient
from otel_memeval.supervisor import WorkerEnded, uninterrupted
from otel_memeval.tracing.ids import trace_id


class Session:
    """Measures one eval that a worker has loaded.

    ``measure`` raises ``WorkerEnded`` when the worker ends; ``result`` has the iterations until then.
    """

    def __init__(self, context: RunContext, target: str, loaded: wire.Loaded, client: WorkerClient) -> None:
        """Plan the run. Raises ``UsageError`` for numbers that make no run."""
        self._start, self._options, observer, self._settings = context
        self._masker = Masker(self._settings.secrets)
        self._observer = MaskingObserver(observer, self._masker)
        self._target = target
        self._client = client
        self._plan = plan(loaded, self._options, ignore_rules(self._settings.project.ignore, f"ignore of {PROJECT_TABLE}"))
        self._source_lookup = SourceLookup(self._settings.folder)
        self._history = RunHistory(loaded, self._source_lookup.display_path, self._settings.secrets, self._suppressions())
        self._has_database = loaded.has_database
        self._store_problem = ""
        self._follow_ups = FollowUps(loaded, self._options, self._history, self._observer, self._settings)
        self._description = self._event_loop = ""
        self._measured = False
        self._packages: dict[str, str] = {}
        self._missing_channels = client.hello.missing_channels
        self.names = loaded.names
        """Names of all evals of the target, this one first."""
        self.failure: Failure | None = None
        """Reason why the run ended early."""

    @classmethod
    def load(cls, context: RunContext, worker: Worker, source: str, name: str) -> Session:
        """Have the worker load the eval ``name`` of ``source`` (the first one if empty).

        Raises ``TargetError`` or ``UsageError`` if there is nothing to measure.
        """
        start, options, observer, settings = context
        client = WorkerClient(worker, options.timeout_seconds, ScenarioSpans(options, settings, observer))
        if client.spans.wanted:
            client.send(client.spans.command(start.run_id))
        observer.on_step("importing the scenario")
        client.send(wire.LoadTarget(source=source, name=name))
        try:
            answer = client.receive()
        except WorkerEnded as ended:
            raise TargetError(f"importing {source} ended the process: {ended}") from None
        if isinstance(answer, wire.TargetRejected):
            raise target_error(answer, settings.secrets, settings.folder, options.python)
        loaded = wire.expect(answer, wire.Loaded)
        return cls(context, f"{source}:{name or loaded.names[0]}", loaded, client)

    @property
    def eval(self) -> Eval:
        """The eval with the numbers of this run."""
        return self._plan.eval

    def measure(self) -> None:
        """Run the eval to its end: an undecided run is extended, a failed one is cut short."""
        if not self._set_up():
            return
        eval_ = self._plan.eval
        total = eval_.iterations
        complete = self._iterate("warmup", eval_.warmup, total) and self._iterate("measured", total, total)
        most = self._plan.most_iterations
        while complete and total < most:
            judgement = self.assessment().judgement
            longer = longer_run(total, judgement.iterations_needed or 0, most, self._history.readings_every)
            if judgement.state != "inconclusive" or longer == total:
                break
            total = longer
            self._observer.on_extension(eval_.warmup + total, judgement.reasons[0])
            complete = self._iterate("measured", total - self._history.measured, total)
        self._measured = True
        budget = FollowUpBudget.begin(self._options.follow_up_budget_seconds)
        try:
            self._describe_containers(budget)
            self._describe_resources()
            self._follow_ups.run(self._client, budget)
            if self._has_database:
                self._observer.on_step("storing the run in the eval's database")
                self._store_problem = store_run(self._client, self.eval_record(), self._settings.secrets)
        except WorkerEnded as ended:  # what was measured is judged all the same
            self._follow_ups.end(ended)
            return
        self._tear_down()

    def _suppressions(self) -> Suppressions:
        lookup = self._source_lookup
        return Suppressions(self._plan.ignore, lookup.display_path, lambda site: lookup.location(site).function)

    def _set_up(self) -> bool:
        """Run the set-up; return False if it failed."""
        self._observer.on_step("set-up")
        self._client.send(wire.SetUp())
        answer = self._client.receive()
        if isinstance(answer, wire.SetUpFailed):
            failure = failure_record(answer.failure, self._settings.secrets, self._source_lookup.display_path)
            self.failure = Failure(type=failure.type, message=f"{answer.stage} failed: {failure.message}")
            return False
        ready = wire.expect(answer, wire.Ready)
        self._description = one_line(ready.description, self._settings.secrets)
        self._event_loop = ready.event_loop
        self._observer.on_set_up(self._description, self._plan)
        self._observer.on_start(self._start.run_id, self._start.started_at, self._history.add_initial_reading(ready))
        self._client.spans.end_of_step()
        return True

    def _iterate(self, phase: str, count: int, measured: int) -> bool:
        """Run ``count`` more iterations of ``measured`` in all; return whether all were done and none failed."""
        if not self._options.in_turn:
            return count <= 0 or self._iterate_at_once(phase, count, measured)
        for _ in range(count):
            self._observer.before_iteration()
            if not self._iterate_at_once(phase, 1, measured):
                return False
        return True

    def _iterate_at_once(self, phase: str, count: int, measured: int) -> bool:
        """Run iterations as ``_iterate``, without a pause between them."""
        first = index = 1 + (self._history.warmups if phase == "warmup" else self._history.measured)
        keep_going = self._options.keep_going
        self._client.send(wire.Iterate(phase=phase, first=first, count=count, keep_going=keep_going))
        failed = tracing_stopped = False
        while True:
            started_at = datetime.now(timezone.utc).isoformat()
            start_seconds = time.monotonic()
            try:
                message = self._client.receive()
            except WorkerEnded as ended:
                error = Failure(type=ended.type, message=str(ended))
                seconds = time.monotonic() - start_seconds
                self._report(self._history.add_failed_iteration(phase, index, started_at, seconds, error), measured)
                raise
            if isinstance(message, wire.IterationDone):
                failed = failed or message.failure is not None
                with uninterrupted():
                    self._report(self._history.add_iteration(message, self._client.spans.end_of_step()), measured)
            elif isinstance(message, wire.TracingStopped):
                tracing_stopped = True
                self._report(self._add_untraced(message), measured)
            elif isinstance(message, wire.Paused):
                return index == first + count and not tracing_stopped and (self._options.keep_going or not failed)
            index += 1

    def _add_untraced(self, message: wire.TracingStopped) -> Iteration:
        problem = "the scenario stopped or cleared tracemalloc, so its memory cannot be read; remove that call"
        return self._history.add_failed_iteration(
            message.phase,
            message.index,
            message.started_at,
            message.duration_seconds,
            Failure(type="Untraced", message=problem),
        )

    def _report(self, iteration: Iteration, measured: int) -> None:
        """Report an iteration, and the sites that grew in it, to the observer."""
        changes = []
        if iteration.retained_bytes is not None:
            changes = [
                SiteChange(
                    file=self._source_lookup.display_path(file),
                    line=line,
                    grown_bytes=grown_bytes,
                    grown_blocks=blocks,
                    source=file,
                )
                for (file, line), grown_bytes, blocks in self._history.latest_changes()[: self._plan.top]
            ]
        self._observer.on_iteration(iteration, changes, self._plan.eval.warmup + measured)

    def _describe_containers(self, budget: FollowUpBudget) -> None:
        """Have the worker describe the growing containers."""
        self._observer.on_step("looking for holders", budget.remaining_seconds)
        judgement = self.assessment().judgement
        asked = [holder.id for holder in judgement.holders[:MOST_DESCRIBED]]
        undecided = list(judgement.undecided_holders[:MOST_DESCRIBED])
        if self._options.describe_all:
            holders = sorted(self.assessment().evidence.holders, key=lambda holder: holder.lengths[0] - holder.lengths[-1])
            undecided = [holder.id for holder in holders[:MOST_DESCRIBED] if holder.id not in asked]
        leaking = self._history.numbered([site.key for site in judgement.sites[:MOST_SEARCHED_SITES]])
        grown = self._history.risen_sites()
        seconds = budget.remaining_seconds
        self._client.send(
            wire.DescribeContainers(holders=asked, undecided=undecided, grown=grown, leaking=leaking, seconds=seconds)
        )
        self._history.add_containers([*asked, *undecided], self._client.receive_as(wire.Holders))

    def _describe_resources(self) -> None:
        """Have the worker describe the resources that grow, after a grace period in which some may end."""
        self._observer.on_step("looking for resources that are left")
        added = self._history.added_resources()
        self._client.send(wire.DescribeResources(added=added, grace_seconds=GRACE_SECONDS if added else 0.0))
        self._history.add_resources(self._client.until(wire.ResourceDescriptions, lambda _: None))

    def eval_record(self) -> str:
        """Return the fields of the record that the database of the eval stores, as a JSON object."""
        iterations, assessment = self._history.iterations, self.assessment()
        statistics = summarize(iterations)
        state, growth = assessment.judgement.state, assessment.growth
        return eval_record(self._start.run_id, self._plan.eval, iterations, statistics, state, growth)

    def _tear_down(self) -> None:
        self._observer.on_step("tear-down")
        self._client.send(wire.Finish())
        finished = self._client.until(wire.Finished, lambda _: None)
        self._packages = finished.packages
        self._missing_channels = [*self._missing_channels, *finished.missing_channels]
        if finished.failure is not None:
            failure = failure_record(finished.failure, self._settings.secrets, self._source_lookup.display_path)
            self.failure = Failure(type=failure.type, message=f"teardown failed: {failure.message}")
        self._client.spans.end_of_step()

    def worker_ended(self, ended: WorkerEnded) -> None:
        """Note that the worker ended before the run was over."""
        stage = " during set-up" if self._history.initial_reading is None else " after the last iteration"
        in_iteration = any(iteration.error for iteration in self._history.iterations)
        self.failure = Failure(type=ended.type, message=f"{ended}{'' if in_iteration else stage}")

    def interrupted(self, pending: Iterable[wire.AnyMessage]) -> None:
        """Note an interruption; ``pending``: messages that the worker had already sent, the last received one first."""
        self.failure = Failure(type="Interrupted", message="interrupted; the iterations until then are reported")
        with contextlib.suppress(WorkerError):
            for place, message in enumerate(pending):
                if place and self._client.spans.take(message):  # a span at the first place was taken before
                    continue
                if self._history.initial_reading is None or not isinstance(message, wire.IterationDone):
                    continue
                if not self._history.has_iteration(message):
                    self._history.add_iteration(message, self._client.spans.end_of_step())

    def report_output(self, output: str) -> None:
        """Report the end of the scenario's output to the observer."""
        self._observer.on_output(output)

    def assessment(self) -> Assessment:
        """Return the assessment of everything that was measured so far."""
        return self._history.assessment()

    def result(self) -> Result:
        """Return the result of the run, without secrets, and report it to the observer."""
        assessment = self.assessment()
        iterations = self._history.iterations
        imports = late_imports(iterations, self._history.initial_reading)
        without_first = is_first_unusual(imports, iterations)
        import_notes = import_reasons(imports, first_is_left_out=without_first)
        judgement = msgspec.structs.replace(
            assessment.judgement,
            growth=assessment.growth,
            reasons=(*assessment.judgement.reasons, *import_notes, *self._later_reasons()),
        )
        attributed = self._follow_ups.callers.attributed(assessment.sites, assessment.holders)
        sites = [self._source_lookup.record(site) for site in attributed]
        all_holders = holder_records(assessment.holders)
        holders = all_holders[: self._plan.top]
        suppressed = suppressed_records(assessment.suppressed, self._source_lookup.display_path)
        result = Result(
            run=self._run_record(),
            eval=self._plan.eval,
            iterations=iterations,
            growth=judgement.growth,
            sites=sites[: self._plan.top],
            holders=holders,
            more_sites=len(sites[self._plan.top :]),
            more_holders=len(all_holders[self._plan.top :]),
            verdict=verdict(
                judgement,
                self._plan.eval,
                iterations,
                sites,
                holders,
                None if self._measured else self.failure,
                suppressed,
                self._missing_channels,
            ),
            statistics=summarize(iterations, without_first=without_first),
            suppressed=suppressed,
            resources=self._history.resources.record(judgement.resources, self._source_lookup.location),
            initial_reading=self._history.initial_reading,
            failure=self.failure,
            batched_readings=self._follow_ups.batched_readings.record(),
            caller_attribution=self._follow_ups.callers.record(),
            explanation=self._follow_ups.explanation(),
            left_out=self._follow_ups.left_out,
            limits_exceeded=exceeded(judgement.growth, self._plan.eval.limits),
        )
        result = self._masker.record(self._observer.with_comparison(result))
        self._observer.on_result(result)
        return result

    def _later_reasons(self) -> tuple[str, ...]:
        """Return the sentences of the verdict for what failed after the last measured iteration."""
        reasons = (*self._follow_ups.reasons(), *([self._store_problem] if self._store_problem else []))
        if not self._measured or self.failure is None or self.failure.type == "Interrupted":
            return reasons
        return (*reasons, f"{self.failure.type}: {self.failure.message}")

    def _run_record(self) -> Run:
        return Run(
            id=self._start.run_id,
            started_at=self._start.started_at,
            duration_seconds=time.monotonic() - self._start.monotonic_seconds,
            target=self._target,
            python=self._client.hello.python,
            platform=self._client.hello.platform,
            description=self._description,
            trace_id=trace_id(self._start.run_id, self._settings.parent),
            git=self._settings.git,
            packages=self._packages,
            missing_channels=self._missing_channels,
            event_loop=self._event_loop,
            changed_variables=self._client.changed_variables,
            readings_every=self._history.readings_every,
        )
