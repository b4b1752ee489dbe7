"""The verdict, from hand-written evidence: each state, and what it takes to leave it."""

from __future__ import annotations

from itertools import accumulate

import msgspec
import pytest

from otel_memeval.analysis.evidence import Evidence, HolderSeries, IterationWork, SiteKey, series_from_changes
from otel_memeval.analysis.judge import Judgement, judge
from otel_memeval.records import Channels, Growth, Holder, Site
from otel_memeval.run.sentence import phrase

LINE: SiteKey = ("agent.py", 42)
OTHER: SiteKey = ("agent.py", 50)


def levels(*steps: int, start: int = 1_000_000) -> tuple[int, ...]:
    """A series from its steps."""
    return tuple(accumulate(steps, initial=start))


def evidence(steps: int = 20, **changes: object) -> Evidence:
    """A run in which nothing happens, but for ``changes``; it works as hard as an agent does."""
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
    """One line that keeps ``size`` bytes an iteration, in the total as well."""
    return evidence(
        steps,
        retained=levels(*[size] * steps),
        sites={LINE: levels(*[size] * steps, start=0)},
        **changes,
    )


def holder(*steps: int, bound: int | None = None, key: int = 1) -> HolderSeries:
    """A container's lengths from its steps."""
    return HolderSeries(id=key, lengths=levels(*steps, start=0), bound=bound)


def test_nothing_happens_is_stable() -> None:
    """A run that works and keeps nothing is stable."""
    assert judge(evidence()).state == "stable"


@pytest.mark.parametrize(("size", "state"), [(1 << 20, "leaking"), (64, "leaking"), (7, "stable")])
def test_line_that_keeps_is_leaking(size: int, state: str) -> None:
    """A line that keeps the same each time is a leak from a few bytes on; its figure is exact."""
    judgement = judge(leak(size))
    assert judgement.state == state
    if state == "leaking":
        assert judgement.sites[0].key == LINE
        assert judgement.sites[0].bytes_per_iteration == size
        assert judgement.growth.retained is not None
        assert judgement.growth.retained.bytes_per_iteration == size


def test_largest_line_comes_first() -> None:
    """Growing lines are ordered by growth."""
    sites = {LINE: levels(*[100] * 20, start=0), OTHER: levels(*[900] * 20, start=0)}
    judgement = judge(evidence(retained=levels(*[1000] * 20), sites=sites))
    assert [site.key for site in judgement.sites] == [OTHER, LINE]


def test_leak_beside_noise_is_found_on_its_line() -> None:
    """Noise a thousand times as large on other lines hides no line that keeps 100 bytes."""
    noise = [100_000, -90_000, 40_000, -50_000] * 5
    sites = {LINE: levels(*[100] * 20, start=0), OTHER: levels(*noise, start=500_000)}
    total = levels(*[step + 100 for step in noise])
    judgement = judge(evidence(retained=total, sites=sites))
    assert judgement.state == "leaking"
    assert [site.key for site in judgement.sites] == [LINE]
    assert judgement.growth.retained is not None
    assert judgement.growth.retained.bytes_per_iteration == 100


def test_memory_that_moves_between_lines_is_no_leak() -> None:
    """What one line gains another loses: entries of a full cache, replaced one by one."""
    sites = {LINE: levels(*[500] * 20, start=0), OTHER: levels(*[-500] * 20, start=20_000)}
    assert judge(evidence(sites=sites)).state == "stable"


def test_growth_into_a_bounded_container_is_bounded() -> None:
    """A container that names its bound explains the growth; without the bound the same growth is a leak."""
    ones = [1] * 20
    assert judge(leak(2000, holders=(holder(*ones, bound=500),))).state == "bounded"
    assert judge(leak(2000, holders=(holder(*ones),))).state == "leaking"
    assert judge(leak(2000, holders=(holder(*ones, bound=500), holder(*ones, key=2)))).state == "leaking"


@pytest.mark.parametrize(("steps", "state"), [(10, "leaking"), (9, "stable")])
def test_growing_container_of_few_bytes_is_leaking_with_enough_iterations(steps: int, state: str) -> None:
    """Eight bytes in a list that gains an item each time are a leak from ten iterations on."""
    retained = levels(*[8] * steps)
    assert judge(evidence(steps, retained=retained, holders=(holder(*[1] * steps),))).state == state


