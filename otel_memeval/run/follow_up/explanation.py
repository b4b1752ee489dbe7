"""``--explain``: types, references and stacks of what grew, from iterations after the measured ones."""

from __future__ import annotations

import os
import tempfile

from otel_memeval import wire
from otel_memeval.analysis.evidence import SiteKey
from otel_memeval.records import ChainStep, CodeLocation, Explanation, GrownType, GrowthStack, Recorder
from otel_memeval.run.containers import Worker
from otel_memeval.run.follow_up.callers import Attribution
from otel_memeval.run.history import failure_record, one_line
from otel_memeval.run.locations import place
from otel_memeval.run.observer import Observer
from otel_memeval.supervisor import Ended
from otel_memeval.verdicts import State

NATIVE_ITERATIONS = 10
"""Under memray; what is left of fewer than half of them was replaced, not kept."""

PEAK_ITERATIONS = 2
"""Under memray, to see what is alive at the peak."""

MOST_STACKS = 10


class Explainer:
    """What has been found out about one run's growth."""

    def __init__(self, folder: str, secrets: tuple[str, ...]) -> None:
        self._folder = folder
        self._secrets = secrets
        self._native: wire.MemrayStacks | None = None
        self._iterations = 0
        self._peak = False
        self._notes: list[str] = []
        self._places: dict[SiteKey, CodeLocation] = {}

    def record(self, worker: Worker, state: State, observer: Observer, timeout_seconds: float) -> bool:
        """For growth that Python's own tracing does not see: C frames, or what is alive at the peak, through memray. Whether
        the worker still lives.
        """
        if state not in ("native-leak", "creeping"):
            return True
        self._peak = state == "creeping"
        count = PEAK_ITERATIONS if self._peak else NATIVE_ITERATIONS
        observer.on_note(f"{count} more iterations, not measured, under memray if it is there")
        with tempfile.TemporaryDirectory(prefix="memeval-") as folder:
            worker.send(wire.record_command(count, os.path.join(folder, "memray.bin"), peak=self._peak))
            while True:
                try:
                    message = worker.receive(timeout_seconds)
                except Ended as ended:
                    self._notes.append(f"no stacks: the iterations that were to tell them ended with {ended.type}: {ended}")
                    return False
                if isinstance(message, wire.MemrayStacks):
                    break
                self._iterations += isinstance(message, wire.FollowUpIteration)
        self._take(message)
        return True

    def _take(self, message: wire.MemrayStacks) -> None:
        if message.failure is None:
            self._native = message
            return
        failure = failure_record(message.failure, self._secrets)
        if failure.type == "ModuleNotFoundError" and "memray" in failure.message:
            what = "what is alive at the peak" if self._peak else "C frames"
            self._notes.append(f"{what} can be told only with memray in the scenario's interpreter: install memray there")
        else:
            self._notes.append(
                f"no stacks: the iterations that were to tell them ended with {failure.type}: {failure.message}"
            )

    def explanation(self, attribution: Attribution) -> Explanation | None:
        """All that is known; None if nothing was looked at."""
        looked = attribution.record()
        grown = attribution.grown
        if looked is None and self._native is None and not self._notes:
            return None
        notes = list(self._notes)
        if looked is not None and looked.problem is not None:
            notes.append(f"the iterations that were to explain ended with {looked.problem}")
        stacks = self._native_stacks() or self._traced_stacks(attribution)
        if not notes and not stacks and (grown is None or not grown.types):
            notes.append("the further iterations left nothing behind")
        if grown is not None and stacks and not grown.types:
            notes.append("no object that Python can find stayed: it is out of reach, as when C code forgets to let it go")
        if grown is not None and grown.types and not grown.chain:
            notes.append("no module leads to what stayed: a frame, a thread or C code keeps it")
        iterations = self._iterations + (looked.iterations if looked is not None else 0)
        half = self._half(attribution)
        recorders: list[Recorder] = ["tracemalloc"] if looked is not None else []
        return Explanation(
            iterations=iterations,
            recorded_by=[*recorders, "memray"] if self._native is not None else recorders,
            types=[
                GrownType(
                    type=one_line(name, self._secrets),
                    objects_per_iteration=objects / half,
                    bytes_per_iteration=live_bytes / half,
                )
                for name, objects, live_bytes in (grown.types if grown is not None else [])
            ],
            chain=[
                ChainStep(step=one_line(step.removeprefix(" -> "), self._secrets), type=one_line(kind, self._secrets))
                for step, kind in (grown.chain if grown is not None else [])
            ],
            stacks=stacks[:MOST_STACKS],
            notes=notes,
        )

    def _half(self, attribution: Attribution) -> int:
        """Iterations in which a look added what it tells."""
        return max(1, attribution.count - attribution.count // 2)

    def _traced_stacks(self, attribution: Attribution) -> list[GrowthStack]:
        half = self._half(attribution)
        return [
            GrowthStack(frames=[self._place(frame) for frame in stack.frames], bytes_per_iteration=stack.added_bytes / half)
            for stack in attribution.stacks[:MOST_STACKS]
            if stack.added_bytes
        ]

    def _native_stacks(self) -> list[GrowthStack]:
        if self._native is None:
            return []
        return [
            GrowthStack(
                frames=[self._native_place(*frame) for frame in stack.frames],
                bytes_per_iteration=None if self._peak else stack.bytes / NATIVE_ITERATIONS,
                peak_bytes=stack.bytes if self._peak else None,
            )
            for stack in self._native.stacks
        ]

    def _place(self, key: SiteKey) -> CodeLocation:
        """Each file is read once for a line, however many stacks go through it."""
        if key not in self._places:
            self._places[key] = place(key, self._folder)
        return self._places[key]

    def _native_place(self, function: str, file: str, line: int) -> CodeLocation:
        known = self._place((file, line)) if file.endswith(".py") else None
        if known is not None:
            return known
        unknown = file.startswith("<unknown")
        name = "" if function.startswith("<unknown") else one_line(function, self._secrets)
        return CodeLocation(file="" if unknown else file, line=0 if unknown else line, function=name)
