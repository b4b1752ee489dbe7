"""Measure in the calling process: ``PerformanceEval.run()`` and ``arun()``, and ``--in-process`` for a debugger.

The harness is the one of the worker process. Its messages are kept until the end and only then read, so that judging and
reporting are not part of the measurement. The number of iterations is the eval's own: no run is extended.
"""

from __future__ import annotations

import asyncio
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
from otel_memeval.run.containers import MOST_DESCRIBED
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options, Plan, plan
from otel_memeval.run.scenario_spans import ScenarioSpans
from otel_memeval.run.session import RunContext, RunStart, Session
from otel_memeval.supervisor import WorkerEnded
from otel_memeval.targets import split_target
from otel_memeval.worker import target
from otel_memeval.worker.harness import Harness
from otel_memeval.worker.memory.reading import Message

_OWN_FOLDER = os.path.join(str(Path(__file__).resolve().parents[1]), "")


class _MessageChain:
    """Messages in order, as a chain of pairs: a list would be a container that grows."""

    def __init__(self) -> None:
        self._last: tuple[Message, object] | None = None

    def add(self, message: Message) -> None:
        self._last = (message, self._last)

    def newest(self, kind: str) -> Message:
        """Return the last message of this kind; empty if there was none."""
        link: object = self._last
        while isinstance(link, tuple):
            message, link = link
            if message["kind"] == kind:
                return message  # type: ignore[no-any-return]
        return {}

    def in_order(self) -> list[Message]:
        messages = []
        link: object = self._last
        while isinstance(link, tuple):
            message, link = link
            messages.append(message)
        return messages[::-1]


class _RecordedWorker:
    """Answers with the messages of a run that is over."""

    def __init__(self, messages: list[Message]) -> None:
        decoded = [answer for message in messages for answer in _decoded(message)]
        self.hello = wire.expect(decoded.pop(0), wire.Hello)
        self._answers = iter(decoded)

    def send(self, command: str) -> None:
        """Ignore the command: the run is over."""

    def receive(self, timeout_seconds: float | None) -> wire.AnyMessage:  # noqa: ARG002 - as a Worker
        """Return the next message."""
        message = next(self._answers, None)
        if message is None:
            raise WorkerEnded("Crash", "the run ended early")
        return message


def _decoded(message: Message) -> list[wire.AnyMessage]:
    lines = message.get("lines")
    if isinstance(lines, bytes):  # of spans
        return [wire.decode(line) for line in lines.splitlines()]
    return [wire.decode_dict(message)]


class _InProcessRun:
    """One run in the calling process, in steps for a sync and an async caller alike."""

    def __init__(self, options: Options) -> None:
        if tracemalloc.is_tracing():
            raise UsageError(
                "tracemalloc is already on in this process",
                "stop it (and unset PYTHONTRACEMALLOC), or measure from the command line, in a process of its own",
            )
        self._messages = _MessageChain()
        self._start = RunStart.now()
        self._options = msgspec.structs.replace(options, follow_up=False)  # the run is over when it is judged
        self.harness = Harness(self._keep, lambda file: file.startswith(_OWN_FOLDER))
        self.harness.hello()

    def _keep(self, message: Message) -> None:
        """Keep a message without the C heap, which holds this message and the tool around it as well."""
        reading = message.get("reading")
        if isinstance(reading, dict):
            reading["native_heap_bytes"] = reading["mapped_bytes"] = reading["idle_bytes"] = None
        if message["kind"] == "hello":
            message["missing_channels"] = ["C heap (in the calling process it is the tool's as well)"]
        self._messages.add(message)

    def trace(self, spans: ScenarioSpans) -> None:
        """Take the scenario's spans; they are kept until the end as all messages are."""
        _, run_id, trace_id, wanted = spans.command(self._start.run_id).split(" ")
        self.harness.trace(
            run_id, trace_id, wanted, lambda lines: self._messages.add({"kind": "spans", "lines": bytes(lines)})
        )

    def load(self, source: str, name: str) -> Plan:
        """Import the target as the worker would, and plan the run."""
        self.harness.load(source, name)
        return self._plan()

    def use(self, loaded: target.Eval) -> Plan:
        """Take an eval object, and plan the run."""
        self.harness.use(loaded, getattr(loaded.func, "__module__", None) or "__main__", [loaded.name])
        return self._plan()

    def _plan(self) -> Plan:
        answer = wire.decode_dict(self._messages.newest("loaded") or self._messages.newest("target_rejected"))
        if isinstance(answer, wire.TargetRejected):
            failure = f": {answer.failure.type}: {answer.failure.message}" if answer.failure else ""
            raise TargetError(one_line(f"{answer.problem}{failure}", from_process().secrets))
        planned = plan(wire.expect(answer, wire.Loaded), self._options)
        self._options = msgspec.structs.replace(self._options, iterations=planned.eval.iterations)
        return planned

    def describe(self) -> None:
        """Have the containers described that grew in the last reading, with the sites that changed in it."""
        reading = self._messages.newest("iteration").get("reading")
        changes = reading if isinstance(reading, dict) else {}
        longer = [key for key, before, now in changes.get("holders", []) if now > before]
        sites = [(number, line) for number, line, live_bytes, _ in changes.get("sites", []) if live_bytes]
        self.harness.describe(longer[:MOST_DESCRIBED], sites)

    def result(self, source: str, name: str, observer: Observer, settings: Settings) -> Result:
        """Judge the kept messages."""
        worker = _RecordedWorker(self._messages.in_order())
        context = RunContext(self._start, self._options, observer, settings)
        session = Session.load(context, worker, source, name)
        session.measure()
        return session.result()


