"""``--explain``: types, references and stacks of the growth, from iterations after the measured ones."""

from __future__ import annotations

import os
import tempfile

from otel_memeval import wire
from otel_memeval.records import (
    ChainStep,
    CodeLocation,
    Explanation,
    GrownType,
    GrowthStack,
    Recorder,
)
from otel_memeval.redact import one_line
from otel_memeval.run.failures import failure_record
from otel_memeval.run.follow_up.budget import FollowUpBudget
from otel_memeval.run.follow_up.callers import CallerSearch
from otel_memeval.run.locations import SourceLookup
from otel_memeval.run.observer import Observer
from otel_memeval.run.worker_client import WorkerClient
from otel_memeval.verdicts import State

NATIVE_ITERATIONS = 10
"""Iterations under memray; blocks that less than half of them left are replaced ones, and are not kept."""

PEAK_ITERATIONS = 2
"""Iterations under memray, to see the blocks that are alive at the peak."""

MOST_STACKS = 10


class Explainer:
    """Collects the explanation of a run's growth."""

    def __init__(self, source_lookup: SourceLookup, secrets: tuple[str, ...]) -> None:
        self._location = source_lookup.location
        self._secrets = secrets
        self._memray: wire.MemrayStacks | None = None
        self._iterations = 0
        self._peak = False
        self._notes: list[str] = []
        self.problem: str | None = None
        """Reason why the iterations under memray ended early."""

    def run(self, client: WorkerClient, budget: FollowUpBudget, state: State, observer: Observer) -> None:
        """Record stacks with memray for growth that tracemalloc does not show: of the C heap, or of the peak.

        Raises ``WorkerEnded``.
        """
        if state not in ("native-leak", "creeping"):
            return
        budget.begin_step("the search for stacks with memray")
        self._peak = state == "creeping"
        count = PEAK_ITERATIONS if self._peak else NATIVE_ITERATIONS
        observer.on_note(f"{count} more iterations, not measured, under memray if it is installed")
        with tempfile.TemporaryDirectory(prefix="memeval-") as folder:
            path = os.path.join(folder, "memray.bin")
            client.send(wire.RecordStacks(count=count, peak=self._peak, path=path, seconds=budget.remaining_seconds))
            self._take(client.until(wire.MemrayStacks, self._count))

    def _count(self, message: wire.AnyMessage) -> None:
        self._iterations += isinstance(message, wire.FollowUpIteration)

    def _take(self, message: wire.MemrayStacks) -> None:
        if message.failure is None:
            self._memray = message
            return
        failure = failure_record(message.failure, self._secrets)
        if failure.type == "ModuleNotFoundError" and "memray" in failure.message:
            subject = "blocks that are alive at the peak" if self._peak else "C frames"
            self._notes.append(f"{subject} need memray in the interpreter of the scenario: install memray there")
        else:
            self.problem = f"{failure.type}: {failure.message}"

    def explanation(self, callers: CallerSearch) -> Explanation | None:
        """Return everything that was found; None if nothing was searched for."""
        attribution = callers.record()
        grown = callers.grown_types
        if attribution is None and self._memray is None and not self._notes and self.problem is None:
            return None
        iterations = max(1, callers.count - callers.count // 2)  # in which growth was added
        stacks = self._memray_stacks() or self._traced_stacks(callers, iterations)
        recorders: list[Recorder] = ["tracemalloc"] if attribution is not None else []
        return Explanation(
            iterations=self._iterations + (attribution.iterations if attribution is not None else 0),
            recorded_by=[*recorders, "memray"] if self._memray is not None else recorders,
            types=[
                GrownType(
                    type=one_line(name, self._secrets),
                    objects_per_iteration=objects / iterations,
                    bytes_per_iteration=live_bytes / iterations,
                )
                for name, objects, live_bytes in (grown.types if grown is not None else [])
            ],
            chain=[
                ChainStep(step=one_line(step.removeprefix(" -> "), self._secrets), type=one_line(kind, self._secrets))
                for step, kind in (grown.chain if grown is not None else [])
            ],
            stacks=stacks[:MOST_STACKS],
            notes=self._all_notes(callers, grown, stacks),
        )

    def _all_notes(self, callers: CallerSearch, grown: wire.GrownTypes | None, stacks: list[GrowthStack]) -> list[str]:
        """Return one sentence for each part of the explanation that is missing."""
        notes = list(self._notes)
        if self.problem is not None:
            notes.append(f"no stacks: the further iterations ended with {self.problem}")
        if callers.problem is not None:
            notes.append(f"the further iterations ended with {callers.problem}")
        if not notes and not stacks and (grown is None or not grown.types):
            notes.append("the further iterations left nothing behind")
        if grown is not None and stacks and not grown.types:
            notes.append("no object that Python can find stayed: only C code can reach the memory, or nothing can")
        if grown is not None and grown.types and not grown.chain:
            notes.append("no module leads to the objects that stayed: a frame, a thread or C code keeps them")
        return notes

    def _traced_stacks(self, callers: CallerSearch, iterations: int) -> list[GrowthStack]:
        return [
            GrowthStack(
                frames=[self._location(frame) for frame in stack.frames], bytes_per_iteration=stack.added_bytes / iterations
            )
            for stack in callers.stacks[:MOST_STACKS]
            if stack.added_bytes
        ]

    def _memray_stacks(self) -> list[GrowthStack]:
        if self._memray is None:
            return []
        return [
            GrowthStack(
                frames=[self._memray_location(*frame) for frame in stack.frames],
                bytes_per_iteration=None if self._peak else stack.bytes / NATIVE_ITERATIONS,
                peak_bytes=stack.bytes if self._peak else None,
            )
            for stack in self._memray.stacks
        ]

    def _memray_location(self, function: str, file: str, line: int) -> CodeLocation:
        if file.endswith(".py"):
            return self._location((file, line))
        unknown = file.startswith("<unknown")
        name = "" if function.startswith("<unknown") else one_line(function, self._secrets)
        return CodeLocation(file="" if unknown else file, line=0 if unknown else line, function=name)
