"""Simulate lines and containers that keep nothing in the long run.

Untraced memory and peaks are in ``harmless_untraced``.
"""

from __future__ import annotations

import math

from benchmarks.simulation.series import Family, Levels, Random


def white_noise(numbers: Random) -> Levels:
    """Simulate a slot that is filled anew with each call."""
    size = 10 ** numbers.uniform(1, 6)
    while True:
        yield 1_000 + numbers.random() * size


def several_slots(numbers: Random) -> Levels:
    """Simulate a few slots of which a random one is filled anew."""
    size, slots = 10 ** numbers.uniform(2, 5), [0.0] * numbers.randint(2, 12)
    while True:
        slots[numbers.randrange(len(slots))] = numbers.random() * size
        yield sum(slots)


def coming_and_going(numbers: Random) -> Levels:
    """Simulate sessions that open and close at random."""
    size, stays, alive = 10 ** numbers.uniform(2, 5), numbers.uniform(0.3, 0.9), 0
    while True:
        alive = sum(numbers.random() < stays for _ in range(alive)) + numbers.randint(0, 4)
        yield alive * size


def bounded_walk(numbers: Random) -> Levels:
    """Simulate a level that goes up or down at random between two ends."""
    size, top = 10 ** numbers.uniform(2, 5), numbers.randint(2, 12)
    place = numbers.randint(0, top)
    while True:
        place = min(top, max(0, place + numbers.choice((-1, 1))))
        yield place * size


def sawtooth(numbers: Random) -> Levels:
    """Simulate a buffer that is emptied after a fixed number of calls, at most half of a run."""
    period, size, place = numbers.randint(2, 10), 10 ** numbers.uniform(2, 5), numbers.randint(0, 9)
    while True:
        place += 1
        yield (place % period) * size


def two_sawtooths(numbers: Random) -> Levels:
    """Simulate two buffers of different sizes, emptied after different numbers of calls."""
    first, second = sawtooth(numbers), sawtooth(numbers)
    while True:
        yield next(first) + next(second)


def sawtooth_at_random(numbers: Random) -> Levels:
    """Simulate a buffer that grows at random and is emptied at a threshold."""
    size, level = 10 ** numbers.uniform(2, 5), 0.0
    threshold = size * numbers.uniform(2, 6)
    while True:
        level += numbers.random() * size
        if level > threshold:
            level = 0.0
        yield level


def flushed_by_chance(numbers: Random) -> Levels:
    """Simulate a buffer that grows with some calls and is emptied at random, every second to fourth call."""
    added, flushed, level = numbers.uniform(0.3, 1), 1 / numbers.uniform(1.2, 2.5), 0
    while True:
        if numbers.random() < flushed:
            level = 0
        level += numbers.random() < added
        yield level


def pool(numbers: Random) -> Levels:
    """Simulate a pool that fills with each call, up to the middle of a run at most."""
    size, most, level = 10 ** numbers.uniform(2, 5), numbers.randint(1, 12), 0
    while True:
        level = min(level + 1, most)
        yield level * size


def high_water_mark(numbers: Random) -> Levels:
    """Simulate a pool as large as the largest demand so far."""
    size, level = 10 ** numbers.uniform(2, 5), 0.0
    while True:
        level = max(level, numbers.random() * size)
        yield level


def pool_of_powers_of_two(numbers: Random) -> Levels:
    """Simulate a pool that doubles when the demand exceeds it."""
    size, capacity, mean = 10 ** numbers.uniform(1, 4), 1, numbers.uniform(2, 100)
    while True:
        demand = numbers.expovariate(1 / mean)
        while capacity < demand:
            capacity *= 2
        yield capacity * size


def connections(numbers: Random) -> Levels:
    """Simulate as many connections as parallel calls ever needed at once."""
    most, likely, opened = numbers.randint(1, 12), numbers.uniform(0.2, 0.9), 0
    while True:
        opened = max(opened, sum(numbers.random() < likely for _ in range(most)))
        yield opened


def idle_connections(numbers: Random) -> Levels:
    """Simulate connections that are opened by need and closed after some calls without use."""
    most, patience = numbers.randint(1, 8), numbers.randint(1, 4)
    idle: list[int] = []
    while True:
        needed = numbers.randint(0, most)
        idle = [since + 1 for since in idle]
        idle = [0] * needed + sorted(idle)[needed:]
        idle = [since for since in idle if since < patience]
        yield len(idle)


