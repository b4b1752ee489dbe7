"""The deeper look: a few iterations more, with stacks, where the lines that grow are a library's."""

from __future__ import annotations

from collections.abc import Sequence

from otel_memeval import wire
from otel_memeval.analysis.attribution import Code, Stack, attributed, iterations_to_look, unexplained
from otel_memeval.analysis.evidence import SiteKey
from otel_memeval.analysis.growth import GrowingSite
from otel_memeval.collector import failure_record
from otel_memeval.holding import Worker
from otel_memeval.observer import Observer
from otel_memeval.records import DeeperLook
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
        self._code = Code(target_file=loaded.file, library_folder=loaded.library_folder)
        self._secrets = secrets
        self._stacks: list[Stack] = []
        self._problem: str | None = None
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
    ) -> bool:
        """Look, where there is something to be found; whether the worker still lives.

        ``series``: live bytes of each site over the measured iterations; ``number``: of each file, as the worker has it.
        """
        libraries = [site for site in sites if site.key[0] in number and not self._code.is_the_scenarios(site.key[0])][
            :MOST_SITES
        ]
        if not libraries:
            return True
        count = iterations_to_look([series.get(site.key, ()) for site in libraries])
        numbered = [(number[site.key[0]], site.key[1]) for site in libraries]
        for frames in (FRAMES, MOST_FRAMES):
            observer.noted(f"{count} more iterations, not measured, to see who called the library's lines that grow")
            worker.send(wire.look_command(frames, count, numbered))
            self._frames = frames
            if not self._hear(worker, timeout_seconds):
                return False
            if self._problem is not None or not unexplained(libraries, self._stacks, self._code):
                break
        return True

    def _hear(self, worker: Worker, timeout_seconds: float) -> bool:
        """What one look found; whether the worker still lives."""
        while True:
            self._iterations += 1
            try:
                message = worker.receive(timeout_seconds)
            except Ended as ended:
                self._problem = f"{ended.type}: {ended}"
                return False
            if isinstance(message, wire.Stacks):
                self._iterations -= message.failure is None
                if message.failure is not None:
                    failure = failure_record(message.failure, self._secrets)
                    self._problem = f"{failure.type}: {failure.message}"
                    self._stacks = self._stacks if self._frames > FRAMES else []
                else:
                    self._stacks = [_stack(told) for told in message.stacks]
                return True

    def sites(self, sites: Sequence[GrowingSite]) -> tuple[GrowingSite, ...]:
        """The sites as a person would want them named; as they were where no look was made."""
        return attributed(sites, self._stacks, self._code) if self._stacks else tuple(sites)

    def reasons(self) -> tuple[str, ...]:
        """What the verdict says of a look that found nothing."""
        if self._problem is None:
            return ()
        return (f"who called the library's lines is not known: the iterations that were to tell ended with {self._problem}",)

    def record(self) -> DeeperLook | None:
        """What was done, for the result; None if nothing was."""
        if not self._iterations:
            return None
        return DeeperLook(iterations=self._iterations, frames=self._frames, problem=self._problem)


def _stack(told: wire.StackTold) -> Stack:
    return Stack(
        frames=told.frames,
        whole=told.whole,
        alive_bytes=told.alive_bytes,
        added_bytes=told.added_bytes,
        blocks=told.blocks,
    )
