"""Answers of the worker, in the order in which they came: the series that are judged and the records that are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from otel_memeval import wire
from otel_memeval.analysis.assessment import Assessment, assess
from otel_memeval.analysis.evidence import (
    BatchedNativeReadings,
    CallWork,
    Evidence,
    IterationWork,
    SiteKey,
    series_from_changes,
)
from otel_memeval.records import Failure, GenAi, InitialReading, Iteration
from otel_memeval.run.containers import ContainerDescriptions
from otel_memeval.run.failures import failure_record
from otel_memeval.run.reading_records import Levels, initial_record, iteration_record, phase_of
from otel_memeval.run.resources import ResourceReadings
from otel_memeval.run.suppressions import Suppressions

_MOST_RISEN_SITES = 500
"""Sites that the worker looks for in containers, largest rise first."""


class RunHistory:
    """All answers of one run. Reading 0 is the one after the set-up; then comes one after each iteration that was read."""

    def __init__(
        self,
        loaded: wire.Loaded,
        display_path: Callable[[str], str],
        secrets: tuple[str, ...],
        suppressions: Suppressions,
    ) -> None:
        """Start an empty history; ``display_path`` returns a path as the report shows it."""
        self._loaded = loaded
        self._display_path = display_path
        self._secrets = secrets
        self._suppressions = suppressions
        self._callers: Mapping[SiteKey, Sequence[SiteKey]] = {}
        self._containers = ContainerDescriptions(display_path, secrets)
        self.resources = ResourceReadings(display_path, secrets)
        self._files: list[str] = []
        self._sites: dict[SiteKey, list[tuple[int, int]]] = {}
        self._blocks: dict[SiteKey, int] = {}
        self._lengths: dict[int, list[tuple[int, int]]] = {}
        self._levels: list[Levels] = []
        self._read_after: list[int] = []
        self._work: list[IterationWork] = []
        self._input_tokens: list[int | None] = []
        self._latest: list[tuple[SiteKey, int, int]] = []
        self._batched: BatchedNativeReadings | None = None
        self._call_work: CallWork | None = None
        self._noop_peak_bytes = 0
        self._assessment: Assessment | None = None
        self.iterations: list[Iteration] = []
        self.readings_every = 1
        """Measured iterations from one reading to the next."""
        self.initial_reading: InitialReading | None = None

    @property
    def measured(self) -> int:
        """Number of measured iterations so far, failed ones included."""
        return sum(1 for iteration in self.iterations if iteration.phase == "measured")

    @property
    def warmups(self) -> int:
        """Number of warm-up iterations so far."""
        return len(self.iterations) - self.measured

    def add_initial_reading(self, ready: wire.Ready) -> InitialReading:
        """Take the reading after the set-up, from which growth is counted; return its record."""
        self._noop_peak_bytes = ready.noop_peak_bytes
        self.initial_reading = initial_record(ready.reading)
        self._add_reading(ready.reading)
        return self.initial_reading

    def add_iteration(self, done: wire.IterationDone, gen_ai: GenAi | None = None) -> Iteration:
        """Take one iteration with its reading; return its record. ``gen_ai`` sums up its spans, if it was traced."""
        self._assessment = None
        self.readings_every = done.readings_every
        self._work.append(
            IterationWork(
                cpu_seconds=done.cpu_seconds, waits=done.waits, suspended=done.suspended, peak_bytes=done.peak_bytes
            )
        )
        self._input_tokens.append(None if gen_ai is None else gen_ai.input_tokens)
        record = iteration_record(
            done, None if done.failure is None else failure_record(done.failure, self._secrets, self._display_path), gen_ai
        )
        self.iterations.append(record)
        if done.reading is not None:
            self._add_reading(done.reading)
        return record

    def has_iteration(self, done: wire.IterationDone) -> bool:
        """Return whether ``done`` is the iteration that was added last."""
        return any((last.phase, last.index) == (done.phase, done.index) for last in self.iterations[-1:])

    def add_failed_iteration(
        self, phase: str, index: int, started_at: str, duration_seconds: float, error: Failure
    ) -> Iteration:
        """Take an iteration without a reading (the worker is gone, or tracing was stopped); return its record."""
        self._assessment = None
        record = Iteration(
            index=index,
            phase=phase_of(phase),
            started_at=started_at,
            duration_seconds=duration_seconds,
            status="error",
            error=error,
        )
        self.iterations.append(record)
        return record

    def add_containers(self, asked: Sequence[int], answer: wire.Holders) -> None:
        """Take the worker's description of the containers whose ids are ``asked``, and of lists of fixed length."""
        self._containers.add(asked, answer)
        self._assessment = None

    @property
    def unsearched_bounds(self) -> int:
        """Number of containers whose bound was not searched for, because the time was used up."""
        return self._containers.unsearched_bounds

    def usual_seconds(self) -> float:
        """Return the median duration of the measured iterations, 0 if there were none."""
        durations = [iteration.duration_seconds for iteration in self.iterations if iteration.phase == "measured"]
        return median(durations) if durations else 0.0

    def added_resources(self) -> list[tuple[str, int]]:
        """Return name and number of the added resources of each kind that grows or may grow."""
        return [
            (resource.name, max(1, resource.after - resource.before))
            for resource in self.assessment().judgement.resources.resources
            if resource.growing or resource.iterations_needed
        ]

    def add_resources(self, answer: wire.ResourceDescriptions) -> None:
        """Take the worker's description of the resources that were added last."""
        self.resources.describe(answer)
        self._assessment = None

    def add_resource_lines(self, lines: Mapping[str, tuple[SiteKey, ...]]) -> None:
        """Take the sites that made the resources that grow, by name, most frequent first."""
        self.resources.locate(lines)
        self._assessment = None

    def add_unmeasured_files(self, reading: wire.Reading) -> None:
        """Take the new file names of a reading after the measured iterations: later answers name files by number."""
        self._files.extend(reading.files)

    def add_batched_readings(self, batched: BatchedNativeReadings) -> None:
        """Take readings of the C heap that lie several calls apart."""
        self._batched = batched
        self._assessment = None

    def add_call_work(self, work: CallWork) -> None:
        """Take the work of a call that was watched after the measured iterations."""
        self._call_work = work
        self._assessment = None

    def add_callers(self, callers: Mapping[SiteKey, Sequence[SiteKey]]) -> None:
        """Take the sites of the scenario that called sites of a library."""
        self._callers = callers
        self._assessment = None

    def _add_reading(self, reading: wire.Reading) -> None:
        self._assessment = None
        place = len(self._levels)
        self._read_after.append(len(self.iterations))
        self._levels.append(Levels.of(reading))
        self.resources.add(reading.resources)
        self._files.extend(reading.files)
        self._latest = []
        for number, line, live_bytes, blocks in reading.sites:
            key = (self._files[number], line)
            changes = self._sites.setdefault(key, [])
            grown_bytes = live_bytes - (changes[-1][1] if changes else 0)
            if grown_bytes > 0:
                self._latest.append((key, grown_bytes, blocks - self._blocks.get(key, 0)))
            changes.append((place, live_bytes))
            self._blocks[key] = blocks
        for identity, before, now in reading.holders:
            lengths = self._lengths.setdefault(identity, [])
            if not lengths or lengths[-1][1] != before:
                # First seen, or another container at the address of one that is gone.
                lengths[:] = [(0, before)]
            lengths.append((place, now))

    def file_numbers(self) -> dict[str, int]:
        """Return the number that stands for each file in commands to the worker."""
        return {file: number for number, file in enumerate(self._files)}

    def latest_changes(self) -> list[tuple[SiteKey, int, int]]:
        """Return the sites that grew in the last reading, with the added bytes and blocks; most bytes first."""
        return sorted(self._latest, key=lambda change: (-change[1], change[0]))

    def risen_sites(self) -> list[tuple[int, int]]:
        """Return the sites with more live bytes than at the start, as (number of the file, line), largest rise first."""
        grown = {key: changes[-1][1] - (changes[0][1] if changes[0][0] == 0 else 0) for key, changes in self._sites.items()}
        rising = sorted((key for key in grown if grown[key] > 0), key=lambda key: -grown[key])
        return self.numbered(rising[:_MOST_RISEN_SITES])

    def numbered(self, sites: Iterable[SiteKey]) -> list[tuple[int, int]]:
        """Return the sites that the worker sent as (number of the file, line), in the same order."""
        number = self.file_numbers()
        return [(number[file], line) for file, line in sites if file in number]

    def assessment(self) -> Assessment:
        """Return the assessment of all answers so far; it is computed once for each change of the evidence."""
        if self._assessment is None:
            self._assessment = assess(self.evidence())
        return self._assessment

    def _judged_readings(self, warmups: int) -> list[int]:
        """Return the places of the readings that are judged, at even intervals counted back from the last one.

        Readings that only decided the interval are left out.
        """
        last = self._read_after[-1] if self._read_after else 0
        return [
            place
            for place, iterations in enumerate(self._read_after)
            if iterations >= warmups and (last - iterations) % self.readings_every == 0
        ]

    def evidence(self) -> Evidence:
        """Return the series of the measured iterations, the reading before them first."""
        warmups = min(self.warmups, self._read_after[-1] if self._read_after else 0)
        places = self._judged_readings(warmups)
        levels = [self._levels[place] for place in places]

        def series(changes: Sequence[tuple[int, int]]) -> tuple[int, ...]:
            if changes[-1][0] <= places[0]:  # almost all sites of a large heap: the value never changed
                return (changes[-1][1],) * len(places)
            values = series_from_changes(changes, len(self._levels))
            return tuple([values[place] for place in places])

        lengths = {key: series(changes) for key, changes in self._lengths.items()}
        containers = self._containers
        holders, rings, keepers = containers.series(lengths), containers.ring_buffers(), containers.keepers()
        return Evidence(
            module=self._loaded.module,
            warmup=warmups,
            readings_every=self.readings_every,
            failed=sum(iteration.status == "error" and iteration.phase == "measured" for iteration in self.iterations),
            retained=tuple(level.retained_bytes for level in levels),
            peak=tuple(work.peak_bytes for work in self._work[warmups:]),
            native=tuple(level.native_heap_bytes for level in levels if level.native_heap_bytes is not None),
            batched_native=self._batched,
            process=tuple(rest for level in levels if (rest := level.unexplained_bytes) is not None),
            page_caches=tuple(level.sqlite_bytes for level in levels if level.sqlite_bytes is not None),
            page_cache_limit_bytes=self._containers.page_cache_limit_bytes,
            mapped=tuple(level.mapped_bytes for level in levels if level.mapped_bytes is not None),
            sites={key: series(changes) for key, changes in self._sites.items()},
            blocks=self._blocks,
            holders=holders,
            ring_buffers=rings,
            resources=self.resources.series(places),
            children=self.resources.children(places),
            child_bytes=self.resources.child_bytes(places),
            keepers=keepers,
            work=tuple(self._work[warmups:]),
            input_tokens=tuple(tokens for tokens in self._input_tokens[warmups:] if tokens is not None),
            noop_peak_bytes=self._noop_peak_bytes,
            call_work=self._call_work,
            awaits_nothing=self._loaded.awaits_nothing,
            ignored_sites=self._suppressions.ignored_sites(self._sites, self._callers),
            ignored_resources=self._suppressions.ignored_resources(),
            ignored_holders={
                key: reason
                for key, path in containers.paths().items()
                if (reason := self._suppressions.holder_reason(path)) is not None
            },
        )
