"""The deeper look: a few iterations more, with stacks, where the lines that grow are a library's."""

from __future__ import annotations

from collections.abc import Sequence

from otel_memeval import wire
from otel_memeval.analysis.callers import (
    CallStack,
    CodeOwnership,
    attribute_to_callers,
    attribution_iterations,
    needs_more_frames,
)
from otel_memeval.analysis.evidence import SiteKey
from otel_memeval.analysis.growth import GrowingSite
from otel_memeval.records import CallerAttribution
from otel_memeval.run.containers import Worker
from otel_memeval.run.history import failure_record
from otel_memeval.run.observer import Observer
from otel_memeval.supervisor import Ended

FRAMES = 12
"""Enough for nearly all; each frame costs time."""

MOST_FRAMES = 60
"""For a second look where 12 frames did not come to the scenario's code: through a framework and a client."""

MOST_SITES = 200
"""Lines that are looked at, largest growth first."""


class Attribution:
    """What looks have found out about one run's growing lines."""

    def __init__(self, loaded: wire.Loaded, secrets: tuple[str, ...]) -> None:
        self._code = CodeOwnership(target_file=loaded.file, library_folder=loaded.library_folder)
        self._secrets = secrets
        self.stacks: list[CallStack] = []
        """Of the growing lines, from the last look."""
        self.grown: wire.GrownTypes | None = None
        """Which objects stayed, if that was to be explained."""
        self.problem: str | None = None
        """Why the last look found nothing, if it did not."""
        self.count = 0
        """Iterations of each look."""
        self._iterations = 0
        self._frames = 0

    def look(
        self,
        worker: Worker,
        sites: Sequence[GrowingSite],
        series: dict[SiteKey, tuple[int, ...]],
        number: dict[str, int],
        observer: Observer,
        timeout_seconds: float,
        *,
        explain: bool,
    ) -> bool:
        """Look, where there is something to be found, or to be explained; whether the worker still lives.

        ``series``: live bytes of each site over the measured iterations; ``number``: of each file, as the worker has it.
        """
        known = [site for site in sites if site.key[0] in number][:MOST_SITES]
        libraries = [site for site in known if not self._code.is_scenario_code(site.key[0])]
        if not libraries and not explain:
            return True
        wanted = known if explain else libraries
        count = self.count = attribution_iterations([series.get(site.key, ()) for site in wanted])
        numbered = [(number[site.key[0]], site.key[1]) for site in wanted]
        what = "to explain what grows" if explain else "to see who called the library's lines that grow"
        for frames in (FRAMES, MOST_FRAMES):
            observer.on_note(f"{count} more iterations, not measured, {what}")
            worker.send(wire.look_command(frames, count, numbered, explain=explain and frames == FRAMES))
            self._frames = frames
            if not self._hear(worker, timeout_seconds):
                return False
            if self.problem is not None or not needs_more_frames(libraries, self.stacks, self._code):
                break
        return True

    def _hear(self, worker: Worker, timeout_seconds: float) -> bool:
        """What one look found; whether the worker still lives."""
        while True:
            self._iterations += 1
            try:
                message = worker.receive(timeout_seconds)
            except Ended as ended:
                self.problem = f"{ended.type}: {ended}"
                return False
            if isinstance(message, wire.GrownTypes):
                self._iterations -= 1
                self.grown = message
            elif isinstance(message, wire.Stacks):
                self._iterations -= message.failure is None
                if message.failure is not None:
                    failure = failure_record(message.failure, self._secrets)
                    self.problem = f"{failure.type}: {failure.message}"
                    self.stacks = self.stacks if self._frames > FRAMES else []
                else:
                    self.stacks = [_stack(told) for told in message.stacks]
                return True

    def sites(self, sites: Sequence[GrowingSite]) -> tuple[GrowingSite, ...]:
        """The sites as a person would want them named; as they were where no look was made."""
        return attribute_to_callers(sites, self.stacks, self._code) if self.stacks else tuple(sites)

    def reasons(self) -> tuple[str, ...]:
        """What the verdict says of a look that found nothing."""
        if self.problem is None:
            return ()
        return (f"who called the library's lines is not known: the iterations that were to tell ended with {self.problem}",)

    def record(self) -> CallerAttribution | None:
        """What was done, for the result; None if nothing was."""
        if not self._iterations:
            return None
        return CallerAttribution(iterations=self._iterations, frames=self._frames, problem=self.problem)


def _stack(told: wire.StackInfo) -> CallStack:
    return CallStack(
        frames=told.frames,
        complete=told.complete,
        alive_bytes=told.alive_bytes,
        added_bytes=told.added_bytes,
    )
