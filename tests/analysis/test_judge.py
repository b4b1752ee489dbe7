"""The verdict on hand-written evidence: each state, and the change that leads to another state."""

from __future__ import annotations

from itertools import accumulate

import msgspec
import pytest

from otel_memeval.analysis.evidence import Evidence, HolderSeries, IterationWork, SiteKey, series_from_changes
from otel_memeval.analysis.judge import judge

LINE: SiteKey = ("agent.py", 42)
OTHER: SiteKey = ("agent.py", 50)


def levels(*steps: int, start: int = 1_000_000) -> tuple[int, ...]:
    """Return a series from its steps."""
    return tuple(accumulate(steps, initial=start))


def evidence(steps: int = 20, **changes: object) -> Evidence:
    """Return a run that works as an agent does and in which no memory changes, with ``changes``."""
    quiet = Evidence(
        warmup=3,
        failed=0,
        retained=levels(*[0] * steps),
        peak=tuple([50_000] * steps),
        native=levels(*[0] * steps),
        process=levels(*[0] * steps),
        sites={},
        blocks={},
        holders=(),
        noop_peak_bytes=279,
        work=tuple([IterationWork(cpu_seconds=0.1, waits=8, suspended=True, peak_bytes=50_000)] * steps),
    )
    return msgspec.structs.replace(quiet, **changes)


def leak(size: int, steps: int = 20, **changes: object) -> Evidence:
    """Return a run with one line that keeps ``size`` bytes per iteration, in the total as well."""
    return evidence(
        steps,
        retained=levels(*[size] * steps),
        sites={LINE: levels(*[size] * steps, start=0)},
        **changes,
    )


def holder(*steps: int, bound: int | None = None, key: int = 1) -> HolderSeries:
    """Return a container from the steps of its length."""
    return HolderSeries(id=key, lengths=levels(*steps, start=0), bound=bound)


def test_run_that_keeps_nothing_is_stable() -> None:
    """A run that works and keeps nothing is stable."""
    assert judge(evidence()).state == "stable"


@pytest.mark.parametrize(("size", "state"), [(1 << 20, "leaking"), (64, "leaking"), (7, "stable")])
def test_line_is_leaking_from_a_few_bytes_on(size: int, state: str) -> None:
    """A line that keeps the same bytes in each iteration is a leak from a few bytes on, and its figure is exact."""
    judgement = judge(leak(size))
    assert judgement.state == state
    if state == "leaking":
        assert judgement.sites[0].key == LINE
        assert judgement.sites[0].bytes_per_iteration == size
        assert judgement.growth.retained is not None
        assert judgement.growth.retained.bytes_per_iteration == size


def test_sites_are_in_order_of_growth() -> None:
    """The site with the largest growth comes first."""
    sites = {LINE: levels(*[100] * 20, start=0), OTHER: levels(*[900] * 20, start=0)}
    judgement = judge(evidence(retained=levels(*[1000] * 20), sites=sites))
    assert [site.key for site in judgement.sites] == [OTHER, LINE]


def test_leak_is_found_beside_noise_of_another_line() -> None:
    """Noise a thousand times as large on another line does not hide a line that keeps 100 bytes."""
    noise = [100_000, -90_000, 40_000, -50_000] * 5
    sites = {LINE: levels(*[100] * 20, start=0), OTHER: levels(*noise, start=500_000)}
    total = levels(*[step + 100 for step in noise])
    judgement = judge(evidence(retained=total, sites=sites))
    assert judgement.state == "leaking"
    assert [site.key for site in judgement.sites] == [LINE]
    assert judgement.growth.retained is not None
    assert judgement.growth.retained.bytes_per_iteration == 100


def test_memory_that_moves_between_lines_is_no_leak() -> None:
    """Growth of a line that another line loses, as when entries of a full cache are replaced, is no leak."""
    sites = {LINE: levels(*[500] * 20, start=0), OTHER: levels(*[-500] * 20, start=20_000)}
    assert judge(evidence(sites=sites)).state == "stable"


def test_growth_into_a_bounded_container_is_bounded() -> None:
    """Growth into a container with a bound is bounded; the same growth into one without a bound is a leak."""
    steps = [1] * 20
    assert judge(leak(2000, holders=(holder(*steps, bound=500),))).state == "bounded"
    assert judge(leak(2000, holders=(holder(*steps),))).state == "leaking"
    assert judge(leak(2000, holders=(holder(*steps, bound=500), holder(*steps, key=2)))).state == "leaking"


@pytest.mark.parametrize(("steps", "state"), [(10, "leaking"), (9, "stable")])
def test_growing_container_of_few_bytes_is_leaking_after_ten_iterations(steps: int, state: str) -> None:
    """Eight bytes per iteration in a list that gains an item each time are a leak from ten iterations on."""
    retained = levels(*[8] * steps)
    assert judge(evidence(steps, retained=retained, holders=(holder(*[1] * steps),))).state == state


