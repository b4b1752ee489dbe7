"""What a standing exporter tells people of each eval, as records that are replaced as a whole. Pure.

What Prometheus is told stands in ``exporters.prometheus.board``, by the same labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from otel_memeval import telemetry
from otel_memeval.exporters.prometheus.labels import label_value
from otel_memeval.exporters.prometheus.state import EvalState
from otel_memeval.exporters.samples import Sample
from otel_memeval.records import Result
from otel_memeval.redact import shortened
from otel_memeval.targets import split_target
from otel_memeval.verdicts import State

LONGEST_SENTENCE = 2000


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One eval after its last run."""

    key: str
    """``TARGET:NAME``; the bare target where it never could be loaded."""
    label: str
    """Of its series."""
    verdict: State
    sentences: list[str]
    """The verdict's, then one for each limit that was passed."""
    ended_seconds: float
    """Since 1970."""
    duration_seconds: float
    passed: bool


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one moment."""

    interval_seconds: float
    evals: tuple[Known, ...] = ()
    running: str = ""
    """The target that is being measured."""
    next_run_seconds: float | None = None
    """Since 1970; None while a round goes on."""
    skipped: int = 0
    """Turns that were missed since the start."""

    def with_eval(self, known: Known) -> View:
        """With an eval as it is now, in the place that it had."""
        if all(one.key != known.key for one in self.evals):
            return msgspec.structs.replace(self, evals=(*self.evals, known))
        evals = tuple(known if one.key == known.key else one for one in self.evals)
        return msgspec.structs.replace(self, evals=evals)

    def only(self, kept: Callable[[str], bool]) -> View:
        """Without the evals whose keys are not ``kept``."""
        return msgspec.structs.replace(self, evals=tuple(one for one in self.evals if kept(one.key)))

    def of_target(self, target: str) -> tuple[Known, ...]:
        """The evals that a target stands for, as far as they are known."""
        return tuple(one for one in self.evals if belongs(one.key, target))


def belongs(key: str, target: str) -> bool:
    """Whether the eval of this key is measured by this target: the target itself, or a name in it."""
    return key == target or (not split_target(target)[1] and split_target(key)[0] == target)


def distinct_name(name: str, key: str, others: Sequence[Known], mask: Callable[[str], str]) -> str:
    """The eval's name; with its key where one of the others has the same label, so that neither hides the other."""
    taken = {one.label for one in others}
    candidates = (name, f"{name} ({key})", *(f"{name} ({key}, {number})" for number in range(2, len(taken) + 2)))
    return next(one for one in candidates if label_value(mask(one)) not in taken)


def known_after(
    key: str, label: str, result: Result, ended_seconds: float, *, passed: bool, mask: Callable[[str], str]
) -> Known:
    """What is known once a run has ended (since 1970)."""
    sentences = [result.verdict.summary, *(f"limit exceeded: {limit}" for limit in result.limits_exceeded)]
    return Known(
        key=key,
        label=label,
        verdict=result.verdict.state,
        sentences=[shortened(mask(sentence), LONGEST_SENTENCE) for sentence in sentences],
        ended_seconds=ended_seconds,
        duration_seconds=result.run.duration_seconds,
        passed=passed,
    )


def with_interval(state: EvalState, interval_seconds: float) -> EvalState:
    """What an earlier process knew, now that the eval runs as often as this."""
    interval = telemetry.EXPECTED_INTERVAL.name
    gauges = [Sample(one.metric, one.labels, interval_seconds) if one.metric == interval else one for one in state.gauges]
    return msgspec.structs.replace(state, gauges=gauges)
