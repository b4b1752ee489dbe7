"""One run from beginning to end: worker, iterations, verdict, result."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Protocol

import msgspec

from otel_memeval import wire
from otel_memeval.analysis.assessment import assess
from otel_memeval.analysis.evidence import Evidence
from otel_memeval.analysis.holder_contents import growth_from_items
from otel_memeval.analysis.judge import Judgement
from otel_memeval.config import Settings
from otel_memeval.errors import MemevalError, TargetError, WorkerError
from otel_memeval.records import Failure, Iteration, Result, Run
from otel_memeval.redact import redact
from otel_memeval.run.containers import MOST_ASKED, Holding
from otel_memeval.run.follow_up.follow_ups import Looks
from otel_memeval.run.history import Collector, failure_record, one_line
from otel_memeval.run.locations import SiteChange, shown_path, site_record
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options, Plan, plan
from otel_memeval.run.result import exceeded, summarize, verdict
from otel_memeval.run.scenario_spans import ScenarioSpans
from otel_memeval.run.target_error import unusable
from otel_memeval.supervisor import Ended, WorkerProcess, WorkerSettings, whole
from otel_memeval.targets import split_target
from otel_memeval.tracing.ids import trace_id


class Worker(Protocol):
    """What a session needs of a worker, wherever it runs."""

    hello: wire.Hello

    def send(self, command: str) -> None:
        """Say one command."""

    def receive(self, timeout_seconds: float | None) -> wire.AnyMessage:
        """Hear one message; raises ``Ended`` when there will be none."""


class Session:
    """One run of one eval."""

    def __init__(self, target: str, name: str, options: Options, observer: Observer, settings: Settings) -> None:
        self._target = target
        self._name = name
        self._options = options
        self._observer = observer
        self._settings = settings
        self._secrets = settings.secrets
        self._folder = settings.folder
        self._collector = Collector(settings.secrets)
        self._spans = ScenarioSpans(options, settings, observer)
        self._started_at = datetime.now(timezone.utc)
        self._start = time.monotonic()
        self._failure: Failure | None = None
        self._description = ""
        self._packages: dict[str, str] = {}
        self._holding = Holding(settings.folder, settings.secrets)
        self._looks: Looks
        self._loaded: wire.Loaded
        self._plan: Plan
        self.run_id = uuid.uuid4().hex
        self.names: list[str] = []
        """All that the target stands for, this eval first."""

    def run(self) -> Result:
        """Measure in a worker process.

        Raises ``TargetError`` or ``UsageError`` when there is nothing to measure. Once the scenario is loaded, whatever
        goes wrong is in the result; an interruption too.
        """
        settings = WorkerSettings(
            run_id=self.run_id,
            environment=self._settings.environment,
            python=self._options.python,
            show_output=self._options.show_output,
            secrets=self._secrets,
            hurried=self._options.hurried,
        )
        with WorkerProcess(settings) as worker:
            self._load(worker)
            try:
                self._measure(worker)
            except Ended as ended:
                self._ended(ended)
            except WorkerError as error:
                self._failure = Failure(type="Crash", message=one_line(str(error), self._secrets))
            except KeyboardInterrupt:
                worker.hurry()
                self._failure = Failure(type="Interrupted", message="interrupted; this is what was measured until then")
                self._take(worker)
            hello = worker.hello
        if worker.interrupted and self._failure is None:
            self._failure = Failure(type="Interrupted", message="interrupted after the last iteration")
        self._observer.on_output(redact(worker.output(), self._secrets))
        return self._result(hello)

    def replay(self, worker: Worker) -> Result:
        """The result of a run that is already over: ``worker`` only repeats what was said, and starts nothing."""
        self._load(worker)
        self._measure(worker)
        return self._result(worker.hello)

    def _load(self, worker: Worker) -> None:
        if self._spans.wanted:
            worker.send(self._spans.command(self.run_id))
        worker.send(wire.load_command(self._target, self._name))
        try:
            loaded = worker.receive(self._options.timeout_seconds)
        except Ended as ended:
            raise TargetError(f"importing {self._target} ended the process: {ended}") from None
        if isinstance(loaded, wire.TargetRejected):
            raise unusable(loaded, self._secrets, self._folder)
        if not isinstance(loaded, wire.Loaded):
            raise MemevalError(f"the worker answered {type(loaded).__name__} to load", "reinstall otel-memeval")
        self._loaded = loaded
        self._plan = plan(loaded, self._options)
        self._looks = Looks(loaded, self._options, self._collector, self._observer, self._settings)
        self.names = loaded.names

    def _measure(self, worker: Worker) -> None:
        eval_ = self._plan.eval
        worker.send(wire.SET_UP_COMMAND)
        ready = self._hear(worker)
        if isinstance(ready, wire.SetUpFailed):
            failure = failure_record(ready.failure, self._secrets)
            self._failure = Failure(type=failure.type, message=f"{ready.stage} failed: {failure.message}")
            return
        assert isinstance(ready, wire.Ready)
        self._description = one_line(ready.description, self._secrets)
        self._observer.on_set_up(self._description, self._plan)
        self._collector.ready(ready)
        assert self._collector.initial_reading is not None
        self._observer.on_start(self.run_id, self._started_at.isoformat(), self._collector.initial_reading)
        self._spans.ended()
        total = eval_.iterations
        complete = self._iterate(worker, "warmup", eval_.warmup, total) and self._iterate(worker, "measured", total, total)
        judgement = self._judge()
        while complete and judgement.state == "inconclusive" and total < self._plan.most_iterations:
            total = min(self._plan.most_iterations, max(judgement.iterations_needed or 0, total + 1))
            self._observer.on_extension(eval_.warmup + total, judgement.reasons[0])
            complete = self._iterate(worker, "measured", total - self._collector.measured, total)
            judgement = self._judge()
        self._finish(worker, judgement)

    def _hear(self, worker: Worker) -> wire.AnyMessage:
        """The next message that is not about a span of the scenario's."""
        while self._spans.heard(message := worker.receive(self._options.timeout_seconds)):
            pass
        return message

    def _iterate(self, worker: Worker, phase: str, count: int, measured: int) -> bool:
        """``count`` more iterations; whether all were done. Stops at a failure unless told to keep going."""
        if count <= 0:
            return True
        first = 1 + (self._collector.warmups if phase == "warmup" else self._collector.measured)
        worker.send(wire.iterate_command(phase, first, count, keep_going=self._options.keep_going))
        index = first
        failed = untraced = False
        while True:
            started_at = datetime.now(timezone.utc).isoformat()
            start = time.monotonic()
            try:
                message = self._hear(worker)
            except Ended as ended:
                error = Failure(type=ended.type, message=str(ended))
                self._iterated(self._collector.unread(phase, index, started_at, time.monotonic() - start, error), measured)
                raise
            if isinstance(message, wire.IterationDone):
                failed = failed or message.failure is not None
                with whole():
                    self._iterated(self._collector.iteration(message, self._spans.ended()), measured)
            elif isinstance(message, wire.TracingStopped):
                untraced = True
                error = Failure(
                    type="Untraced",
                    message="the scenario stopped or cleared tracemalloc, so what it keeps cannot be seen; remove that call",
                )
                self._iterated(
                    self._collector.unread(phase, message.index, message.started_at, message.duration_seconds, error),
                    measured,
                )
            elif isinstance(message, wire.Paused):
                return index == first + count and not untraced and (self._options.keep_going or not failed)
            index += 1

    def _take(self, worker: WorkerProcess) -> None:
        """Iterations that were done and told, and not heard before the interruption."""
        with contextlib.suppress(WorkerError):
            for place, message in enumerate(worker.said_already()):
                if place and self._spans.heard(message):  # a span at the first place has been heard
                    continue
                if self._collector.initial_reading is None or not isinstance(message, wire.IterationDone):
                    continue
                if not self._collector.has(message):
                    self._collector.iteration(message, self._spans.ended())

    def _iterated(self, iteration: Iteration, measured: int) -> None:
        growing = []
        if iteration.retained_bytes is not None:
            growing = [
                SiteChange(
                    file=shown_path(file, self._folder), line=line, grown_bytes=grown, grown_blocks=blocks, source=file
                )
                for (file, line), grown, blocks in self._collector.latest_changes()[: self._plan.top]
            ]
        self._observer.on_iteration(iteration, growing, self._plan.eval.warmup + measured)

    def _evidence(self) -> Evidence:
        return self._collector.evidence(
            awaits_nothing=self._loaded.awaits_nothing,
            told=self._holding.told,
            limits=self._holding.limits,
            ring_buffers=self._holding.ring_buffers,
            left_out=self._holding.left_out,
            batched_native=self._looks.widening.wide,
        )

    def _judge(self) -> Judgement:
        return assess(self._evidence()).judgement

    def _finish(self, worker: Worker, judgement: Judgement) -> None:
        asked = [holder.id for holder in judgement.holders[:MOST_ASKED]]
        asked.extend(judgement.undecided_holders[:MOST_ASKED])
        self._holding.ask(worker, asked, self._collector.risen(), self._options.timeout_seconds)
        if not self._looks.look(worker, self._evidence, self._holding, self._loaded.module):
            return
        worker.send(wire.FINISH_COMMAND)
        while True:
            message = self._hear(worker)
            if isinstance(message, wire.Finished):
                self._packages = message.packages
                if message.failure is not None:
                    failure = failure_record(message.failure, self._secrets)
                    self._failure = Failure(type=failure.type, message=f"teardown failed: {failure.message}")
                self._spans.ended()
                return

    def _ended(self, ended: Ended) -> None:
        stage = "" if self._collector.initial_reading is None else " after the last iteration"
        where = "" if any(one.error for one in self._collector.iterations) else stage or " during set-up"
        self._failure = Failure(type=ended.type, message=f"{ended}{where}")

    def _result(self, hello: wire.Hello) -> Result:
        assessment = assess(self._evidence())
        judged = assessment.judgement
        held = self._holding.sites(judged, assessment.evidence, self._loaded.module)
        judgement = msgspec.structs.replace(
            judged,
            reasons=(*judged.reasons, *self._looks.reasons()),
            growth=growth_from_items(judged.growth, held, judged.sites),
        )
        iterations = self._collector.iterations
        all_sites = [site_record(site, self._folder) for site in self._looks.attribution.sites(held)]
        holders = self._holding.records(judgement.holders, self._loaded.module)[: self._plan.top]
        result = Result(
            run=Run(
                id=self.run_id,
                started_at=self._started_at.isoformat(),
                duration_seconds=time.monotonic() - self._start,
                target=f"{self._target}:{self._name or self.names[0]}",
                python=hello.python,
                platform=hello.platform,
                description=self._description,
                trace_id=trace_id(self.run_id, self._settings.parent),
                git=self._settings.git,
                packages=self._packages,
                missing_channels=hello.missing_channels,
            ),
            eval=self._plan.eval,
            iterations=iterations,
            growth=judgement.growth,
            sites=all_sites[: self._plan.top],
            holders=holders,
            verdict=verdict(judgement, self._plan.eval, iterations, all_sites, holders, self._failure),
            statistics=summarize(iterations),
            initial_reading=self._collector.initial_reading,
            failure=self._failure,
            batched_readings=self._looks.widening.record(),
            caller_attribution=self._looks.attribution.record(),
            explanation=self._looks.explanation(),
            limits_exceeded=exceeded(judgement.growth, self._plan.eval.limits),
        )
        self._observer.on_result(result)
        return result


def measure(
    target: str,
    options: Options,
    observer_for: Callable[[str], Observer],
    settings: Settings,
    report: Callable[[Result], None],
) -> None:
    """Measure everything that a target stands for, each eval in a worker of its own, one after the other.

    ``observer_for`` makes the observer of one eval, given the target; ``report`` gets each result as soon as it is there.
    Ends after an interruption. Raises as ``Session.run``.
    """
    head, name = split_target(target)
    remaining = [name]
    first = True
    while remaining:
        name = remaining.pop(0)
        session = Session(head, name, options, observer_for(f"{head}:{name}" if name else head), settings)
        result = session.run()
        report(result)
        if result.failure is not None and result.failure.type == "Interrupted":
            return
        if first:
            remaining, first = session.names[1:], False
