"""Simulated series: what the benchmark makes up, and that the plainest of it is judged right."""

from __future__ import annotations

import random
from itertools import islice, pairwise

import pytest

from benchmarks import simulated

FAMILIES = (*simulated.HARMLESS, *simulated.LEAKS)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_family_is_the_same_for_the_same_seed(family: simulated.Family) -> None:
    """A false alarm can be looked at again."""
    once, again = (list(islice(family(random.Random(7)), 30)) for _ in range(2))
    assert once == again
    assert min(once) >= 0


def test_evidence_has_a_value_more_than_there_are_iterations() -> None:
    """Levels begin with the reading before the first measured iteration."""
    evidence = simulated.evidence(simulated.steady(random.Random(1)), 20, 3)
    assert len(evidence.retained) == 21
    assert len(evidence.peak) == 20
    steps = {after - before for before, after in pairwise(evidence.retained)}
    assert max(steps) - min(steps) <= 1


@pytest.mark.parametrize("family", [simulated.pool, simulated.sawtooth, simulated.steps], ids=lambda family: family.__name__)
def test_the_plainest_harmless_series_raise_no_alarm(family: simulated.Family) -> None:
    """None of two hundred."""
    found = simulated.states(family, 200, 20, 3)
    assert found["leaking"] == found["creeping"] == found["native-leak"] == 0


def test_every_steady_leak_is_found() -> None:
    """All of two hundred."""
    assert simulated.states(simulated.steady, 200, 20, 3) == {"leaking": 200}
