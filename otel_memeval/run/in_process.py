"""Measuring in the calling process: ``PerformanceEval.run()`` and ``arun()``, and ``--in-process`` for a debugger.

The same harness as in the worker process. What it tells is kept until the end and only then looked at, so that judging
and reporting are not in the measurement. The number of iterations is the eval's own: nothing is extended.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tracemalloc
import uuid
from pathlib import Path

import msgspec

from otel_memeval import wire
from otel_memeval.config import Settings, from_process
from otel_memeval.errors import TargetError, UsageError
from otel_memeval.records import Result
from otel_memeval.run.history import one_line
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options, Plan, plan
from otel_memeval.run.scenario_spans import ScenarioSpans
from otel_memeval.run.session import Session
from otel_memeval.supervisor import Ended
from otel_memeval.targets import split_target
from otel_memeval.worker import target
from otel_memeval.worker.harness import Harness
from otel_memeval.worker.memory.reading import Message

_OWN_FOLDER = os.path.join(str(Path(__file__).resolve().parents[1]), "")
_MOST_HOLDERS = 50


class _Kept:
    """Messages in the order in which they came, as a chain: a list would be a container that grows."""

    def __init__(self) -> None:
        self._last: tuple[Message, object] | None = None

    def add(self, message: Message) -> None:
        self._last = (message, self._last)

    def newest(self, kind: str) -> Message:
        """The last message of this kind; empty if there was none."""
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


class _Repeating:
    """A worker that is over: says again what was said."""

    def __init__(self, messages: list[Message]) -> None:
        said = [one for message in messages for one in _decoded(message)]
        hello = said.pop(0)
        assert isinstance(hello, wire.Hello)
        self.hello = hello
        self._said = iter(said)

    def send(self, command: str) -> None:
        """Nothing is left to be done."""

    def receive(self, timeout_seconds: float | None) -> wire.AnyMessage:  # noqa: ARG002 - as a Worker
        """The next message."""
        message = next(self._said, None)
        if message is None:
            raise Ended("Crash", "the run ended early")
        return message


def _decoded(message: Message) -> list[wire.AnyMessage]:
    lines = message.get("lines")
    if isinstance(lines, bytes):  # of spans
        return [wire.decode(line) for line in lines.splitlines()]
    return [wire.decode_dict(message)]


class _InProcess:
    """One run in the calling process, in steps that a sync and an async caller take alike."""

    def __init__(self, options: Options) -> None:
        if tracemalloc.is_tracing():
            raise UsageError(
                "tracemalloc is already on in this process",
                "stop it (and unset PYTHONTRACEMALLOC), or measure from the command line, in a process of its own",
            )
        self._kept = _Kept()
        self._options = msgspec.structs.replace(options, follow_up=False)  # what is judged is already over
        self.harness = Harness(self._keep, lambda file: file.startswith(_OWN_FOLDER))
        self.harness.hello()
        self.plan: Plan
        self._run_id = uuid.uuid4().hex

    def _keep(self, message: Message) -> None:
        """Keep a message, less the C heap: what is kept here, and the tool around it, would show there as well."""
        reading = message.get("reading")
        if isinstance(reading, dict):
            reading["native_heap_bytes"] = reading["mapped_bytes"] = reading["idle_bytes"] = None
        if message["kind"] == "hello":
            message["missing_channels"] = ["C heap (in the calling process it is the tool's as well)"]
        self._kept.add(message)

    def trace(self, spans: ScenarioSpans) -> None:
        """Take the scenario's spans; they are kept until the end, as all messages are."""
        _, run_id, trace_id, wanted = spans.command(self._run_id).split(" ")
        self.harness.trace(run_id, trace_id, wanted, lambda lines: self._kept.add({"kind": "spans", "lines": bytes(lines)}))

    def load(self, source: str, name: str) -> None:
        """Import the target, as the worker would."""
        self.harness.load(source, name)
        self._plan()

    def use(self, loaded: target.Eval) -> None:
        """Take an eval that is at hand."""
        self.harness.use(loaded, getattr(loaded.func, "__module__", None) or "__main__", [loaded.name])
        self._plan()

    def _plan(self) -> None:
        loaded = wire.decode_dict(self._kept.newest("loaded") or self._kept.newest("target_rejected"))
        if isinstance(loaded, wire.TargetRejected):
            told = f": {loaded.failure.type}: {loaded.failure.message}" if loaded.failure else ""
            raise TargetError(one_line(f"{loaded.problem}{told}", from_process().secrets))
        assert isinstance(loaded, wire.Loaded)
        self.plan = plan(loaded, self._options)
        self._options = msgspec.structs.replace(self._options, iterations=self.plan.eval.iterations)

    def describe(self) -> None:
        """Ask about the containers that the last reading found longer, with the lines that it found changed."""
        reading = self._kept.newest("iteration").get("reading")
        changes = reading if isinstance(reading, dict) else {}
        longer = [key for key, before, now in changes.get("holders", []) if now > before]
        self.harness.describe(
            longer[:_MOST_HOLDERS], [(number, line) for number, line, size, _ in changes.get("sites", []) if size]
        )

    def result(self, source: str, name: str, observer: Observer, settings: Settings) -> Result:
        """Judge what was told."""
        session = Session(source, name, self._options, observer, settings)
        session.run_id = self._run_id
        return session.replay(_Repeating(self._kept.in_order()))

    def phases(self) -> list[tuple[str, int]]:
        """Warm-up and measured iterations, in order."""
        return [("warmup", self.plan.eval.warmup), ("measured", self.plan.eval.iterations)]


def _blocking(run: _InProcess, keep_going: bool) -> None:
    loop = asyncio.new_event_loop()
    try:
        run.harness.prepare(loop)
        run.harness.start_tracing()
        if run.harness.set_up(loop):
            for phase, count in run.phases():
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
    """See ``PerformanceEval.run``."""
    _require_no_loop()
    run = _InProcess(Options())
    loaded = _eval_of(evaluation)
    run.use(loaded)
    _blocking(run, keep_going=False)
    return run.result("(in process)", loaded.name, Observer(), from_process())


async def arun_in_process(evaluation: object) -> Result:
    """See ``PerformanceEval.arun``."""
    run = _InProcess(Options())
    loaded = _eval_of(evaluation)
    run.use(loaded)
    await run.harness.aprepare()
    run.harness.start_tracing()
    try:
        if await run.harness.aset_up():
            for phase, count in run.phases():
                if count and not await run.harness.aiterate(phase, 1, count, keep_going=False):
                    break
        run.describe()
        await run.harness.afinish()
    finally:
        tracemalloc.stop()
    return run.result("(in process)", loaded.name, Observer(), from_process())


def measure_in_process(target_text: str, options: Options, observer: Observer, settings: Settings) -> Result:
    """As ``session.measure`` for one eval, in this process. Raises ``TargetError`` or ``UsageError``."""
    source, name = split_target(target_text)
    sys.path.insert(0, settings.folder)  # as in the worker
    run = _InProcess(options)
    spans = ScenarioSpans(options, settings, observer)
    if spans.wanted:
        run.trace(spans)
    run.load(source, name)
    _blocking(run, options.keep_going)
    return run.result(source, name, observer, settings)


def _eval_of(evaluation: object) -> target.Eval:
    try:
        return target.eval_of(evaluation, "(in process)", "eval")
    except target.TargetProblem as problem:
        raise TargetError(str(problem)) from None