def cache_of_few_keys(numbers: Random) -> Levels:
    """Simulate a cache over few random keys: slower and slower."""
    keys, seen = numbers.randint(2, 12), set[int]()
    while True:
        seen.add(numbers.randrange(keys))
        yield len(seen)


def cache_of_many_keys(numbers: Random) -> Levels:
    """Simulate a cache over so many random keys, several per call, that it is not full within the run."""
    keys, each, seen = numbers.randint(13, 40), numbers.randint(1, 3), set[int]()
    while True:
        seen.update(numbers.randrange(keys) for _ in range(each))
        yield len(seen)


def cache_of_popular_keys(numbers: Random) -> Levels:
    """Simulate a cache over keys of geometric popularity that drops the oldest beyond its size."""
    ratio, most = numbers.uniform(0.3, 0.8), numbers.randint(2, 12)
    entries: dict[int, None] = {}
    while True:
        key = int(math.log(1 - numbers.random()) / math.log(ratio))
        entries.pop(key, None)
        entries[key] = None
        if len(entries) > most:
            del entries[next(iter(entries))]
        yield len(entries)


def ring(numbers: Random) -> Levels:
    """Simulate a buffer of the last few items, to which not every call adds."""
    most, added, level = numbers.randint(1, 6), numbers.uniform(0.5, 1), 0
    while True:
        level = min(most, level + (numbers.random() < added))
        yield level


def cache_of_bytes(numbers: Random) -> Levels:
    """Simulate a cache of entries of any size that drops the oldest beyond a number of bytes."""
    size, most = 10 ** numbers.uniform(2, 5), numbers.uniform(2, 6)
    entries: list[float] = []
    while True:
        entries.append(numbers.random())
        while sum(entries) > most:
            del entries[0]
        yield sum(entries) * size


def sessions_with_end(numbers: Random) -> Levels:
    """Simulate sessions that end after some calls and begin at random."""
    size, stay, most = 10 ** numbers.uniform(2, 5), numbers.randint(2, 8), numbers.randint(1, 4)
    begun = [0] * stay
    while True:
        begun = [*begun[1:], numbers.randint(0, most)]
        yield sum(begun) * size


def freed_late(numbers: Random) -> Levels:
    """Simulate memory of each call that is freed one to a few calls later."""
    size, latest = 10 ** numbers.uniform(2, 5), numbers.randint(1, 5)
    ends: list[int] = []
    while True:
        ends = [end - 1 for end in ends if end > 1]
        ends.append(numbers.randint(1, latest))
        yield len(ends) * size


def decaying_warm_up(numbers: Random) -> Levels:
    """Simulate a warm-up in which each call adds a part of the addition before."""
    size, part, level = 10 ** numbers.uniform(3, 7), numbers.uniform(0.3, 0.75), 0.0
    while True:
        level += size
        size = size * part if size > 1 else 0
        yield float(int(level))


def warm_up_by_chance(numbers: Random) -> Levels:
    """Simulate code paths that are reached for the first time, more and more seldom."""
    paths = [numbers.random() ** 2 for _ in range(numbers.randint(3, 15))]
    sizes = [10 ** numbers.uniform(2, 5) for _ in paths]
    met = [False] * len(paths)
    while True:
        met = [before or numbers.random() < often for before, often in zip(met, paths)]
        yield sum(size for size, is_met in zip(sizes, met) if is_met)


def steps(numbers: Random) -> Levels:
    """Simulate one or two single steps."""
    at_calls, size, call = {numbers.randint(1, 23) for _ in range(2)}, 10 ** numbers.uniform(3, 7), 0
    while True:
        call += 1
        yield size * sum(at_call <= call for at_call in at_calls)


LINES = (
    white_noise,
    several_slots,
    coming_and_going,
    bounded_walk,
    sawtooth,
    two_sawtooths,
    sawtooth_at_random,
    pool,
    high_water_mark,
    pool_of_powers_of_two,
    cache_of_bytes,
    sessions_with_end,
    freed_late,
    decaying_warm_up,
    warm_up_by_chance,
    steps,
)
LISTS = (flushed_by_chance, connections, idle_connections, ring)
DICTS = (cache_of_few_keys, cache_of_many_keys, cache_of_popular_keys)

FAMILIES = (
    *(Family(make) for make in LINES),
    *(Family(make, "list") for make in LISTS),
    *(Family(make, "dict") for make in (*DICTS, ring)),
)