def _phases(planned: Plan) -> list[tuple[str, int]]:
    """Return warm-up and measured iterations, in order."""
    return [("warmup", planned.eval.warmup), ("measured", planned.eval.iterations)]


def _run_blocking(run: _InProcessRun, planned: Plan, keep_going: bool) -> None:
    loop = asyncio.new_event_loop()
    try:
        run.harness.prepare(loop)
        run.harness.start_tracing()
        if run.harness.set_up(loop):
            for phase, count in _phases(planned):
                if count and not run.harness.iterate(loop, phase, 1, count, keep_going):
                    break
        run.describe()
        run.harness.finish(loop)
    finally:
        tracemalloc.stop()
        loop.close()


def _require_no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError("run() was called inside a running event loop", "use: await arun()")


def run_in_process(evaluation: object) -> Result:
    """Measure an eval object; see ``PerformanceEval.run``."""
    _require_no_loop()
    run = _InProcessRun(Options())
    loaded = _eval_of(evaluation)
    _run_blocking(run, run.use(loaded), keep_going=False)
    return run.result("(in process)", loaded.name, Observer(), for_measuring())


async def arun_in_process(evaluation: object) -> Result:
    """Measure an eval object inside the running event loop; see ``PerformanceEval.arun``."""
    run = _InProcessRun(Options())
    loaded = _eval_of(evaluation)
    planned = run.use(loaded)
    await run.harness.aprepare()
    run.harness.start_tracing()
    try:
        if await run.harness.aset_up():
            for phase, count in _phases(planned):
                if count and not await run.harness.aiterate(phase, 1, count, keep_going=False):
                    break
        run.describe()
        await run.harness.afinish()
    finally:
        tracemalloc.stop()
    return run.result("(in process)", loaded.name, Observer(), for_measuring())


def measure_in_process(target_text: str, options: Options, observer: Observer, settings: Settings) -> Result:
    """Measure one eval of a target in this process. Raises ``TargetError`` or ``UsageError``."""
    source, name = split_target(target_text)
    sys.path.insert(0, settings.folder)  # as in the worker
    run = _InProcessRun(options)
    spans = ScenarioSpans(options, settings, observer)
    if spans.wanted:
        run.trace(spans)
    _run_blocking(run, run.load(source, name), options.keep_going)
    return run.result(source, name, observer, settings)


def _eval_of(evaluation: object) -> target.Eval:
    try:
        return target.eval_of(evaluation, "(in process)", "eval")
    except target.TargetProblem as problem:
        raise TargetError(str(problem)) from None
