"""What is run beyond the measured iterations once they are judged: each look where the verdict calls for it."""

from __future__ import annotations

from collections.abc import Callable

from otel_memeval import wire
from otel_memeval.analysis.assessment import assess
from otel_memeval.analysis.evidence import Evidence
from otel_memeval.config import Settings
from otel_memeval.records import Explanation
from otel_memeval.run.containers import Holding, Worker
from otel_memeval.run.follow_up.batched_readings import Widening
from otel_memeval.run.follow_up.callers import Attribution
from otel_memeval.run.follow_up.explanation import Explainer
from otel_memeval.run.history import Collector
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.verdicts import State

EXPLAINED: tuple[State, ...] = ("leaking", "bounded", "native-leak", "creeping")
"""Verdicts that ``--explain`` has something to say about."""

LOOKED_AT: tuple[State, ...] = ("leaking", "native-leak")
"""Verdicts whose lines are worth iterations beyond those that are measured."""


class Looks:
    """The looks at one run, and what each has found."""

    def __init__(
        self, loaded: wire.Loaded, options: Options, collector: Collector, observer: Observer, settings: Settings
    ) -> None:
        self._options = options
        self._collector = collector
        self._observer = observer
        self.attribution = Attribution(loaded, settings.secrets)
        self.widening = Widening(collector, settings.secrets)
        self._explainer = Explainer(settings.folder, settings.secrets)

    def look(self, worker: Worker, evidence_now: Callable[[], Evidence], holding: Holding, module: str) -> bool:
        """See small steps, find the scenario's lines behind a library's, explain what grew; whether the worker still lives.

        ``evidence_now``: with what the looks until then have seen.
        """
        assessment = assess(evidence_now())
        timeout = self._options.timeout_seconds
        if self._options.follow_up:
            durations = [one.duration_seconds for one in self._collector.iterations if one.phase == "measured"]
            if not self.widening.look(worker, assessment, durations, self._observer, timeout):
                return False
            assessment = assess(evidence_now())
        evidence, judgement = assessment.evidence, assessment.judgement
        explain = self._options.explain and judgement.state in EXPLAINED
        if not explain and not (self._options.follow_up and judgement.state in LOOKED_AT):
            return True
        numbers = self._collector.file_numbers()
        sites = holding.sites(judgement, evidence, module)
        if judgement.state != "creeping" and not self.attribution.look(
            worker, sites, evidence.sites, numbers, self._observer, timeout, explain=explain
        ):
            return False
        return not explain or self._explainer.record(worker, judgement.state, self._observer, timeout)

    def reasons(self) -> tuple[str, ...]:
        """What the verdict says of looks that found nothing."""
        return (*self.widening.reasons(), *self.attribution.reasons())

    def explanation(self) -> Explanation | None:
        """What ``--explain`` found; None where it was not asked for."""
        return self._explainer.explanation(self.attribution) if self._options.explain else None
