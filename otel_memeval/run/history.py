"""Gathers what the worker tells into the series that are judged and the records that are reported."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from otel_memeval import wire
from otel_memeval.analysis.evidence import (
    BatchedNativeReadings,
    Evidence,
    HolderSeries,
    IterationWork,
    RingBuffer,
    SiteKey,
    series_from_changes,
)
from otel_memeval.records import Failure, GenAi, InitialReading, Iteration, Phase
from otel_memeval.redact import redact, shortened, visible

_LONGEST_MESSAGE = 300
_MOST_RISEN = 500


def one_line(text: str, secrets: tuple[str, ...]) -> str:
    """An error's message, fit to be reported: masked, one line, nothing but what can be shown, not too long."""
    return shortened(visible(" ".join(redact(text, secrets).split())), _LONGEST_MESSAGE)


def failure_record(told: wire.FailureInfo, secrets: tuple[str, ...]) -> Failure:
    """A failure as it is reported."""
    return Failure(type=shortened(visible(told.type), _LONGEST_MESSAGE), message=one_line(told.message, secrets))


class Levels(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is kept of a reading for each iteration; the rest has gone into the series."""

    retained_bytes: int
    peak_bytes: int
    traced_current_bytes: int
    dirty_bytes: int | None
    native_heap_bytes: int | None
    mapped_bytes: int | None
    idle_bytes: int | None


class Collector:
    """All of one run. Places count readings: 0 is the one after set-up, then one an iteration, warm-ups included."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets
        self._files: list[str] = []
        self._sites: dict[SiteKey, list[tuple[int, int]]] = {}
        self._blocks: dict[SiteKey, int] = {}
        self._holders: dict[int, list[tuple[int, int]]] = {}
        self._readings: list[Levels] = []
        self._work: list[IterationWork] = []
        self._input_tokens: list[int | None] = []
        self.iterations: list[Iteration] = []
        self._latest: list[tuple[SiteKey, int, int]] = []
        self._noop_peak_bytes = 0
        self.initial_reading: InitialReading | None = None

    @property
    def measured(self) -> int:
        """Measured iterations so far, failed ones included."""
        return sum(1 for iteration in self.iterations if iteration.phase == "measured")

    @property
    def warmups(self) -> int:
        """Warm-up iterations so far."""
        return len(self.iterations) - self.measured

    def ready(self, ready: wire.Ready) -> None:
        """The reading that growth is counted from."""
        reading = ready.reading
        self._noop_peak_bytes = ready.noop_peak_bytes
        self.initial_reading = InitialReading(
            retained_bytes=reading.retained_bytes,
            rss_bytes=reading.rss_bytes,
            uss_bytes=reading.uss_bytes,
            native_heap_bytes=reading.native_heap_bytes,
        )
        self._read(reading)

    def iteration(self, done: wire.IterationDone, gen_ai: GenAi | None = None) -> Iteration:
        """One iteration, done; its record. ``gen_ai``: what its spans sum up to, if it was traced."""
        self._read(done.reading)
        self._work.append(
            IterationWork(
                cpu_seconds=done.cpu_seconds,
                waits=done.waits,
                suspended=done.suspended,
                peak_bytes=done.reading.peak_bytes,
            )
        )
        reading = done.reading
        record = Iteration(
            index=done.index,
            phase=_phase(done.phase),
            started_at=done.started_at,
            duration_seconds=done.duration_seconds,
            status="ok" if done.failure is None else "error",
            error=None if done.failure is None else failure_record(done.failure, self._secrets),
            retained_bytes=reading.retained_bytes,
            retained_blocks=reading.retained_blocks,
            peak_bytes=reading.peak_bytes,
            traced_current_bytes=reading.traced_current_bytes,
            rss_bytes=reading.rss_bytes,
            uss_bytes=reading.uss_bytes,
            native_heap_bytes=reading.native_heap_bytes,
            cpu_seconds=done.cpu_seconds,
            gen_ai=gen_ai,
        )
        self._input_tokens.append(None if gen_ai is None else gen_ai.input_tokens)
        self.iterations.append(record)
        return record

    def has(self, done: wire.IterationDone) -> bool:
        """Whether this is the last iteration that was told."""
        latest = self.iterations[-1:]
        return any((one.phase, one.index) == (done.phase, done.index) for one in latest)

    def unread(self, phase: str, index: int, started_at: str, duration_seconds: float, error: Failure) -> Iteration:
        """An iteration after which there was nothing to read: the worker is gone, or was no longer tracing."""
        record = Iteration(
            index=index,
            phase=_phase(phase),
            started_at=started_at,
            duration_seconds=duration_seconds,
            status="error",
            error=error,
        )
        self.iterations.append(record)
        return record

    def unmeasured(self, reading: wire.Reading) -> None:
        """A reading after the measured iterations: of it only the numbers of new files count here."""
        self._files.extend(reading.files)

    def _read(self, reading: wire.Reading) -> None:
        place = len(self._readings)
        self._readings.append(
            Levels(
                retained_bytes=reading.retained_bytes,
                peak_bytes=reading.peak_bytes,
                traced_current_bytes=reading.traced_current_bytes,
                dirty_bytes=reading.dirty_bytes,
                native_heap_bytes=reading.native_heap_bytes,
                mapped_bytes=reading.mapped_bytes,
                idle_bytes=reading.idle_bytes,
            )
        )
        self._files.extend(reading.files)
        self._latest = []
        for number, line, live_bytes, blocks in reading.sites:
            key = (self._files[number], line)
            changes = self._sites.setdefault(key, [])
            grown = live_bytes - (changes[-1][1] if changes else 0)
            if grown > 0:
                self._latest.append((key, grown, blocks - self._blocks.get(key, 0)))
            changes.append((place, live_bytes))
            self._blocks[key] = blocks
        for identity, before, now in reading.holders:
            lengths = self._holders.setdefault(identity, [])
            if not lengths or lengths[-1][1] != before:
                # First seen, or another container at the address of one that is gone.
                lengths[:] = [(0, before)]
            lengths.append((place, now))

    def file_numbers(self) -> dict[str, int]:
        """The number that stands for each file when the worker is asked about it."""
        return {file: number for number, file in enumerate(self._files)}

    def latest_changes(self) -> list[tuple[SiteKey, int, int]]:
        """Lines whose live bytes the last reading found larger: how many bytes and blocks more; the most bytes first."""
        return sorted(self._latest, key=lambda change: (-change[1], change[0]))

    def risen(self) -> list[tuple[int, int]]:
        """Lines with more live bytes than at the start, by the number of their file, those that rose most first."""
        number = self.file_numbers()
        grown = {key: changes[-1][1] - (changes[0][1] if changes[0][0] == 0 else 0) for key, changes in self._sites.items()}
        rising = sorted((key for key in grown if grown[key] > 0), key=lambda key: -grown[key])
        return [(number[file], line) for file, line in rising[:_MOST_RISEN]]

    def evidence(
        self,
        *,
        awaits_nothing: bool,
        told: Mapping[int, wire.HolderInfo] | None = None,
        limits: Mapping[int, str] | None = None,
        ring_buffers: Sequence[RingBuffer] = (),
        left_out: Collection[int] = (),
        batched_native: BatchedNativeReadings | None = None,
    ) -> Evidence:
        """The series of the measured iterations, the reading before them first.

        ``told``: what the worker said of containers, by id; ``limits``: what bounds them, in words. ``ring_buffers``: lists
        that take in without becoming longer. ``left_out``: ids of those that turned out to hold nothing. ``batched_native``:
        from the batched readings.
        """
        readings = len(self._readings)
        warmups = min(self.warmups, max(readings - 1, 0))
        levels = self._readings[warmups:]
        measured = levels[1:]
        told = told or {}
        limits = limits or {}
        return Evidence(
            warmup=warmups,
            failed=sum(1 for one in self.iterations if one.status == "error" and one.phase == "measured"),
            retained=tuple(reading.retained_bytes for reading in levels),
            peak=tuple(reading.peak_bytes for reading in measured),
            native=tuple(reading.native_heap_bytes for reading in levels if reading.native_heap_bytes is not None),
            batched_native=batched_native,
            process=tuple(
                reading.dirty_bytes
                - reading.traced_current_bytes
                - (reading.native_heap_bytes or 0)
                - (reading.idle_bytes or 0)
                for reading in levels
                if reading.dirty_bytes is not None
            ),
            mapped=tuple(reading.mapped_bytes for reading in levels if reading.mapped_bytes is not None),
            sites={key: series_from_changes(changes, readings)[warmups:] for key, changes in self._sites.items()},
            blocks=self._blocks,
            holders=tuple(
                _holder_series(key, series_from_changes(changes, readings)[warmups:], told.get(key), limits.get(key, ""))
                for key, changes in self._holders.items()
                if key not in left_out
            ),
            ring_buffers=tuple(ring_buffers),
            work=tuple(self._work[warmups:]),
            input_tokens=tuple(tokens for tokens in self._input_tokens[warmups:] if tokens is not None),
            noop_peak_bytes=self._noop_peak_bytes,
            awaits_nothing=awaits_nothing,
        )


def _holder_series(key: int, lengths: tuple[int, ...], told: wire.HolderInfo | None, limit: str) -> HolderSeries:
    if told is None:
        return HolderSeries(id=key, lengths=lengths)
    return HolderSeries(
        id=key,
        lengths=lengths,
        bound=told.bound,
        limit=limit,
        bookkeeping=told.bookkeeping,
        type=told.type,
        only_misses=told.hits == 0,
    )


def _phase(text: str) -> Phase:
    return "warmup" if text == "warmup" else "measured"
