"""Simulate untraced memory and peaks of harmless scenarios."""

from __future__ import annotations

import math

from benchmarks.simulation.harmless import bounded_walk, pool, sawtooth, steps, white_noise
from benchmarks.simulation.series import Family, Levels, Random

ARENA_BYTES = 262_144
"""Bytes that Python's small-object allocator maps at a time before Python 3.10; later it maps 1 MiB."""


def jitter_on_a_level(numbers: Random) -> Levels:
    """Simulate small changes of other code."""
    size = 10 ** numbers.uniform(2, 5)
    while True:
        yield 1_000_000 + numbers.gauss(0, size)


def drift(numbers: Random) -> Levels:
    """Simulate a heap that drifts because freed blocks leave holes of other sizes: less and less."""
    size, fits, level = 10 ** numbers.uniform(2, 5), numbers.uniform(2, 6), 0.0
    call = 0
    while True:
        call += 1
        level += size * math.exp(-call / fits) * numbers.random()
        yield 1_000_000 + level + numbers.random() * size / 10


def wandering(numbers: Random) -> Levels:
    """Simulate a level that wanders and is drawn back."""
    size, back, level = 10 ** numbers.uniform(2, 5), numbers.uniform(0.2, 0.9), 0.0
    while True:
        level = level * back + numbers.gauss(0, size)
        yield 1_000_000 + level


def arenas(numbers: Random) -> Levels:
    """Simulate complete arenas that come and go with the demand."""
    mean = numbers.uniform(0.5, 4)
    while True:
        yield math.ceil(numbers.gauss(mean, mean / 3)) * ARENA_BYTES + 10 * ARENA_BYTES


def arenas_that_stay(numbers: Random) -> Levels:
    """Simulate arenas of the largest demand so far, which differs little from call to call."""
    most, demand = 0, numbers.uniform(1, 20)
    while True:
        most = max(most, math.ceil(demand * numbers.uniform(0.7, 1.3)))
        yield most * ARENA_BYTES


def pages_used_first(numbers: Random) -> Levels:
    """Simulate pages of a region that are written for the first time: fewer and fewer are left."""
    pages, each = numbers.randint(20, 2_000), numbers.uniform(0.4, 1)
    left = float(pages)
    while True:
        left -= numbers.random() * each * left
        yield (pages - int(left)) * 4096


def heavy_tails(numbers: Random) -> Levels:
    """Simulate answers of very different lengths, the largest hundreds of times the usual length."""
    size, shape = 10 ** numbers.uniform(3, 6), numbers.uniform(1.1, 3)
    while True:
        yield size * min(1_000.0, numbers.paretovariate(shape))


def log_normal(numbers: Random) -> Levels:
    """Simulate answers with a length that is a product of many random factors."""
    size, spread = 10 ** numbers.uniform(3, 6), numbers.uniform(0.1, 1.5)
    while True:
        yield size * numbers.lognormvariate(0, spread)


def window_of_messages(numbers: Random) -> Levels:
    """Simulate a window of the last few messages of any size."""
    size, most = 10 ** numbers.uniform(2, 5), numbers.randint(2, 8)
    window: list[float] = []
    while True:
        window = [*window, numbers.uniform(0.2, 1)][-most:]
        yield size * (1 + sum(window))


def one_of_two_answers(numbers: Random) -> Levels:
    """Simulate a short or a long path at random."""
    size, often = 10 ** numbers.uniform(3, 6), numbers.uniform(0.1, 0.9)
    while True:
        yield size * (10 if numbers.random() < often else 1)


NATIVE = (jitter_on_a_level, drift, wandering, steps, sawtooth, pool, bounded_walk)
PROCESS = (arenas, arenas_that_stay, pages_used_first, wandering)
PEAK = (
    white_noise,
    heavy_tails,
    log_normal,
    window_of_messages,
    one_of_two_answers,
    wandering,
    sawtooth,
    pool,
)

FAMILIES = (
    *(Family(make, "native") for make in NATIVE),
    *(Family(make, "process") for make in PROCESS),
    *(Family(make, "peak") for make in PEAK),
)
