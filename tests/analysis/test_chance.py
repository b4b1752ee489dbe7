"""Chances that harmless rises look like growth: exact where they can be counted, and never below those of simulation."""

from __future__ import annotations

import random

import msgspec
import pytest

from otel_memeval.analysis import chance
from otel_memeval.analysis.judge import judge
from otel_memeval.run.sentence import verdict_sentence
from tests.analysis.test_judge import LINE, evidence, holder, levels


def test_regular_spacing_chance_counts_patterns() -> None:
    """Five rises in twenty steps have 15,504 patterns: 4 with gaps of four steps, 1 with gaps of one step up to the end."""
    assert chance.regular_spacing_chance(5, 4, 4, 20) == pytest.approx(4 / 15_504)
    assert chance.regular_spacing_chance(5, 1, 1, 20) == pytest.approx(1 / 15_504)
    assert chance.regular_spacing_chance(20, 1, 1, 20) == 1


def test_record_chance_agrees_with_simulation() -> None:
    """The chance of four records in twenty demands after three others, two of them late, is that of ten thousand runs."""
    numbers = random.Random(3)
    seen = 0
    for _ in range(10_000):
        demands = [numbers.random() for _ in range(24)]
        records = [place - 3 for place in range(4, 24) if demands[place] > max(demands[:place])]
        seen += len(records) >= 4 and sum(place > 10 for place in records) >= 2
    assert chance.record_chance([1, 2, 11, 12], 20, 3) == pytest.approx(seen / 10_000, rel=0.15)


def test_keyed_cache_chance_is_small_when_late_rises_are_as_many_as_early_ones() -> None:
    """A cache makes rises that become rarer; over a long run it does not make as many late rises as early ones."""
    assert chance.keyed_cache_chance(list(range(1, 11)), 40, 3) == 1
    assert chance.keyed_cache_chance(list(range(3, 301, 3)), 300, 3) < 1e-6


def by_chance(kind: str, *, only_misses: bool = False) -> str:
    """Return the verdict on ten rises at random steps of twenty, into a container of a type."""
    steps = [1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1]
    held = msgspec.structs.replace(holder(*steps), type=kind, only_misses=only_misses)
    sizes = [5_000 * step for step in steps]
    run = evidence(retained=levels(*sizes), sites={LINE: levels(*sizes, start=0)}, holders=(held,))
    judgement = judge(run)
    assert (1 in judgement.undecided_holders) == (not kind)
    assert bool(judgement.sites) == (judgement.state == "leaking")
    return judgement.state


def test_random_rises_are_judged_by_the_type_of_the_container() -> None:
    """Random rises leak in a list and in an lru_cache without a hit; in a dict they may be those of a cache."""
    assert by_chance("list") == by_chance("deque") == "leaking"
    assert by_chance("lru_cache", only_misses=True) == "leaking"
    assert by_chance("dict") == by_chance("lru_cache") == by_chance("") == "inconclusive"


def test_leak_is_the_sum_of_all_its_channels() -> None:
    """96 bytes of objects and 64 KiB of mapped memory are one leak, and its sentence names the part of each."""
    run = evidence(
        retained=levels(*[96] * 20),
        sites={LINE: levels(*[96] * 20, start=0)},
        process=levels(*[65_536] * 20),
        mapped=levels(*[65_536] * 20),
        holders=(holder(*[1] * 20),),
    )
    judgement = judge(run)
    assert (judgement.state, judgement.leaking_channels) == ("leaking", ("process", "retained"))
    assert judgement.growth.process is not None
    assert judgement.growth.process.bytes_per_iteration == 65_536
    sentence = verdict_sentence(judgement, [], [], 20)
    assert sentence == "keeps 64.1 KiB more every iteration (64.0 KiB of it mapped)"


def test_unique_memory_beside_a_traced_leak_is_no_part_of_its_amount() -> None:
    """Allocators take whole pages: only mapped memory is evidence of its own beside growing sites."""
    run = evidence(retained=levels(*[96] * 20), sites={LINE: levels(*[96] * 20, start=0)}, process=levels(*[65_536] * 20))
    judgement = judge(run)
    assert (judgement.state, judgement.leaking_channels) == ("leaking", ("retained",))
    assert len(judgement.reasons) == 1