def test_peak_that_rises_alone_is_creeping() -> None:
    """A peak that grows by the same each time, nothing kept, is creep with its exact figure."""
    judgement = judge(evidence(peak=levels(*[100_000] * 19)))
    assert judgement.state == "creeping"
    assert judgement.growth.peak is not None
    assert judgement.growth.peak.bytes_per_iteration == 100_000


def test_peak_that_levels_off_is_not_creeping() -> None:
    """A history that fills for three iterations is no creep."""
    assert judge(evidence(peak=levels(5000, 5000, 5000, *[0] * 16))).state == "stable"


@pytest.mark.parametrize(("step", "state"), [(4096, "native-leak"), (40, "stable")])
def test_c_heap_that_rises_alone_is_a_native_leak(step: int, state: str) -> None:
    """Growth of the C heap alone is a native leak; its small change is not."""
    assert judge(evidence(native=levels(*[step] * 20, start=4_000_000))).state == state


def test_c_heap_that_the_traced_heap_explains_is_no_native_leak() -> None:
    """Headers of traced blocks are part of the leak, not another one."""
    assert judge(leak(100_000, native=levels(*[1600] * 20))).state == "leaking"


@pytest.mark.parametrize(("step", "state"), [(1 << 20, "native-leak"), (20_000, "stable")])
def test_mapped_memory_that_rises_alone_is_a_native_leak(step: int, state: str) -> None:
    """Memory that neither heap explains is a native leak when it is more than pages used for the first time."""
    assert judge(evidence(process=levels(*[step] * 20))).state == state


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
    """One page an iteration that stays mapped is a native leak, used or not; arenas of Python's allocator are none."""
    assert judge(evidence(mapped=levels(*steps, start=100_000_000))).state == state


@pytest.mark.parametrize(("step", "state"), [(110_000, "creeping"), (160_000, "native-leak")])
def test_pages_that_a_climbing_peak_leaves_behind_are_no_native_leak(step: int, state: str) -> None:
    """Allocators keep freed pages: a process that grows as its peak does creeps; one that grows far more leaks, too."""
    climbing = levels(*[100_000] * 19, start=100_000)
    assert judge(evidence(peak=climbing, process=levels(*[step] * 20))).state == state


@pytest.mark.parametrize(("last", "state"), [(8_000, "stable"), (40_000, "inconclusive")])
def test_a_short_run_waits_for_a_process_that_still_rises(last: int, state: str) -> None:
    """After five iterations it is told by the last one whether pages are still used for the first time."""
    process = levels(9_800_000, 800_000, 2_500_000, last, start=20_000_000)
    assert judge(evidence(5, warmup=0, process=(20_000_000, *process))).state == state


@pytest.mark.parametrize(("mapped", "state"), [(0, "stable"), (1_048_576, "inconclusive")])
def test_a_short_run_may_use_what_it_has_mapped(mapped: int, state: str) -> None:
    """Pages that are still used for the first time end where the maps do; if those grew too, nobody knows."""
    process = levels(9_800_000, 800_000, 2_500_000, 700_000, start=20_000_000)
    maps = levels(2_000_000, 5_000_000, 1_000_000, 0, mapped, start=30_000_000)
    run = evidence(5, warmup=0, process=(20_000_000, *process), mapped=maps)
    assert judge(run).state == state


def idle_work(**changes: object) -> tuple[IterationWork, ...]:
    """Iterations that did nothing, but for ``changes``."""
    nothing = IterationWork(cpu_seconds=0.00001, waits=0, suspended=False, peak_bytes=279)
    return tuple([msgspec.structs.replace(nothing, **changes)] * 20)


def test_no_work_is_idle() -> None:
    """No wait, no allocation, no change: idle."""
    assert judge(evidence(work=idle_work())).state == "idle"


@pytest.mark.parametrize(
    "changes",
    [{"waits": 1}, {"suspended": True}, {"cpu_seconds": 0.1}, {"peak_bytes": 312}],
    ids=lambda one: next(iter(one)),
)
def test_any_work_is_not_idle(changes: dict[str, object]) -> None:
    """Waiting, yielding to the loop, computing or allocating is work."""
    assert judge(evidence(work=idle_work(**changes))).state == "stable"


