"""Measure in the calling process: ``PerformanceEval.run()`` and ``arun()``, and ``--in-process`` for a debugger.

The harness is the one of the worker process. Its messages are kept until the end and only then read, so that judging and
reporting are not part of the measurement. The number of iterations is the eval's own: no run is extended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tracemalloc
from pathlib import Path

import msgspec

from otel_memeval import wire
from otel_memeval.config import Settings, for_measuring, from_process
from otel_memeval.errors import TargetError, UsageError
from otel_memeval.records import Result
from otel_memeval.redact import one_line
from otel_memeval.run.containers import MOST_DESCRIBED, MOST_SEARCHED_SITES
from otel_memeval.run.context import RunContext, RunStart
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options, Plan, plan
from otel_memeval.run.scenario_spans import ScenarioSpans
from otel_memeval.run.session import Session
from otel_memeval.supervisor import WorkerEnded
from otel_memeval.targets import split_target
from otel_memeval.worker import target
from otel_memeval.worker.event_loop import loop_that_is_set
from otel_memeval.worker.harness import Harness
from otel_memeval.worker.memory.reading import PlainMessage
from otel_memeval.worker.scenario_caller import BlockingCaller, LoopCaller, ScenarioCaller, drive

_OWN_FOLDER = os.path.join(str(Path(__file__).resolve().parents[1]), "")
_NO_SETTINGS = Settings(environment={}, folder="")


class _MessageChain:
    """Messages in order, as a chain of pairs: a list would be a container that grows."""

    def __init__(self) -> None:
        self._last: tuple[PlainMessage, object] | None = None

    def add(self, message: PlainMessage) -> None:
        self._last = (message, self._last)

    def newest(self, kind: str) -> PlainMessage:
        """Return the last message of this kind; empty if there was none."""
        link: object = self._last
        while isinstance(link, tuple):
            message, link = link
            if message["kind"] == kind:
                return message  # type: ignore[no-any-return]
        return {}

    def in_order(self) -> list[PlainMessage]:
        messages = []
        link: object = self._last
        while isinstance(link, tuple):
            message, link = link
            messages.append(message)
        return messages[::-1]


class _RecordedWorker:
    """Answers with the messages of a run that is over."""

    def __init__(self, messages: list[PlainMessage]) -> None:
        decoded = [answer for message in messages for answer in _decoded(message)]
        self.hello = wire.expect(decoded.pop(0), wire.Hello)
        self.changed_variables: list[str] = []
        self._answers = iter(decoded)

    def send(self, command: str) -> None:
        """Ignore the command: the run is over."""

    def receive(self, timeout_seconds: float | None) -> wire.AnyMessage:  # noqa: ARG002 - as a Worker
        """Return the next message."""
        message = next(self._answers, None)
        if message is None:
            raise WorkerEnded("Crash", "the run ended early")
        return message


def _decoded(message: PlainMessage) -> list[wire.AnyMessage]:
    lines = message.get("lines")
    if isinstance(lines, bytes):  # of spans
        return [wire.decode(line) for line in lines.splitlines()]
    return [wire.decode_dict(message)]


class _InProcessRun:
    """One run in the calling process, for a sync and an async caller alike."""

    def __init__(self, options: Options, caller: ScenarioCaller) -> None:
        if tracemalloc.is_tracing():
            raise UsageError(
                "tracemalloc is already on in this process",
                "stop it (and unset PYTHONTRACEMALLOC), or measure from the command line, in a process of its own",
            )
        self._messages = _MessageChain()
        self._start = RunStart.now()
        self._options = msgspec.structs.replace(options, follow_up=False)  # the run is over when it is judged
        self._harness = Harness(caller, self._keep, self._keep_spans, lambda file: file.startswith(_OWN_FOLDER))
        self._harness.hello()

    def _keep(self, message: PlainMessage) -> None:
        """Keep a message without the C heap, which holds this message and the tool around it as well."""
        reading = message.get("reading")
        if isinstance(reading, dict):
            reading["native_heap_bytes"] = reading["mapped_bytes"] = reading["idle_bytes"] = None
        if message["kind"] == "hello":
            message["missing_channels"] = ["C heap (in the calling process it is the tool's as well)"]
        self._messages.add(message)

    def _keep_spans(self, lines: memoryview) -> None:
        self._messages.add({"kind": "spans", "lines": bytes(lines)})

    def trace(self, spans: ScenarioSpans) -> None:
        """Take the scenario's spans; they are kept until the end as all messages are."""
        self._harness.trace(*msgspec.structs.astuple(spans.command(self._start.run_id)))

    def load(self, source: str, name: str) -> Plan:
        """Import the target as the worker would, and plan the run."""
        self._harness.load(source, name)
        return self._plan()

    def use(self, loaded: target.LoadedEval) -> Plan:
        """Take an eval object, and plan the run."""
        self._harness.use(loaded, getattr(loaded.func, "__module__", None) or "__main__", [loaded.name])
        return self._plan()

    def _plan(self) -> Plan:
        answer = wire.decode_dict(self._messages.newest("loaded") or self._messages.newest("target_rejected"))
        if isinstance(answer, wire.TargetRejected):
            failure = f": {answer.failure.type}: {answer.failure.message}" if answer.failure else ""
            raise TargetError(one_line(f"{answer.problem}{failure}", from_process().secrets))
        planned = plan(wire.expect(answer, wire.Loaded), self._options)
        self._options = msgspec.structs.replace(self._options, iterations=planned.eval.iterations)
        return planned

    async def measure(self, planned: Plan, keep_going: bool) -> None:
        """Set up, run the iterations, have the containers described, and finish."""
        try:
            if await self._harness.set_up():
                complete = True
                for phase, count in (("warmup", planned.eval.warmup), ("measured", planned.eval.iterations)):
                    complete = complete and (not count or await self._harness.iterate(phase, 1, count, keep_going))
                self._describe(complete)
                await self._harness.describe_resources([], 0.0, 0, 0, 0.0)  # none is judged to grow yet: no examples
                if complete and self._messages.newest("loaded")["has_database"]:
                    await self._harness.store_run(self._judged("", "", Observer(), _NO_SETTINGS).eval_record())
                await self._harness.finish()
        finally:
            self._harness.thaw()
            tracemalloc.stop()

    def _describe(self, complete: bool) -> None:
        """Have the containers described that grew in the last reading, with the sites that changed in it.

        None of them if the run is not complete, so that its verdict is ``failed``, or if nothing may grow.
        """
        reading = self._messages.newest("iteration").get("reading") if complete and self._may_grow() else None
        changes = reading if isinstance(reading, dict) else {}
        longer = [key for key, before, now in changes.get("holders", []) if now > before]
        sites = [(number, line) for number, line, live_bytes, _ in changes.get("sites", []) if live_bytes]
        seconds = self._options.follow_up_budget_seconds
        self._harness.describe(longer[:MOST_DESCRIBED], [], sites, sites[:MOST_SEARCHED_SITES], seconds)

    def _may_grow(self) -> bool:
        """Return whether a line or a container may grow, by the readings alone; walking a large heap takes a second."""
        judgement = self._judged("", "", Observer(), _NO_SETTINGS).assessment().judgement
        return judgement.state != "stable" or bool(judgement.sites or judgement.holders or judgement.undecided_holders)

    def result(self, source: str, name: str, observer: Observer, settings: Settings) -> Result:
        """Return the result, judged from the messages that were kept. Raises ``TargetError`` or ``UsageError``."""
        return self._judged(source, name, observer, settings).result()

    def _judged(self, source: str, name: str, observer: Observer, settings: Settings) -> Session:
        """Return a session that has taken all messages so far. Raises ``TargetError`` or ``UsageError``."""
        worker = _RecordedWorker(self._messages.in_order())
        context = RunContext(self._start, self._options, observer, settings)
        session = Session.load(context, worker, source, name)
        session.measure()
        return session


