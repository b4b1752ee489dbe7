"""Records of iterations and readings, made from the worker's messages. Pure."""

from __future__ import annotations

import msgspec

from otel_memeval import wire
from otel_memeval.records import Failure, GenAi, InitialReading, Iteration, Phase


class Levels(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Totals of one reading, in bytes; None where a channel cannot be read."""

    retained_bytes: int
    traced_current_bytes: int
    dirty_bytes: int | None
    native_heap_bytes: int | None
    mapped_bytes: int | None
    idle_bytes: int | None
    sqlite_bytes: int | None

    @classmethod
    def of(cls, reading: wire.Reading) -> Levels:
        """Return the totals of a reading."""
        return cls(**{name: getattr(reading, name) for name in cls.__struct_fields__})

    @property
    def unexplained_bytes(self) -> int | None:
        """Return the written memory of the process that neither heap explains."""
        if self.dirty_bytes is None:
            return None
        return self.dirty_bytes - self.traced_current_bytes - (self.native_heap_bytes or 0) - (self.idle_bytes or 0)


def phase_of(text: str) -> Phase:
    """Return the phase that a message names."""
    return "warmup" if text == "warmup" else "measured"


def initial_record(reading: wire.Reading) -> InitialReading:
    """Return the record of the reading after the set-up."""
    return InitialReading(
        retained_bytes=reading.retained_bytes,
        rss_bytes=reading.rss_bytes,
        uss_bytes=reading.uss_bytes,
        native_heap_bytes=reading.native_heap_bytes,
    )


def iteration_record(done: wire.IterationDone, error: Failure | None, gen_ai: GenAi | None) -> Iteration:
    """Return the record of an iteration; without a reading it has only the values that need none."""
    record = Iteration(
        index=done.index,
        phase=phase_of(done.phase),
        started_at=done.started_at,
        duration_seconds=done.duration_seconds,
        status="ok" if error is None else "error",
        error=error,
        peak_bytes=done.peak_bytes,
        traced_current_bytes=done.traced_current_bytes,
        cpu_seconds=done.cpu_seconds,
        imported_modules=done.imported_modules,
        gen_ai=gen_ai,
    )
    reading = done.reading
    if reading is None:
        return record
    return msgspec.structs.replace(
        record,
        retained_bytes=reading.retained_bytes,
        retained_blocks=reading.retained_blocks,
        traced_current_bytes=reading.traced_current_bytes,
        rss_bytes=reading.rss_bytes,
        uss_bytes=reading.uss_bytes,
        native_heap_bytes=reading.native_heap_bytes,
    )
