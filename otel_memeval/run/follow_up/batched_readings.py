"""The wider look: a few readings more, several calls apart, where the C heap is too noisy to show what one call keeps."""

from __future__ import annotations

from collections.abc import Sequence

from otel_memeval import wire
from otel_memeval.analysis.assessment import Assessment
from otel_memeval.analysis.batched_readings import MAX_SECONDS, MIN_READINGS, READINGS, calls_between_readings
from otel_memeval.analysis.evidence import BatchedNativeReadings
from otel_memeval.records import BatchedReadings
from otel_memeval.run.containers import Worker
from otel_memeval.run.history import Collector, failure_record
from otel_memeval.run.observer import Observer
from otel_memeval.supervisor import Ended


class Widening:
    """What the wider look at one run has seen."""

    def __init__(self, collector: Collector, secrets: tuple[str, ...]) -> None:
        self._collector = collector
        self._secrets = secrets
        self._calls = 0
        self._native: list[int] = []
        self._problem: str | None = None

    def look(
        self,
        worker: Worker,
        assessment: Assessment,
        durations_seconds: Sequence[float],
        observer: Observer,
        timeout_seconds: float,
    ) -> bool:
        """Look, where something may hide; whether the worker still lives.

        ``durations_seconds``: of the measured iterations.
        """
        self._calls = calls_between_readings(assessment, durations_seconds)
        if not self._calls:
            return True
        observer.on_note(
            f"{READINGS} more readings, not measured, {self._calls} calls apart, to see small steps in the C heap"
        )
        worker.send(wire.widen_command(READINGS + 1, self._calls, 2 * MAX_SECONDS))
        while True:
            try:
                message = worker.receive(timeout_seconds)
            except Ended as ended:
                self._problem = f"{ended.type}: {ended}"
                return False
            if not isinstance(message, wire.BatchedReading):
                continue
            if message.reading is None:
                break
            self._collector.unmeasured(message.reading)
            if message.reading.native_heap_bytes is not None:
                self._native.append(message.reading.native_heap_bytes)
        if message.failure is not None:
            failure = failure_record(message.failure, self._secrets)
            self._problem = f"{failure.type}: {failure.message}"
        elif len(self._native) <= MIN_READINGS:
            self._problem = f"the end of their time, after {len(self._native)} readings"
        return True

    @property
    def wide(self) -> BatchedNativeReadings | None:
        """For the judgement; None if nothing was seen."""
        if not self._calls or self._problem is not None:
            return None
        return BatchedNativeReadings(calls_apart=self._calls, native=tuple(self._native))

    def reasons(self) -> tuple[str, ...]:
        """What the verdict says of a look that saw nothing."""
        if self._problem is None:
            return ()
        return (
            f"small steps in the C heap were not looked for: the calls that were to show them ended with {self._problem}",
        )

    def record(self) -> BatchedReadings | None:
        """What was done, for the result; None if nothing was."""
        if not self._calls:
            return None
        return BatchedReadings(readings=max(len(self._native) - 1, 0), calls=self._calls, problem=self._problem)