def test_async_function_that_awaits_nothing_is_idle_whatever_it_allocates() -> None:
    """A stream that is made and dropped costs some kilobytes; that is not work. The same function awaited is."""
    dropped = idle_work(peak_bytes=30_000)
    assert judge(evidence(work=dropped, awaits_nothing=True)).state == "idle"
    assert judge(evidence(work=dropped, awaits_nothing=False)).state == "stable"


def test_a_change_of_memory_is_not_idle() -> None:
    """A function that changes what lives does work, however little it allocates."""
    assert judge(evidence(work=idle_work(), sites={LINE: levels(*[64, -64] * 10)})).state == "stable"


def test_growth_that_levelled_off_is_settling() -> None:
    """A warm-up within the measured iterations is named as one."""
    steps = [50_000, 20_000, *[0] * 18]
    judgement = judge(evidence(retained=levels(*steps), sites={LINE: levels(*steps, start=0)}))
    assert judgement.state == "settling"


@pytest.mark.parametrize(("steps", "state"), [(3, "inconclusive"), (4, "stable")])
def test_too_few_iterations_are_never_stable(steps: int, state: str) -> None:
    """Below four iterations the verdict is inconclusive, and says how many would be enough."""
    judgement = judge(evidence(steps))
    assert judgement.state == state
    assert (judgement.iterations_needed is not None) == (state == "inconclusive")


def test_first_iteration_without_warmup_is_one() -> None:
    """Without a warm-up, what the first iteration keeps is not growth; with one it is a rise like another."""
    steps = [2_000_000, *[0] * 9]
    changes = {"retained": levels(*steps), "sites": {LINE: levels(*steps, start=0)}}
    assert judge(evidence(10, warmup=0, **changes)).state == "stable"
    assert judge(evidence(10, warmup=3, **changes)).state == "settling"


def test_failed_iterations_fail() -> None:
    """An iteration that raised makes the verdict failed, whatever grew."""
    assert judge(leak(5000, failed=1)).state == "failed"


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_hardly_anything_measured_is_a_clear_state(steps: int) -> None:
    """No iteration is failed; one or two are inconclusive; none is an error."""
    assert judge(evidence(steps)).state == ("failed" if steps == 0 else "inconclusive")


def test_series_holds_a_value_until_the_next() -> None:
    """Changes become a series: 0 before the first, then each value until the next."""
    assert series_from_changes([(1, 5), (3, 7)], 5) == (0, 5, 5, 7, 7)
    assert series_from_changes([], 3) == (0, 0, 0)
    assert series_from_changes([(0, 4)], 1) == (4,)


def _said(judgement: Judgement, sites: list[Site], holders: list[Holder]) -> str:
    return phrase(judgement.state, judgement.growth, sites, holders, judgement.reasons, 20)


def test_sentence_of_a_leak_names_size_line_and_holder() -> None:
    """The sentence has the number, the line and the holder, in the words of the contract."""
    site = Site(
        file="scenarios/leaky_team.py",
        line=42,
        function="run_team",
        retained_bytes=20 << 20,
        blocks=20,
        bytes_per_iteration=1 << 20,
        signature="0" * 12,
    )
    held = Holder(path="scenarios.leaky_team.SESSIONS", type="dict", length=20, items_per_iteration=1.0)
    assert _said(judge(leak(1 << 20)), [site], [held]) == (
        "keeps 1.00 MiB more every iteration; allocated at scenarios/leaky_team.py:42, "
        "held by scenarios.leaky_team.SESSIONS (dict, +1 an iteration)"
    )


def test_every_state_has_a_sentence() -> None:
    """No state is without words, with or without figures."""
    growth = Channels(retained=Growth(bytes_per_iteration=1, ci_low=1, ci_high=1))
    states = ["stable", "settling", "bounded", "creeping", "leaking", "native-leak", "idle", "inconclusive", "failed"]
    for state in states:
        assert len(phrase(state, growth, [], [], [], 5)) > 10  # type: ignore[arg-type]