def _require_no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError("run() was called inside a running event loop", "use: await arun()")


def run_in_process(evaluation: object, settings: Settings | None = None) -> Result:
    """Measure an eval object; see ``PerformanceEval.run``. ``settings``: those of this process if missing."""
    _require_no_loop()
    loaded = _eval_of(evaluation)
    loop = loop_that_is_set()
    try:
        with contextlib.closing(BlockingCaller()) as caller:
            run = _InProcessRun(Options(), caller)
            drive(run.measure(run.use(loaded), keep_going=False))
    finally:
        asyncio.set_event_loop(loop)  # the caller's
    return run.result("(in process)", loaded.name, Observer(), settings or for_measuring())


async def arun_in_process(evaluation: object, settings: Settings | None = None) -> Result:
    """Measure an eval object inside the running event loop; see ``PerformanceEval.arun``."""
    loaded = _eval_of(evaluation)
    run = _InProcessRun(Options(), LoopCaller())
    await run.measure(run.use(loaded), keep_going=False)
    return run.result("(in process)", loaded.name, Observer(), settings or for_measuring())


def measure_in_process(target_text: str, options: Options, observer: Observer, settings: Settings) -> Result:
    """Measure one eval of a target in this process. Raises ``TargetError`` or ``UsageError``."""
    source, name = split_target(target_text)
    sys.path.insert(0, settings.folder)  # as in the worker
    spans = ScenarioSpans(options, settings, observer)
    with contextlib.closing(BlockingCaller()) as caller:
        run = _InProcessRun(options, caller)
        if spans.wanted:
            run.trace(spans)
        drive(run.measure(run.load(source, name), options.keep_going))
    return run.result(source, name, observer, settings)


def _eval_of(evaluation: object) -> target.LoadedEval:
    try:
        return target.eval_of(evaluation, "(in process)", "eval")
    except target.TargetProblem as problem:
        raise TargetError(str(problem)) from None
