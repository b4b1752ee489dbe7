"""Series whose readings lie several iterations apart: floors and figures are those of an iteration."""

from __future__ import annotations

import msgspec
import pytest

from otel_memeval.analysis.assessment import assess
from otel_memeval.analysis.batched_readings import calls_between_readings
from otel_memeval.analysis.callers import attribution_iterations
from otel_memeval.analysis.evidence import ChildSeries, Evidence, HolderSeries, ResourceSeries
from otel_memeval.analysis.judge import judge
from otel_memeval.analysis.levels import mean_rise
from otel_memeval.verdicts import State
from tests.analysis.test_judge import LINE, evidence, levels

EVERY = 10
READINGS = 20
ITERATIONS = EVERY * READINGS


def sparse(**changes: object) -> Evidence:
    """Return a run of 200 iterations without growth, read after every tenth."""
    run = evidence(READINGS)
    parts = {"readings_every": EVERY, "peak": (50_000,) * ITERATIONS, "work": run.work * EVERY}
    return msgspec.structs.replace(run, **{**parts, **changes})


def steps(per_iteration: int, start: int = 1_000_000) -> tuple[int, ...]:
    """Return a series that rises by ``per_iteration`` per iteration."""
    return levels(*[EVERY * per_iteration] * READINGS, start=start)


@pytest.mark.parametrize(("size", "state"), [(8, "leaking"), (7, "stable")])
def test_site_leaks_from_8_bytes_per_iteration_on(size: int, state: State) -> None:
    """The floor is that of a run with all readings, and so is the figure."""
    judgement = judge(sparse(retained=steps(size), sites={LINE: steps(size, 0)}))
    assert judgement.state == state
    if state == "leaking":
        assert judgement.sites[0].bytes_per_iteration == size
        assert judgement.reasons[0].startswith("the live memory of one line rose to the end of 200 iterations")
    assert judgement.growth.retained is not None
    assert judgement.growth.retained.bytes_per_iteration == size


@pytest.mark.parametrize(("gain", "state"), [(1, "leaking"), (0, "stable")])
def test_container_grows_from_an_item_in_ten_iterations_on(gain: int, state: State) -> None:
    """An item at each reading is 0.1 items per iteration; an item at every second reading is less than the floor."""
    lengths = levels(*[1, gain] * (READINGS // 2), start=0)
    held = HolderSeries(id=1, type="list", lengths=lengths)
    judgement = judge(sparse(retained=levels(*[8 * after for after in [1, gain] * (READINGS // 2)]), holders=(held,)))
    assert judgement.state == state
    if state == "leaking":
        assert judgement.holders[0].items_per_iteration == pytest.approx(0.1)


@pytest.mark.parametrize(("size", "state"), [(64, "native-leak"), (63, "stable")])
def test_c_heap_leaks_from_64_bytes_per_iteration_on(size: int, state: State) -> None:
    """The floor of the C heap is that of an iteration."""
    judgement = judge(sparse(native=steps(size)))
    assert judgement.state == state
    assert judgement.growth.native is not None
    assert judgement.growth.native.bytes_per_iteration == size


def test_noise_of_a_reading_counts_for_less_with_more_iterations() -> None:
    """Growth of 200 B per iteration hides in noise of a kilobyte when each is read, and shows when each tenth is."""
    noise = [1000 * (-1) ** (index * index // 3 % 2) for index in range(READINGS + 1)]
    apart = tuple(1_000_000 + 200 * EVERY * index + noise[index] for index in range(READINGS + 1))
    each = tuple(1_000_000 + 200 * index + noise[index] for index in range(READINGS + 1))
    assert judge(sparse(native=apart)).state == "native-leak"
    assert judge(evidence(READINGS, native=each)).state != "native-leak"


@pytest.mark.parametrize(("size", "state"), [(1024, "native-leak"), (1023, "stable")])
def test_mapped_memory_leaks_from_a_page_in_four_iterations_on(size: int, state: State) -> None:
    """The floor of maps is that of an iteration."""
    assert judge(sparse(mapped=steps(size))).state == state


@pytest.mark.parametrize(("size", "state"), [(32_768, "native-leak"), (32_767, "stable")])
def test_unique_memory_leaks_from_32_kib_per_iteration_on(size: int, state: State) -> None:
    """The floor of the process is that of an iteration, also for the later steps that have to rise."""
    assert judge(sparse(process=steps(size))).state == state


@pytest.mark.parametrize(("added", "state"), [(1, "leaking"), (0, "stable")])
def test_resource_grows_from_one_in_ten_iterations_on(added: int, state: State) -> None:
    """A thread at each reading is a leak; one at every second reading is below the floor."""
    counts = levels(*[1, added] * (READINGS // 2), start=5)
    judgement = judge(sparse(resources=(ResourceSeries(name="threads", counts=counts),)))
    assert judgement.state == state
    if state == "leaking":
        assert judgement.resources.growing[0].per_iteration == pytest.approx(0.1)


@pytest.mark.parametrize(("size", "state"), [(16_384, "leaking"), (16_383, "stable")])
def test_memory_of_children_leaks_from_16_kib_per_iteration_on(size: int, state: State) -> None:
    """The floor of children is that of an iteration."""
    child = ChildSeries(process=1, private_bytes=steps(size))
    judgement = judge(sparse(children=(child,), child_bytes=steps(size)))
    assert judgement.state == state


def test_undecided_run_needs_iterations_and_not_readings() -> None:
    """The number that would decide is counted in iterations."""
    late = levels(*[0] * (READINGS - 1), 100_000)
    judgement = judge(sparse(retained=late, sites={LINE: levels(*[0] * (READINGS - 1), 100_000, start=0)}))
    assert judgement.state == "inconclusive"
    assert judgement.iterations_needed is not None
    assert judgement.iterations_needed >= 2 * ITERATIONS
    assert judgement.iterations_needed % EVERY == 0


def test_peak_keeps_a_value_per_iteration() -> None:
    """A peak that grows by 300 bytes per iteration creeps by 300 bytes, whatever the readings are."""
    judgement = judge(sparse(peak=tuple(50_000 + 300 * index for index in range(ITERATIONS))))
    assert judgement.state == "creeping"
    assert judgement.growth.peak is not None
    assert judgement.growth.peak.bytes_per_iteration == pytest.approx(300)


def test_rise_is_per_iteration() -> None:
    """Without a warm-up the first reading is not counted."""
    assert mean_rise(sparse(), steps(7)) == 7
    assert mean_rise(sparse(warmup=0), (0, *steps(7)[1:])) == 7
    assert mean_rise(sparse(), (5,)) == mean_rise(sparse(), ()) == 0


def test_batched_readings_are_as_good_as_sparse_ones() -> None:
    """A noisy C heap whose readings are ten calls apart hides a tenth, and further readings are planned for the rest."""
    noise = tuple(1_000_000 + 4000 * (index * index % 7) for index in range(READINGS + 1))
    hidden = assess(sparse(native=noise)).hidden_native_bytes
    assert hidden == pytest.approx(assess(evidence(READINGS, native=noise)).hidden_native_bytes / EVERY)
    assert calls_between_readings(assess(sparse(native=noise)), [0.001] * ITERATIONS) > 1


def test_callers_are_searched_for_in_as_many_iterations_as_a_rise_may_need() -> None:
    """A site that rose at each reading may rise once in the iterations between two readings."""
    assert attribution_iterations([steps(8)], 1) == 4
    assert attribution_iterations([steps(8)], 5) == 10
    assert attribution_iterations([steps(8)], 100) == 20
