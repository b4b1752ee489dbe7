"""Growth of a run: the floors of sites, containers and channels, and the figures of a leak."""

from __future__ import annotations

import msgspec
import pytest

from otel_memeval.analysis.judge import judge
from otel_memeval.verdicts import State
from tests.analysis.test_judge import LINE, OTHER, evidence, holder, leak, levels


@pytest.mark.parametrize(("step", "state"), [(8, "leaking"), (7, "stable")])
def test_site_grows_from_8_bytes_on(step: int, state: State) -> None:
    """A line leaks from one pointer per iteration on."""
    assert judge(leak(step)).state == state


@pytest.mark.parametrize(("rise", "state"), [(192, "settling"), (191, "stable")])
def test_retained_memory_settles_from_192_bytes_on(rise: int, state: State) -> None:
    """A rise that ended is settling from four times the floor of 48 bytes on."""
    assert judge(evidence(retained=levels(rise, *[0] * 19))).state == state


@pytest.mark.parametrize(("warmup", "rise"), [(0, "+800 B"), (3, "+977 KiB")])
def test_rise_of_a_settling_run_is_without_the_first_iteration_unless_there_was_a_warm_up(warmup: int, rise: str) -> None:
    """Without a warm-up the first step is that of imports: neither the verdict nor its reason has it."""
    run = evidence(retained=levels(1_000_000, 800, *[0] * 18), warmup=warmup)
    judgement = judge(run)
    assert (judgement.state, judgement.reasons[0]) == ("settling", f"retained memory rose by {rise} and then stopped rising")


@pytest.mark.parametrize(("step", "state"), [(256, "creeping"), (255, "stable")])
def test_peak_creeps_from_256_bytes_on(step: int, state: State) -> None:
    """A peak that grows alone creeps from 256 bytes per iteration on."""
    assert judge(evidence(peak=levels(*[step] * 19))).state == state


@pytest.mark.parametrize(("every", "state"), [(11, "leaking"), (12, "stable")])
def test_container_grows_from_an_item_in_ten_iterations_on(every: int, state: State) -> None:
    """A list with few bytes leaks if it gains 0.1 items per iteration, counted from its first gain."""
    gains = [1 if index % every == 0 else 0 for index in range(1, 9 * every + 1)]
    held = msgspec.structs.replace(holder(*gains), type="list")
    run = evidence(len(gains), retained=levels(*(8 * gain for gain in gains)), holders=(held,))
    assert judge(run).state == state


@pytest.mark.parametrize(("kind", "state"), [("list", "leaking"), ("deque", "leaking"), ("dict", "stable")])
def test_list_and_deque_gain_an_item_with_each_event(kind: str, state: State) -> None:
    """Rare gains of a list or deque are events; those of a dict may be new keys of a cache."""
    gains = [1 if index % 5 == 0 else 0 for index in range(1, 21)]
    held = msgspec.structs.replace(holder(*gains), type=kind)
    assert judge(evidence(retained=levels(*(8 * gain for gain in gains)), holders=(held,))).state == state


@pytest.mark.parametrize(("other_step", "figure"), [(11, 111.0), (12, 100.0)])
def test_leak_has_the_growth_of_its_sites_when_the_total_differs_by_a_tenth(other_step: int, figure: float) -> None:
    """The total is the figure of a leak unless the growing lines differ from it by more than 10%."""
    run = evidence(retained=levels(*[100 + other_step] * 20), sites={LINE: levels(*[100] * 20, start=0)})
    growth = judge(run).growth.retained
    assert growth is not None
    assert growth.bytes_per_iteration == figure


@pytest.mark.parametrize(("loss", "state"), [(300, "leaking"), (301, "stable")])
def test_memory_moves_between_sites_when_three_quarters_are_lost(loss: int, state: State) -> None:
    """Growing lines leak if all lines together keep at least a quarter of their growth."""
    sites = {LINE: levels(*[400] * 20, start=0), OTHER: levels(*[-loss] * 20, start=20_000)}
    assert judge(evidence(retained=levels(*[400 - loss] * 20), sites=sites)).state == state


@pytest.mark.parametrize(("step", "state"), [(1_000, "inconclusive"), (999, "stable")])
def test_undecided_growth_counts_from_a_thousandth_of_the_level_on(step: int, state: State) -> None:
    """A single late step of retained memory leaves a run undecided from a thousandth of the level on."""
    run = evidence(retained=levels(*[0] * 19, step, start=1_000_000), sites={LINE: levels(*[0] * 19, step, start=0)})
    assert judge(run).state == state


@pytest.mark.parametrize(("rise", "state"), [(5_001, "inconclusive"), (5_000, "stable")])
def test_undecided_peak_counts_from_a_tenth_on(rise: int, state: State) -> None:
    """A peak that rose late leaves a run undecided if it rose by more than a tenth of its median."""
    assert judge(evidence(peak=(*[50_000] * 15, *[50_000 + rise] * 5))).state == state


@pytest.mark.parametrize(("iterations", "state"), [(9, "stable"), (10, "inconclusive")])
def test_unique_memory_at_rest_in_the_last_iteration_counts_up_to_nine_iterations(iterations: int, state: State) -> None:
    """Pages that are used for the first time leave a run of up to nine iterations stable once that has ended."""
    steps = (9_800_000, 800_000, 2_500_000, *[900_000] * (iterations - 4), 8_000)
    assert judge(evidence(iterations, process=levels(*steps, start=20_000_000))).state == state
