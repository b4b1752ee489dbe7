"""Series of scenarios that keep nothing in the long run: lines and containers. The outside of the traced heap and the peak
are in ``harmless_outside``.
"""

from __future__ import annotations

import math

from benchmarks.simulation.series import Family, Levels, Random


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


def bounded_walk(numbers: Random) -> Levels:
    """A level that goes up or down by chance between two ends."""
    size, top = 10 ** numbers.uniform(2, 5), numbers.randint(2, 12)
    place = numbers.randint(0, top)
    while True:
        place = min(top, max(0, place + numbers.choice((-1, 1))))
        yield place * size


def sawtooth(numbers: Random) -> Levels:
    """Grows, and is emptied after a fixed number of calls, at most half of a run."""
    period, size, place = numbers.randint(2, 10), 10 ** numbers.uniform(2, 5), numbers.randint(0, 9)
    while True:
        place += 1
        yield (place % period) * size


def two_sawtooths(numbers: Random) -> Levels:
    """Two buffers of other sizes, emptied after other numbers of calls."""
    one, other = sawtooth(numbers), sawtooth(numbers)
    while True:
        yield next(one) + next(other)


def sawtooth_at_random(numbers: Random) -> Levels:
    """Grows by chance, and is emptied at a threshold."""
    size, level = 10 ** numbers.uniform(2, 5), 0.0
    threshold = size * numbers.uniform(2, 6)
    while True:
        level += numbers.random() * size
        if level > threshold:
            level = 0.0
        yield level


def flushed_by_chance(numbers: Random) -> Levels:
    """Grows with some calls, and is emptied by chance, every second to fourth call."""
    added, flushed, level = numbers.uniform(0.3, 1), 1 / numbers.uniform(1.2, 2.5), 0
    while True:
        if numbers.random() < flushed:
            level = 0
        level += numbers.random() < added
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


def pool_of_powers_of_two(numbers: Random) -> Levels:
    """A pool that doubles when the demand is more than it has."""
    size, capacity, mean = 10 ** numbers.uniform(1, 4), 1, numbers.uniform(2, 100)
    while True:
        demand = numbers.expovariate(1 / mean)
        while capacity < demand:
            capacity *= 2
        yield capacity * size


def connections(numbers: Random) -> Levels:
    """As many connections as were ever needed at once; what is needed is a number of parallel calls."""
    most, likely, opened = numbers.randint(1, 12), numbers.uniform(0.2, 0.9), 0
    while True:
        opened = max(opened, sum(numbers.random() < likely for _ in range(most)))
        yield opened


def idle_connections(numbers: Random) -> Levels:
    """Connections by need, closed after some calls without use."""
    most, patience = numbers.randint(1, 8), numbers.randint(1, 4)
    idle: list[int] = []
    while True:
        needed = numbers.randint(0, most)
        idle = [since + 1 for since in idle]
        idle = [0] * needed + sorted(idle)[needed:]
        idle = [since for since in idle if since < patience]
        yield len(idle)


def cache_of_few_keys(numbers: Random) -> Levels:
    """A cache over keys that come by chance: slower and slower."""
    keys, seen = numbers.randint(2, 12), set[int]()
    while True:
        seen.add(numbers.randrange(keys))
        yield len(seen)


def cache_of_many_keys(numbers: Random) -> Levels:
    """The same over so many that it is not full within the run, several a call."""
    keys, each, seen = numbers.randint(13, 40), numbers.randint(1, 3), set[int]()
    while True:
        seen.update(numbers.randrange(keys) for _ in range(each))
        yield len(seen)


def cache_of_popular_keys(numbers: Random) -> Levels:
    """Keys of a geometric popularity, in a cache that drops the oldest beyond its size."""
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
    """A buffer of the last few, to which not every call adds."""
    most, added, level = numbers.randint(1, 6), numbers.uniform(0.5, 1), 0
    while True:
        level = min(most, level + (numbers.random() < added))
        yield level


def cache_of_bytes(numbers: Random) -> Levels:
    """Entries of any size; the oldest are dropped beyond a number of bytes."""
    size, most = 10 ** numbers.uniform(2, 5), numbers.uniform(2, 6)
    entries: list[float] = []
    while True:
        entries.append(numbers.random())
        while sum(entries) > most:
            del entries[0]
        yield sum(entries) * size


def sessions_with_end(numbers: Random) -> Levels:
    """Sessions that end after some calls; how many begin is chance."""
    size, stay, most = 10 ** numbers.uniform(2, 5), numbers.randint(2, 8), numbers.randint(1, 4)
    begun = [0] * stay
    while True:
        begun = [*begun[1:], numbers.randint(0, most)]
        yield sum(begun) * size


def freed_late(numbers: Random) -> Levels:
    """Each call's memory is freed one to a few calls later, when something else happens to let go."""
    size, latest = 10 ** numbers.uniform(2, 5), numbers.randint(1, 5)
    ends: list[int] = []
    while True:
        ends = [end - 1 for end in ends if end > 1]
        ends.append(numbers.randint(1, latest))
        yield len(ends) * size


def decaying_warm_up(numbers: Random) -> Levels:
    """Each call adds a part of what the one before added."""
    size, part, level = 10 ** numbers.uniform(3, 7), numbers.uniform(0.3, 0.75), 0.0
    while True:
        level += size
        size = size * part if size > 1 else 0
        yield float(int(level))


def warm_up_by_chance(numbers: Random) -> Levels:
    """Paths of the code that are met for the first time, rarer and rarer."""
    paths = [numbers.random() ** 2 for _ in range(numbers.randint(3, 15))]
    sizes = [10 ** numbers.uniform(2, 5) for _ in paths]
    met = [False] * len(paths)
    while True:
        met = [before or numbers.random() < often for before, often in zip(met, paths)]
        yield sum(size for size, one in zip(sizes, met) if one)


def steps(numbers: Random) -> Levels:
    """One or two single steps."""
    places, size, call = {numbers.randint(1, 23) for _ in range(2)}, 10 ** numbers.uniform(3, 7), 0
    while True:
        call += 1
        yield size * sum(place <= call for place in places)


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
