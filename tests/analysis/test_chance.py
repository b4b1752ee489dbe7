"""How likely harmless rises look like growth: exact where it can be counted, and never less than simulation shows."""

from __future__ import annotations

import random

import pytest

from otel_memeval.analysis import chance
from otel_memeval.analysis.judge import judge
from otel_memeval.records import Channels, Growth
from otel_memeval.run.sentence import phrase
from tests.analysis.test_judge import LINE, evidence, holder, levels


def test_regular_patterns_are_counted() -> None:
    """Five rises four apart among twenty: 4 of 15,504 patterns; a run of five to the end: 1 of them."""
    assert chance.regular(5, 4, 4, 20) == pytest.approx(4 / 15_504)
    assert chance.regular(5, 1, 1, 20) == pytest.approx(1 / 15_504)
    assert chance.regular(20, 1, 1, 20) == 1


def test_records_come_as_often_as_calculated() -> None:
    """The chance of four records in twenty demands after three, two of them late, is what ten thousand runs show."""
    numbers = random.Random(3)
    seen = 0
    for _ in range(10_000):
        demands = [numbers.random() for _ in range(24)]
        records = [place - 3 for place in range(4, 24) if demands[place] > max(demands[:place])]
        seen += len(records) >= 4 and sum(place > 10 for place in records) >= 2
    assert chance.records([1, 2, 11, 12], 20, 3) == pytest.approx(seen / 10_000, rel=0.15)


def test_a_cache_of_few_keys_may_rise_early_and_not_late() -> None:
    """Rises that become rarer are what a cache does; as many late as early, over a long run, are not."""
    assert chance.keyed(list(range(1, 11)), 40, 3) == 1
    assert chance.keyed(list(range(3, 301, 3)), 300, 3) < 1e-6


def by_chance(kind: str, *, only_misses: bool = False) -> str:
    """The verdict on ten rises at random places of twenty, into a container of a type."""
    steps = [1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1]
    one = holder(*steps)
    held = type(one)(id=one.id, lengths=one.lengths, type=kind, only_misses=only_misses)
    sizes = [5_000 * step for step in steps]
    run = evidence(retained=levels(*sizes), sites={LINE: levels(*sizes, start=0)}, holders=(held,))
    judgement = judge(run)
    assert (1 in judgement.undecided_holders) == (not kind)
    assert bool(judgement.sites) == (judgement.state == "leaking")
    return judgement.state


def test_the_type_of_a_container_tells_what_comes_by_chance() -> None:
    """What is appended leaks; what is keyed may be a cache; an lru_cache without a hit is none."""
    assert by_chance("list") == by_chance("deque") == "leaking"
    assert by_chance("lru_cache", only_misses=True) == "leaking"
    assert by_chance("dict") == by_chance("lru_cache") == by_chance("") == "inconclusive"


def test_a_leak_is_all_channels_together() -> None:
    """54 bytes of objects and 64 KiB mapped are one leak of both; its sentence says which part is where."""
    run = evidence(
        retained=levels(*[96] * 20),
        sites={LINE: levels(*[96] * 20, start=0)},
        process=levels(*[65_536] * 20),
        holders=(holder(*[1] * 20),),
    )
    judgement = judge(run)
    assert (judgement.state, judgement.leaking_channels) == ("leaking", ("process", "retained"))
    assert judgement.growth.process is not None
    assert judgement.growth.process.bytes_per_iteration == 65_536
    said = phrase(judgement.state, judgement.growth, [], [], judgement.reasons, 20, judgement.leaking_channels)
    assert said == "keeps 64.1 KiB more every iteration (64.0 KiB of it mapped)"


@pytest.mark.parametrize(("channel", "words"), [("native", "in the C heap"), ("process", "mapped")])
def test_a_native_leak_says_where(channel: str, words: str) -> None:
    """The sentence of a native leak names its channel."""
    growth = Channels(**{channel: Growth(bytes_per_iteration=2048, ci_low=0, ci_high=0)})
    said = phrase("native-leak", growth, [], [], [], 20, [channel])
    assert said == f"keeps 2.00 KiB more every iteration outside of Python's traced heap, {words}"
