"""Simulated series: how they are made, and the verdicts on the plainest of them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks.simulated import HARMLESS, LEAKS, states
from benchmarks.simulation.series import Family
from benchmarks.tool_runs import ALARMS

FAMILIES = (*HARMLESS, *LEAKS)
BY_NAME = {family.name: family for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_family_has_the_same_series_for_the_same_seed(family: Family) -> None:
    """A series can be made again from its seed, and no level is below 0."""
    first, second = (family.evidence(7, 20, 3) for _ in range(2))
    assert first == second
    assert min(first.retained) >= 0


def test_families_have_different_names() -> None:
    """Each row of the table is a different family."""
    assert len({(family.name, family.steady_list) for family in FAMILIES}) == len(FAMILIES)


def test_levels_have_a_value_more_than_iterations() -> None:
    """Levels begin with the reading before the first measured iteration; peaks do not."""
    evidence = BY_NAME["steady"].evidence(1, 20, 3)
    assert len(evidence.retained) == 21
    assert len(evidence.peak) == 20
    steps = {after - before for before, after in pairwise(evidence.retained)}
    assert max(steps) - min(steps) <= 1


def test_harmless_series_raise_hardly_any_alarm() -> None:
    """A hundred series of each harmless family raise one alarm at most, all families together."""
    alarms = {family.name: sum(states(family, range(100), 20, 3)[state] for state in ALARMS) for family in HARMLESS}
    assert sum(alarms.values()) <= 1, alarms


@pytest.mark.parametrize("name", ["steady", "every_few", "begins_late", "every_fifth (list)"])
def test_plain_leak_is_always_found(name: str) -> None:
    """All of a hundred series of a plain leak are found."""
    found = states(BY_NAME[name], range(100), 20, 3)
    assert found["leaking"] + found["native-leak"] == 100


def test_random_leak_into_a_list_is_mostly_found() -> None:
    """A list that gains an item with every second call, at random, is found in 90% of series of twenty iterations."""
    assert states(BY_NAME["by_chance_0.5 (list)"], range(200), 20, 3)["leaking"] >= 180


def test_native_leak_under_jitter_is_nearly_always_found() -> None:
    """Of a hundred series at most five are undecided, and none is called harmless."""
    found = states(BY_NAME["with_jitter (native)"], range(100), 20, 3)
    assert found["native-leak"] >= 95
    assert found["native-leak"] + found["inconclusive"] == 100
