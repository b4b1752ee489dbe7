"""How often simulated series are misjudged: ``python -m benchmarks.simulated [--series N]``.

Each family makes up the series of one line (with its total, and its container if it has one) at random, as a run would have
given it, and the whole of ``judge()`` decides. Harmless families should never be called leaking or creeping (the goal is
1 in 10,000), leaks always. Nothing is run and nothing measured: this is the place to try ten thousand of each.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise

from benchmarks.running import ALARMS
from otel_memeval.analysis.evidence import Evidence, HolderSeries, Work
from otel_memeval.analysis.judge import judge

Random = random.Random
Levels = Iterator[float]
Family = Callable[[Random], Levels]
"""Makes the levels after each call, without end."""


def white_noise(numbers: Random) -> Levels:
    """A slot that is filled anew each time."""
    size = 10 ** numbers.uniform(1, 6)
    while True:
        yield 1_000 + numbers.random() * size


def several_slots(numbers: Random) -> Levels:
    """One of a few slots is filled anew each time."""
    size, slots = 10 ** numbers.uniform(2, 5), [0.0] * numbers.randint(2, 12)
    while True:
        slots[numbers.randrange(len(slots))] = numbers.random() * size
        yield sum(slots)


def coming_and_going(numbers: Random) -> Levels:
    """Sessions that open and close at random."""
    size, stays, alive = 10 ** numbers.uniform(2, 5), numbers.uniform(0.3, 0.9), 0
    while True:
        alive = sum(numbers.random() < stays for _ in range(alive)) + numbers.randint(0, 4)
        yield alive * size


def sawtooth(numbers: Random) -> Levels:
    """Grows, and is emptied after a fixed number of calls, at most half of a run."""
    period, size, place = numbers.randint(2, 10), 10 ** numbers.uniform(2, 5), numbers.randint(0, 9)
    while True:
        place += 1
        yield (place % period) * size


def sawtooth_at_random(numbers: Random) -> Levels:
    """Grows by chance, and is emptied at a threshold."""
    size, level = 10 ** numbers.uniform(2, 5), 0.0
    threshold = size * numbers.uniform(2, 6)
    while True:
        level += numbers.random() * size
        if level > threshold:
            level = 0.0
        yield level


def pool(numbers: Random) -> Levels:
    """Fills with each call, up to the middle of a run at most."""
    size, most, level = 10 ** numbers.uniform(2, 5), numbers.randint(1, 12), 0
    while True:
        level = min(level + 1, most)
        yield level * size


def high_water_mark(numbers: Random) -> Levels:
    """A pool as large as the largest demand so far."""
    size, level = 10 ** numbers.uniform(2, 5), 0.0
    while True:
        level = max(level, numbers.random() * size)
        yield level


def cache_of_few_keys(numbers: Random) -> Levels:
    """A cache over keys that come by chance: slower and slower."""
    size, keys, seen = 10 ** numbers.uniform(2, 5), numbers.randint(2, 12), set[int]()
    while True:
        seen.add(numbers.randrange(keys))
        yield len(seen) * size


def decaying_warm_up(numbers: Random) -> Levels:
    """Each call adds a part of what the one before added."""
    size, part, level = 10 ** numbers.uniform(3, 7), numbers.uniform(0.3, 0.75), 0.0
    while True:
        level += size
        size = size * part if size > 1 else 0
        yield float(int(level))


def steps(numbers: Random) -> Levels:
    """One or two single steps."""
    places, size, call = {numbers.randint(1, 23) for _ in range(2)}, 10 ** numbers.uniform(3, 7), 0
    while True:
        call += 1
        yield size * sum(place <= call for place in places)


def steady(numbers: Random) -> Levels:
    """The same each time."""
    size = 10 ** numbers.uniform(1.81, 6)
    return accumulate(_for_ever(lambda: size))


def random_sizes(numbers: Random) -> Levels:
    """A message of any size each time."""
    size = 10 ** numbers.uniform(2.2, 6)
    return accumulate(_for_ever(lambda: size * numbers.uniform(0.1, 1)))


def every_few(numbers: Random) -> Levels:
    """On each second to fifth call."""
    every, size, call = numbers.randint(2, 5), 10 ** numbers.uniform(2.5, 6), numbers.randint(0, 5)
    while True:
        call += 1
        yield (call // every) * size


def begins_late(numbers: Random) -> Levels:
    """After up to half of a run."""
    late, size, call = numbers.randint(1, 13), 10 ** numbers.uniform(1.81, 6), 0
    while True:
        call += 1
        yield max(0, call - late) * size


def under_noise(numbers: Random) -> Levels:
    """A steady leak under noise of twice to five times its step."""
    size = 10 ** numbers.uniform(2, 6)
    noise, level = size * numbers.uniform(2, 5), 0.0
    while True:
        level += size
        yield level + numbers.random() * noise


def under_noise_in_a_list(numbers: Random) -> Levels:
    """The same, into a list whose length has no noise."""
    return under_noise(numbers)


def over_allocated(numbers: Random) -> Levels:
    """A buffer that takes an eighth more than it needs whenever it is full."""
    size, used, taken = 10 ** numbers.uniform(2, 5), 0.0, 0.0
    while True:
        used += size
        if used > taken:
            taken = used * 1.125
        yield taken


HARMLESS: tuple[Family, ...] = (
    white_noise,
    several_slots,
    coming_and_going,
    sawtooth,
    sawtooth_at_random,
    pool,
    high_water_mark,
    cache_of_few_keys,
    decaying_warm_up,
    steps,
)
LEAKS: tuple[Family, ...] = (
    steady,
    random_sizes,
    every_few,
    begins_late,
    under_noise,
    under_noise_in_a_list,
    over_allocated,
)


def _for_ever(function: Callable[[], float]) -> Iterator[float]:
    while True:
        yield function()


def evidence(levels: Levels, iterations: int, warmup: int, blocks: int = 10, *, held: bool = False) -> Evidence:
    """What a run with this line alone would have given; ``blocks`` are alive at its end, ``held`` in a growing list."""
    for _ in range(warmup - 1):
        next(levels)
    values = tuple(int(next(levels)) for _ in range(iterations + 1))
    peak = tuple(1_000 + max(0, after - before) for before, after in pairwise(values))
    work = tuple(Work(cpu_seconds=0.1, waits=1, suspended=False, peak_bytes=one) for one in peak)
    return Evidence(
        warmup=warmup,
        failed=0,
        retained=values,
        peak=peak,
        native=(),
        process=(),
        sites={("scenario.py", 1): values},
        blocks={("scenario.py", 1): blocks},
        holders=(HolderSeries(id=1, lengths=tuple(range(warmup, warmup + iterations + 1))),) if held else (),
        work=work,
    )


def states(family: Family, series: int, iterations: int, warmup: int) -> Counter[str]:
    """The verdicts on ``series`` members of a family, each with a seed of its own."""
    found: Counter[str] = Counter()
    for seed in range(series):
        blocks = 1 if family is over_allocated else 10
        held = family is under_noise_in_a_list
        found[judge(evidence(family(Random(seed)), iterations, warmup, blocks, held=held)).state] += 1
    return found


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulated", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--series", type=int, default=2_000, metavar="N", help="of each family (default 2000)")
    parser.add_argument("--iterations", type=int, default=20, metavar="N")
    parser.add_argument("--warmup", type=int, default=3, metavar="N")
    arguments = parser.parse_args()
    print("| family                | should be | alarms  | part    | verdicts |")
    print("|-----------------------|-----------|---------|---------|----------|")
    for families, should in ((HARMLESS, "harmless"), (LEAKS, "a leak")):
        for family in families:
            found = states(family, arguments.series, arguments.iterations, arguments.warmup)
            alarms = sum(found[state] for state in ALARMS)
            verdicts = ", ".join(f"{state} {count}" for state, count in found.most_common())
            part = alarms / arguments.series
            name = f"{family.__name__:21} | {should:9}"
            print(f"| {name} | {alarms:7} | {part:7.2%} | {verdicts} |", flush=True)


if __name__ == "__main__":
    main()
