"""Batched readings: several calls between two readings, where the C heap is too noisy to show a single call's growth."""

from __future__ import annotations

from otel_memeval import wire
from otel_memeval.analysis.assessment import Assessment
from otel_memeval.analysis.batched_readings import MAX_SECONDS, READINGS, calls_between_readings
from otel_memeval.analysis.evidence import BatchedNativeReadings
from otel_memeval.analysis.noise import MIN_VALUES
from otel_memeval.records import BatchedReadings
from otel_memeval.run.failures import failure_record
from otel_memeval.run.follow_up.budget import FollowUpBudget
from otel_memeval.run.history import RunHistory
from otel_memeval.run.observer import Observer
from otel_memeval.run.worker_client import WorkerClient


class BatchedReadingStep:
    """Takes batched readings of the C heap into the history of a run."""

    def __init__(self, history: RunHistory, secrets: tuple[str, ...]) -> None:
        self._history = history
        self._secrets = secrets
        self._calls = 0
        self._native: list[int] = []
        self._page_caches: list[int] = []
        self.problem: str | None = None
        """Reason why the readings show nothing."""

    def run(self, client: WorkerClient, budget: FollowUpBudget, assessment: Assessment, observer: Observer) -> None:
        """Take the readings if growth of the C heap may be hidden by noise. Raises ``WorkerEnded``."""
        durations_seconds = [
            iteration.duration_seconds for iteration in self._history.iterations if iteration.phase == "measured"
        ]
        calls = calls_between_readings(assessment, durations_seconds)
        if not calls:
            return
        budget.begin_step("the search for small steps in the C heap")
        self._calls = calls
        observer.on_note(
            f"{READINGS} more readings, not measured, {self._calls} calls apart, to see small steps in the C heap"
        )
        seconds = min(2 * MAX_SECONDS, budget.remaining_seconds)
        client.send(wire.ReadBatches(readings=READINGS + 1, iterations=self._calls, seconds=seconds))
        while (message := client.until(wire.BatchedReading, lambda _: None)).reading is not None:
            self._history.add_unmeasured_files(message.reading)
            if message.reading.native_heap_bytes is not None:
                self._native.append(message.reading.native_heap_bytes)
            if message.reading.sqlite_bytes is not None:
                self._page_caches.append(message.reading.sqlite_bytes)
        if message.failure is not None:
            failure = failure_record(message.failure, self._secrets)
            self.problem = f"{failure.type}: {failure.message}"
        elif len(self._native) <= MIN_VALUES:
            self.problem = f"the end of their time, after {len(self._native)} readings"
        else:
            native, page_caches = tuple(self._native), tuple(self._page_caches)
            self._history.add_batched_readings(
                BatchedNativeReadings(calls_apart=self._calls, native=native, page_caches=page_caches)
            )

    def reasons(self) -> tuple[str, ...]:
        """Return the sentence of the verdict for readings that failed; nothing if they did not."""
        if self.problem is None:
            return ()
        return (f"growth of the C heap by small steps was not searched for: the further calls ended with {self.problem}",)

    def record(self) -> BatchedReadings | None:
        """Return the record for the result; None if no readings were taken."""
        if not self._calls:
            return None
        return BatchedReadings(readings=max(len(self._native) - 1, 0), calls=self._calls, problem=self.problem)
