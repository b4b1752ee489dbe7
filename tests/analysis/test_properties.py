"""Properties of every verdict: it has finite figures and does not depend on units, levels, or the order of sites."""

from __future__ import annotations

import math
import random
from itertools import accumulate

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulated import HARMLESS
from benchmarks.simulation.series import Channel, evidence
from otel_memeval.analysis.evidence import Evidence, HolderSeries, IterationWork
from otel_memeval.analysis.judge import judge
from otel_memeval.records import Channels

values = st.one_of(st.integers(0, 10**6), st.integers(-(2**62), 2**62))
channels: st.SearchStrategy[Channel] = st.sampled_from(["line", "block", "list", "dict", "native", "process", "peak"])


def runs(least: int = 0, most: int = 30) -> st.SearchStrategy[Evidence]:
    """Generate runs with any values in every series, with missing channels, and with any warm-up."""

    def made(steps: int) -> st.SearchStrategy[Evidence]:
        series = st.lists(values, min_size=steps + 1, max_size=steps + 1).map(tuple)
        lengths = st.lists(st.integers(0, 2**40), min_size=steps + 1, max_size=steps + 1).map(tuple)
        holder = st.builds(
            HolderSeries,
            id=st.integers(1, 5),
            lengths=lengths,
            bound=st.none() | st.integers(0, 100),
            type=st.sampled_from(["", "list", "dict", "deque", "lru_cache"]),
            only_misses=st.booleans(),
        )
        work = IterationWork(cpu_seconds=0.1, waits=1, suspended=False, peak_bytes=1)
        return st.builds(
            Evidence,
            warmup=st.integers(0, 3),
            failed=st.sampled_from([0, 0, 0, 1]),
            retained=series,
            peak=series.map(lambda full: full[1:]),
            native=series | st.just(()),
            process=series | st.just(()),
            sites=st.dictionaries(st.tuples(st.sampled_from(["a.py", "b.py"]), st.integers(1, 3)), series, max_size=4),
            blocks=st.just({}),
            holders=st.lists(holder, max_size=3, unique_by=lambda series: series.id).map(tuple),
            work=st.just(tuple([work] * steps)),
        )

    return st.integers(least, most).flatmap(made)


def _finite(growth: Channels) -> bool:
    figures = [getattr(growth, name) for name in growth.__struct_fields__]
    return all(
        math.isfinite(number)
        for growth_of_channel in figures
        if growth_of_channel is not None
        for number in (growth_of_channel.bytes_per_iteration, growth_of_channel.ci_low, growth_of_channel.ci_high)
    )


@settings(deadline=None, max_examples=150)
@given(runs())
def test_any_run_has_a_verdict_with_finite_figures(run: Evidence) -> None:
    """Any run has a state, figures that JSON can hold, and reasons in words."""
    judgement = judge(run)
    assert judgement.reasons
    assert all(judgement.reasons)
    assert _finite(judgement.growth)
    assert all(math.isfinite(site.bytes_per_iteration) for site in judgement.sites)
    assert all(math.isfinite(holder.items_per_iteration) for holder in judgement.holders)
    assert b"NaN" not in msgspec.json.encode(judgement)
    if judgement.state == "inconclusive":
        assert judgement.iterations_needed is not None
        assert judgement.iterations_needed > len(run.peak)


@settings(deadline=None, max_examples=60)
@given(runs(least=4), st.randoms(use_true_random=False))
def test_verdict_does_not_depend_on_the_order_of_sites_and_holders(run: Evidence, chance: random.Random) -> None:
    """Sites and holders in any order have the same verdict with the same figures."""
    sites = list(run.sites.items())
    holders = list(run.holders)
    chance.shuffle(sites)
    chance.shuffle(holders)
    again = msgspec.structs.replace(run, sites=dict(sites), holders=tuple(holders))
    first, second = judge(run), judge(again)
    assert (first.state, first.growth, first.sites) == (second.state, second.growth, second.sites)
    assert {holder.id for holder in first.holders} == {holder.id for holder in second.holders}


@pytest.mark.parametrize("steps", range(4, 60))
def test_steady_leak_is_found_after_any_number_of_iterations(steps: int) -> None:
    """From four iterations on, each prefix of a steady leak is a leak of the same size."""
    judgement = judge(evidence(tuple(1_000 * place for place in range(steps + 1)), "line", 3))
    assert judgement.state == "leaking"
    assert judgement.sites[0].bytes_per_iteration == 1_000


@pytest.mark.parametrize("channel", ["line", "native", "process", "peak"])
def test_falling_memory_is_no_leak(channel: Channel) -> None:
    """Steady loss in any channel raises no alarm."""
    state = judge(evidence(tuple(10**9 - 100_000 * place for place in range(21)), channel, 3)).state
    assert state in ("stable", "settling")


@pytest.mark.parametrize("channel", ["line", "list", "native", "process", "peak"])
def test_enormous_leaks_are_leaks(channel: Channel) -> None:
    """Numbers near the end of 64 bits are judged like others."""
    step = 2**62 // 21
    judgement = judge(evidence(tuple(step * place for place in range(21)), channel, 3))
    assert judgement.state in ("leaking", "native-leak", "creeping")
    assert _finite(judgement.growth)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 10**6), min_size=21, max_size=21),
    channels.filter(lambda name: name not in ("native", "process")),
)
def test_verdict_does_not_depend_on_the_level(levels: list[int], channel: Channel) -> None:
    """Memory that was there before the run neither makes nor hides a leak."""
    alarms = ("leaking", "native-leak", "creeping")
    base = judge(evidence(tuple(levels), channel, 3)).state
    shifted = judge(evidence(tuple(level + 10**7 for level in levels), channel, 3)).state
    assert (base in alarms) == (shifted in alarms)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 10**6), min_size=21, max_size=21), st.sampled_from([2, 1024]))
def test_leak_is_found_in_a_larger_unit(levels: list[int], factor: int) -> None:
    """A leak of bytes is a leak in larger pieces as well: only floors depend on the size."""
    if judge(evidence(tuple(levels), "line", 3)).state == "leaking":
        assert judge(evidence(tuple(level * factor for level in levels), "line", 3)).state == "leaking"


@pytest.mark.parametrize("family", HARMLESS[:16], ids=lambda family: family.name)
def test_harmless_line_makes_no_leak(family: object) -> None:
    """A harmless line beside a line that keeps nothing raises no alarm in thirty runs."""
    for seed in range(30):
        run = family.evidence(seed, 20, 3)  # type: ignore[attr-defined]
        still = tuple([5_000] * 21)
        judgement = judge(msgspec.structs.replace(run, sites={**run.sites, ("still.py", 1): still}))
        assert judgement.state not in ("leaking", "native-leak", "creeping"), seed


def test_leak_is_found_beside_harmless_lines() -> None:
    """Sixteen harmless lines at once do not hide a line that keeps 100 bytes."""
    for seed in range(20):
        runs_beside = [family.evidence(seed, 20, 3) for family in HARMLESS[:16]]
        leak = tuple(accumulate([100] * 20, initial=0))
        sites = {(f"{place}.py", 1): run.sites["scenario.py", 1] for place, run in enumerate(runs_beside)}
        retained = tuple(sum(at) for at in zip(leak, *(run.retained for run in runs_beside), strict=True))
        run = msgspec.structs.replace(runs_beside[0], retained=retained, sites={**sites, ("leak.py", 1): leak})
        judgement = judge(run)
        assert judgement.state == "leaking"
        assert ("leak.py", 1) in {site.key for site in judgement.sites}
