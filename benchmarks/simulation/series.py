"""Make the evidence of a run from simulated levels."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Literal

import msgspec

from otel_memeval.analysis.assessment import Assessment, assess
from otel_memeval.analysis.batched_readings import READINGS, calls_between_readings
from otel_memeval.analysis.evidence import BatchedNativeReadings, Evidence, HolderSeries, IterationWork
from otel_memeval.analysis.judge import Judgement

Random = random.Random
Levels = Iterator[float]
Maker = Callable[[Random], Levels]
"""Makes the levels after each call, without end, from seeded random numbers."""

Channel = Literal["line", "block", "list", "dict", "native", "process", "peak"]
"""Unit of the levels. line: live bytes of a line. block: live bytes of a line in a single block. list, dict: items of a
container, each with a block of one size. native, process: bytes of untraced memory. peak: bytes at once."""

CALL_SECONDS = 0.001
"""Seconds of a call: short enough for batched readings."""

HEAP_BYTES = 4_000_000
"""Bytes of the C heap of a small agent."""


@dataclass(frozen=True)
class Family:
    """Series of one kind; ``steady_list``: beside them a list gains an item with each call."""

    make: Maker
    channel: Channel = "line"
    steady_list: bool = False

    @property
    def name(self) -> str:
        """Return the name in the table."""
        return f"{self.make.__name__}{'' if self.channel in ('line', 'block') else ' (' + self.channel + ')'}"

    def evidence(self, seed: int, iterations: int, warmup: int) -> Evidence:
        """Return the evidence of a run in which only this series changes."""
        return self._run(seed, iterations, warmup)[0]

    def judged(self, seed: int, iterations: int, warmup: int) -> Judgement:
        """Return the judgement on such a run, with batched readings where a run makes them."""
        return self.assessed(seed, iterations, warmup).judgement

    def assessed(self, seed: int, iterations: int, warmup: int) -> Assessment:
        """Return the assessment of such a run, with batched readings where a run makes them."""
        run, levels = self._run(seed, iterations, warmup)
        assessment = assess(run)
        calls = calls_between_readings(assessment, [CALL_SECONDS])
        if not calls:
            return assessment
        native = tuple(HEAP_BYTES + int(next(islice(levels, calls - 1, None))) for _ in range(READINGS + 1))
        return assess(msgspec.structs.replace(run, batched_native=BatchedNativeReadings(calls_apart=calls, native=native)))

    def _run(self, seed: int, iterations: int, warmup: int) -> tuple[Evidence, Levels]:
        """Return the evidence and the levels of later calls."""
        numbers = Random(f"{self.make.__name__} {seed}")
        levels = self.make(numbers)
        for _ in range(warmup - 1):
            next(levels)
        values = tuple(int(next(levels)) for _ in range(iterations + 1))
        size = int(10 ** numbers.uniform(1.81, 4)) if self.channel in ("list", "dict") else 1
        return evidence(values, self.channel, warmup, size, steady_list=self.steady_list), levels


def evidence(
    values: tuple[int, ...], channel: Channel, warmup: int, item_bytes: int = 1, *, steady_list: bool = False
) -> Evidence:
    """Return the evidence of a run in which only this series changes."""
    steps = len(values) - 1
    still = tuple([1_000_000] * (steps + 1))
    inside = channel in ("line", "block", "list", "dict")
    live = tuple(value * item_bytes for value in values) if inside else still
    peak = tuple(1_000 + max(0, after - before) for before, after in pairwise(live))
    if channel == "peak":
        peak = values[1:]
    holders: tuple[HolderSeries, ...] = ()
    if channel in ("list", "dict"):
        holders = (HolderSeries(id=1, lengths=values, type=channel),)
    elif steady_list:
        holders = (HolderSeries(id=1, lengths=tuple(range(warmup, warmup + steps + 1)), type="list"),)
    return Evidence(
        warmup=warmup,
        failed=0,
        retained=live,
        peak=peak,
        native=tuple(HEAP_BYTES + value for value in values) if channel == "native" else still,
        process=values if channel == "process" else still,
        sites={("scenario.py", 1): live} if inside else {},
        blocks={("scenario.py", 1): 1 if channel == "block" else 10},
        holders=holders,
        work=tuple(IterationWork(cpu_seconds=0.1, waits=1, suspended=False, peak_bytes=peak_bytes) for peak_bytes in peak),
    )
