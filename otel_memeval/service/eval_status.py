"""Status of each eval, as the page, the log and the state file have it. Pure.

The Prometheus state of an eval (``exporters.prometheus.state``) has the same label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.labels import label_value
from otel_memeval.exporters.prometheus.state import EvalState
from otel_memeval.exporters.samples import Sample
from otel_memeval.history.listing import growth_bytes
from otel_memeval.records import Result
from otel_memeval.records.run_summary import run_summary
from otel_memeval.redact import shortened
from otel_memeval.targets import split_target
from otel_memeval.verdicts import State

MOST_RUNS = 30
"""Runs whose growth is kept: a day of runs every 48 minutes, and as many points as a small curve shows."""
LONGEST_SENTENCE = 2000
"""Characters of a sentence that are kept."""


class EvalStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One eval after its last run."""

    key: str
    """``TARGET:NAME``, secrets masked; the bare target if it could never be loaded."""
    label: str
    """The label ``eval`` of its series."""
    verdict: State
    sentences: list[str]
    """The summary of the verdict, then one sentence for each exceeded limit."""
    ended_seconds: float
    """Since 1970."""
    duration_seconds: float
    passed: bool
    name: str = ""
    """Name of the eval in results and in the history; empty if it is the label."""
    run_id: str = ""
    trace_id: str = ""
    since_seconds: float | None = None
    """End of the first of the runs that pass, or do not pass, without a break until now."""
    regression: str = ""
    """Sentence of the comparison with earlier runs, if the run has regressed."""
    growth_bytes: tuple[float | None, ...] = ()
    """Growth per iteration of the last 30 runs, the newest last; None for a run without it, and before the first run."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The statuses of all evals, and the current step of the service."""

    interval_seconds: float
    evals: tuple[EvalStatus, ...] = ()
    running: str = ""
    """The target that is being measured; empty between cycles."""
    next_run_seconds: float | None = None
    """Since 1970; None while a cycle is under way."""
    skipped: int = 0
    """Turns that were skipped since the start."""

    def with_eval(self, status: EvalStatus) -> Overview:
        """Return an overview with the new status of an eval, in the place of the old one."""
        if all(known.key != status.key for known in self.evals):
            return msgspec.structs.replace(self, evals=(*self.evals, status))
        evals = tuple(status if known.key == status.key else known for known in self.evals)
        return msgspec.structs.replace(self, evals=evals)

    def only(self, stays: Callable[[str], bool]) -> Overview:
        """Return an overview of the evals whose key stays."""
        return msgspec.structs.replace(self, evals=tuple(status for status in self.evals if stays(status.key)))

    def of_target(self, target: str) -> tuple[EvalStatus, ...]:
        """Return the known evals of a target."""
        return tuple(status for status in self.evals if belongs(status.key, target))


def belongs(key: str, target: str) -> bool:
    """Return whether an eval belongs to a target: the key is the target, or a name in a target without a name."""
    return key == target or (not split_target(target)[1] and split_target(key)[0] == target)


def unique_name(name: str, key: str, others: Sequence[EvalStatus]) -> str:
    """Return the name of an eval, with its key added if another eval has the same label."""
    taken = {status.label for status in others}
    candidates = (name, f"{name} ({key})", *(f"{name} ({key}, {number})" for number in range(2, len(taken) + 2)))
    return next(candidate for candidate in candidates if label_value(candidate) not in taken)


def status_after_run(
    key: str, label: str, result: Result, ended_seconds: float, *, passed: bool, before: EvalStatus | None = None
) -> EvalStatus:
    """Return the status of an eval after a run that ended at ``ended_seconds`` (since 1970), and the status before it."""
    growth = before.growth_bytes if before is not None else ()
    unchanged = before is not None and before.passed == passed
    comparison = result.baseline_comparison
    sentences = [result.verdict.summary, *(f"limit exceeded: {limit}" for limit in result.limits_exceeded)]
    return EvalStatus(
        key=key,
        label=label,
        verdict=result.verdict.state,
        sentences=[shortened(sentence, LONGEST_SENTENCE) for sentence in sentences],
        ended_seconds=ended_seconds,
        duration_seconds=result.run.duration_seconds,
        passed=passed,
        name="" if result.eval.name == label else result.eval.name,
        run_id=result.run.id,
        trace_id=result.run.trace_id or "",
        since_seconds=before.since_seconds if before is not None and unchanged else ended_seconds,
        regression=shortened(comparison.summary, LONGEST_SENTENCE) if comparison is not None and result.regressed else "",
        growth_bytes=(*(None,) * (MOST_RUNS - len(growth)), *growth, growth_bytes(run_summary(result, passed=passed)))[
            -MOST_RUNS:
        ],
    )


def with_interval(state: EvalState, interval_seconds: float) -> EvalState:
    """Return the state of an earlier process with the interval of this one."""
    interval = telemetry.EXPECTED_INTERVAL.name
    gauges = [
        Sample(sample.metric, sample.labels, interval_seconds) if sample.metric == interval else sample
        for sample in state.gauges
    ]
    return msgspec.structs.replace(state, gauges=gauges)
