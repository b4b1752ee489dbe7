"""Runs in worker processes: one eval in one process, the evals of a target one after the other."""

from __future__ import annotations

from collections.abc import Callable

from otel_memeval.config import Settings
from otel_memeval.errors import WorkerError
from otel_memeval.records import Eval, Failure, Result
from otel_memeval.redact import one_line
from otel_memeval.run.context import RunContext, RunStart
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.run.session import Session
from otel_memeval.supervisor import WorkerEnded, WorkerProcess, WorkerSettings
from otel_memeval.targets import split_target


def run_eval(source: str, name: str, options: Options, observer: Observer, settings: Settings) -> Session:
    """Measure one eval in a worker process; return the session, which is over.

    Raises ``TargetError`` or ``UsageError`` if there is nothing to measure. Once the scenario is loaded, every failure is
    part of the result, an interruption too.
    """
    start = RunStart.now()
    with WorkerProcess(_worker_settings(start, options, settings)) as worker:
        session = Session.load(RunContext(start, options, observer, settings), worker, source, name)
        try:
            session.measure()
        except WorkerEnded as ended:
            session.worker_ended(ended)
        except WorkerError as error:
            session.failure = Failure(type="Crash", message=one_line(str(error), settings.secrets))
        except KeyboardInterrupt:
            worker.shut_down_fast()
            session.interrupted(worker.pending_messages())
    if worker.interrupted and session.failure is None:
        session.failure = Failure(type="Interrupted", message="interrupted after the last iteration")
    session.report_output(worker.output())
    return session


def run_target(
    target: str,
    options: Options,
    observer_for: Callable[[str], Observer],
    settings: Settings,
    report: Callable[[Result], None],
) -> None:
    """Measure every eval of a target, each in a worker process of its own, one after the other.

    ``observer_for`` returns the observer of one eval, given its target; ``report`` gets each result as soon as it is there.
    Stops after an interruption. Raises as ``run_eval``.
    """
    source, _ = split_target(target)

    def measure(name: str) -> list[str]:
        session = run_eval(source, name, options, observer_for(f"{source}:{name}" if name else source), settings)
        report(session.result())
        interrupted = session.failure is not None and session.failure.type == "Interrupted"
        return [] if interrupted else session.names

    _use_each_eval(target, measure)


def evals_of(target: str, options: Options, settings: Settings) -> list[tuple[str, Eval]]:
    """Return each eval of a target, with the target that names it alone. Raises as ``run_eval``; nothing is called."""
    source, _ = split_target(target)
    found: list[tuple[str, Eval]] = []

    def load(name: str) -> list[str]:
        start = RunStart.now()
        with WorkerProcess(_worker_settings(start, options, settings)) as worker:
            session = Session.load(RunContext(start, options, Observer(), settings), worker, source, name)
        found.append((f"{source}:{name or session.names[0]}", session.eval))
        return session.names

    _use_each_eval(target, load)
    return found


def _use_each_eval(target: str, use: Callable[[str], list[str]]) -> None:
    """Call ``use`` with the name of each eval of a target; it returns the names of all evals, none to stop."""
    for name in use(split_target(target)[1])[1:]:
        if not use(name):
            return


def _worker_settings(start: RunStart, options: Options, settings: Settings) -> WorkerSettings:
    return WorkerSettings(
        run_id=start.run_id,
        environment=settings.environment,
        python=options.python,
        show_output=options.show_output,
        secrets=settings.secrets,
        fast_shutdown=options.fast_shutdown,
    )