def test_growing_peak_alone_is_creeping() -> None:
    """A peak that grows by the same bytes in each iteration while nothing is kept creeps, and its figure is exact."""
    judgement = judge(evidence(peak=levels(*[100_000] * 19)))
    assert judgement.state == "creeping"
    assert judgement.growth.peak is not None
    assert judgement.growth.peak.bytes_per_iteration == 100_000


def test_peak_that_levels_off_is_not_creeping() -> None:
    """A peak that grows for three iterations and then stays is not creeping."""
    assert judge(evidence(peak=levels(5000, 5000, 5000, *[0] * 16))).state == "stable"


@pytest.mark.parametrize(("step", "state"), [(4096, "native-leak"), (40, "stable")])
def test_growing_c_heap_alone_is_a_native_leak(step: int, state: str) -> None:
    """Growth of the C heap alone is a native leak; growth below its floor is not."""
    assert judge(evidence(native=levels(*[step] * 20, start=4_000_000))).state == state


def test_c_heap_that_the_traced_heap_explains_adds_no_native_leak() -> None:
    """Growth of the C heap by the headers of traced blocks is part of the leak."""
    assert judge(leak(100_000, native=levels(*[1600] * 20))).state == "leaking"


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ((4096,) * 20, "native-leak"),
        ((0, 0, 0, 4096) * 5, "native-leak"),
        ((0,) * 20, "stable"),
        ((0, 1 << 20) * 10, "stable"),
        ((4096, 4096 + (1 << 20)) * 10, "native-leak"),
        ((1 << 16, -(1 << 16)) * 10, "stable"),
    ],
    ids=["a page", "a page every fourth", "nothing", "whole arenas", "a page beside arenas", "mapped and unmapped"],
)
def test_mapped_pages_are_counted_exactly(steps: tuple[int, ...], state: str) -> None:
    """A page per iteration that stays mapped is a native leak, used or not; arenas of Python's allocator are none."""
    assert judge(evidence(mapped=levels(*steps, start=100_000_000))).state == state


@pytest.mark.parametrize(("last", "state"), [(8_000, "stable"), (40_000, "inconclusive")])
def test_short_run_is_inconclusive_while_unique_memory_rises(last: int, state: str) -> None:
    """The last of five iterations shows whether pages are still used for the first time."""
    process = levels(9_800_000, 800_000, 2_500_000, last, start=20_000_000)
    assert judge(evidence(5, warmup=0, process=(20_000_000, *process))).state == state


@pytest.mark.parametrize(("mapped", "state"), [(0, "stable"), (1_048_576, "inconclusive")])
def test_short_run_is_stable_when_nothing_more_was_mapped(mapped: int, state: str) -> None:
    """Pages are used for the first time only within the mapped memory; if that grew too, the run is inconclusive."""
    process = levels(9_800_000, 800_000, 2_500_000, 700_000, start=20_000_000)
    maps = levels(2_000_000, 5_000_000, 1_000_000, 0, mapped, start=30_000_000)
    run = evidence(5, warmup=0, process=(20_000_000, *process), mapped=maps)
    assert judge(run).state == state


def test_growth_that_levelled_off_is_settling() -> None:
    """A warm-up within the measured iterations is settling."""
    steps = [50_000, 20_000, *[0] * 18]
    judgement = judge(evidence(retained=levels(*steps), sites={LINE: levels(*steps, start=0)}))
    assert judgement.state == "settling"


@pytest.mark.parametrize(("steps", "state"), [(3, "inconclusive"), (4, "stable")])
def test_too_few_iterations_are_inconclusive(steps: int, state: str) -> None:
    """Fewer than four iterations are inconclusive, and the judgement says how many are needed."""
    judgement = judge(evidence(steps))
    assert judgement.state == state
    assert (judgement.iterations_needed is not None) == (state == "inconclusive")


def test_first_iteration_is_the_warm_up_when_there_is_none() -> None:
    """Memory that the first iteration keeps is no growth without a warm-up, and a rise like any other with a warm-up."""
    steps = [2_000_000, *[0] * 9]
    changes = {"retained": levels(*steps), "sites": {LINE: levels(*steps, start=0)}}
    assert judge(evidence(10, warmup=0, **changes)).state == "stable"
    assert judge(evidence(10, warmup=3, **changes)).state == "settling"


def test_failed_iteration_makes_the_run_failed() -> None:
    """A run with an iteration that raised is failed, whatever grew."""
    assert judge(leak(5000, failed=1)).state == "failed"


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_run_of_two_iterations_or_fewer_has_a_verdict(steps: int) -> None:
    """A run without iterations is failed; a run of one or two is inconclusive."""
    assert judge(evidence(steps)).state == ("failed" if steps == 0 else "inconclusive")


def test_series_from_changes_holds_each_value_until_the_next() -> None:
    """A series is 0 before the first change and holds each value until the next change."""
    assert series_from_changes([(1, 5), (3, 7)], 5) == (0, 5, 5, 7, 7)
    assert series_from_changes([], 3) == (0, 0, 0)
    assert series_from_changes([(0, 4)], 1) == (4,)
