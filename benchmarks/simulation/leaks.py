"""Simulate leaks, and peaks that creep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate

from benchmarks.simulation.series import Family, Levels, Maker, Random


def steady(numbers: Random) -> Levels:
    """Simulate a leak of the same bytes with each call."""
    size = 10 ** numbers.uniform(1.81, 6)
    return accumulate(_for_ever(lambda: size))


def random_sizes(numbers: Random) -> Levels:
    """Simulate a leak of a message of any size with each call."""
    size = 10 ** numbers.uniform(2.2, 6)
    return accumulate(_for_ever(lambda: size * numbers.uniform(0.1, 1)))


def heavy_tailed_sizes(numbers: Random) -> Levels:
    """Simulate a leak of messages of very different sizes."""
    size, shape = 10 ** numbers.uniform(1.81, 5), numbers.uniform(1.1, 3)
    return accumulate(_for_ever(lambda: size * min(1_000.0, numbers.paretovariate(shape))))


def every_few(numbers: Random) -> Levels:
    """Simulate a leak on each second to fourth call."""
    every, size, call = numbers.randint(2, 4), 10 ** numbers.uniform(2.5, 6), numbers.randint(0, 5)
    while True:
        call += 1
        yield (call // every) * size


def every_fifth(numbers: Random) -> Levels:
    """Simulate a leak on each fifth call."""
    call = numbers.randint(0, 5)
    while True:
        call += 1
        yield call // 5


def begins_late(numbers: Random) -> Levels:
    """Simulate a leak that begins after up to half of a run."""
    late, size, call = numbers.randint(1, 13), 10 ** numbers.uniform(1.81, 6), 0
    while True:
        call += 1
        yield max(0, call - late) * size


def faster_and_faster(numbers: Random) -> Levels:
    """Simulate a leak that grows with each call."""
    size, call, level = 10 ** numbers.uniform(1.81, 4), 0, 0.0
    while True:
        call += 1
        level += call * size
        yield level


def behind_a_warm_up(numbers: Random) -> Levels:
    """Simulate a leak behind a decaying warm-up a thousand times as large."""
    size, part, level = 10 ** numbers.uniform(1.81, 4), numbers.uniform(0.1, 0.5), 0.0
    more = 1_000 * size
    while True:
        level += size + more
        more = more * part if more > 1 else 0.0
        yield float(int(level))


def with_partial_release(numbers: Random) -> Levels:
    """Simulate a buffer that gives back most of its growth after a fixed number of calls."""
    period, size, place = numbers.randint(2, 4), 10 ** numbers.uniform(2.5, 5), numbers.randint(0, 3)
    while True:
        place += 1
        yield (place % period + place // period) * size


def by_chance(often: float) -> Maker:
    """Return a leak of an item with this part of the calls."""

    def made(numbers: Random) -> Levels:
        return accumulate(_for_ever(lambda: float(numbers.random() < often)))

    made.__name__ = f"by_chance_{often:g}"
    return made


def under_noise(numbers: Random) -> Levels:
    """Simulate a steady leak under noise of twice to five times its step."""
    size = 10 ** numbers.uniform(2, 6)
    noise, level = size * numbers.uniform(2, 5), 0.0
    while True:
        level += size
        yield level + numbers.random() * noise


def over_allocated(numbers: Random) -> Levels:
    """Simulate a buffer that takes an eighth more than it needs whenever it is full."""
    size, used, taken = 10 ** numbers.uniform(2, 5), 0.0, 0.0
    while True:
        used += size
        if used > taken:
            taken = used * 1.125
        yield taken


def with_jitter(numbers: Random) -> Levels:
    """Simulate a steady leak beside small changes of other code, of half a step."""
    size, level = 10 ** numbers.uniform(2.5, 6), 0.0
    while True:
        level += size
        yield level + numbers.gauss(0, size / 2)


def mapped(numbers: Random) -> Levels:
    """Simulate mappings that stay, beside pages that are used for the first time."""
    size, level = 10 ** numbers.uniform(5, 7), 0.0
    while True:
        level += size
        yield level + numbers.randint(0, 4) * 4096


def longer_and_longer(numbers: Random) -> Levels:
    """Simulate a context that gains a message with each call, under answers of up to two messages."""
    size, level = 10 ** numbers.uniform(3, 6), 10_000.0
    while True:
        level += size
        yield level + numbers.random() * 2 * size


def beside_jitter(part: float) -> Maker:
    """Return a steady leak with a step of this part of the standard deviation of other code's changes."""

    def made(numbers: Random) -> Levels:
        size, level = 10 ** numbers.uniform(3, 5), 0.0
        while True:
            level += size
            yield 100_000 + level + numbers.gauss(0, size / part)

    made.__name__ = f"step is {part:g} of the jitter"
    return made


def _for_ever(function: Callable[[], float]) -> Iterator[float]:
    while True:
        yield function()


FAMILIES = (
    *(
        Family(make)
        for make in (
            steady,
            random_sizes,
            heavy_tailed_sizes,
            every_few,
            begins_late,
            faster_and_faster,
            behind_a_warm_up,
            with_partial_release,
            under_noise,
        )
    ),
    Family(over_allocated, "block"),
    Family(under_noise, steady_list=True),
    Family(every_fifth, "list"),
    *(Family(by_chance(often), "list") for often in (0.34, 0.5, 0.75)),
    Family(with_jitter, "native"),
    Family(mapped, "process"),
    Family(longer_and_longer, "peak"),
)
