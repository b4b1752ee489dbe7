"""Simulated series: what the benchmark makes up, and that the plainest of it is judged right."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks.running import ALARMS
from benchmarks.simulated import HARMLESS, LEAKS, states
from benchmarks.simulation.series import Family

FAMILIES = (*HARMLESS, *LEAKS)
BY_NAME = {family.name: family for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_is_the_same_for_the_same_seed(family: Family) -> None:
    """A false alarm can be looked at again."""
    once, again = (family.evidence(7, 20, 3) for _ in range(2))
    assert once == again
    assert min(once.retained) >= 0


def test_no_two_families_have_one_name() -> None:
    """A row of the table is one family."""
    assert len({(family.name, family.steady_list) for family in FAMILIES}) == len(FAMILIES)


def test_evidence_has_a_value_more_than_there_are_iterations() -> None:
    """Levels begin with the reading before the first measured iteration."""
    evidence = BY_NAME["steady"].evidence(1, 20, 3)
    assert len(evidence.retained) == 21
    assert len(evidence.peak) == 20
    steps = {after - before for before, after in pairwise(evidence.retained)}
    assert max(steps) - min(steps) <= 1


def test_harmless_series_raise_hardly_an_alarm() -> None:
    """At most one of a hundred of each family, all families together; ``benchmarks.simulated`` tries tens of thousands."""
    alarms = {family.name: sum(states(family, range(100), 20, 3)[state] for state in ALARMS) for family in HARMLESS}
    assert sum(alarms.values()) <= 1, alarms


@pytest.mark.parametrize("name", ["steady", "every_few", "begins_late", "every_fifth (list)"])
def test_every_plain_leak_is_found(name: str) -> None:
    """All of a hundred."""
    found = states(BY_NAME[name], range(100), 20, 3)
    assert found["leaking"] + found["native-leak"] == 100


def test_most_leaks_by_chance_into_a_list_are_found() -> None:
    """An item with every second call, by chance: at least nine of ten within twenty iterations."""
    assert states(BY_NAME["by_chance_0.5 (list)"], range(200), 20, 3)["leaking"] >= 180


def test_a_native_leak_under_jitter_is_nearly_always_found() -> None:
    """Of a hundred, no more than a few are undecided, and none is called harmless."""
    found = states(BY_NAME["with_jitter (native)"], range(100), 20, 3)
    assert found["native-leak"] >= 95
    assert found["native-leak"] + found["inconclusive"] == 100
