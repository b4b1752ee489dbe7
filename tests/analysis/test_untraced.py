"""Untraced memory: both sides of each limit, from the evidence to the verdict."""

from __future__ import annotations

import pytest

from otel_memeval.analysis.judge import judge
from otel_memeval.analysis.untraced import hidden_native_bytes
from otel_memeval.verdicts import State
from tests.analysis.test_judge import evidence, leak, levels

CLIMBING_PEAK = levels(*[100_000] * 19, start=100_000)


@pytest.mark.parametrize(("step", "state"), [(64, "native-leak"), (63, "stable")])
def test_c_heap_leaks_from_64_bytes_on(step: int, state: State) -> None:
    """A quiet C heap that grows alone is a native leak from 64 bytes per iteration on."""
    assert judge(evidence(native=levels(*[step] * 20, start=1_000))).state == state


@pytest.mark.parametrize(
    ("step", "iterations", "state"),
    [(2_000, 19, "native-leak"), (1_999, 19, "inconclusive"), (1_999, 20, "native-leak")],
)
def test_small_growth_of_a_large_c_heap_needs_twenty_iterations(step: int, iterations: int, state: State) -> None:
    """A C heap of 20 MB that grows by less than 2,000 bytes per iteration may be warming up until the 20th iteration."""
    judgement = judge(evidence(iterations, native=levels(*[step] * iterations, start=20_000_000)))
    assert judgement.state == state
    assert judgement.iterations_needed == (20 if state == "inconclusive" else None)


@pytest.mark.parametrize(("step", "hidden_bytes"), [(64, 0), (65, 65)])
def test_growth_hides_in_a_c_heap_that_jitters(step: int, hidden_bytes: float) -> None:
    """Growth of less than the jitter of the C heap does not show; jitter up to the floor of 64 bytes hides nothing."""
    native = levels(*[step, step, -step, -step] * 5)
    assert hidden_native_bytes(evidence(native=native)) == hidden_bytes


@pytest.mark.parametrize(("level", "hidden_bytes"), [(6_000_000, 0), (20_000_000, 200)])
def test_growth_hides_in_the_drift_of_a_large_c_heap(level: int, hidden_bytes: float) -> None:
    """A C heap drifts by a hundred-thousandth of itself: 64 bytes at 6.4 MB."""
    assert hidden_native_bytes(evidence(native=levels(*[0] * 20, start=level))) == pytest.approx(hidden_bytes)


@pytest.mark.parametrize(("step", "more_reasons"), [(5_000, 0), (5_001, 1)])
def test_c_heap_is_named_when_it_grows_by_more_than_a_twentieth_of_the_leak(step: int, more_reasons: int) -> None:
    """Growth of the C heap up to 5% of the growing sites is that of the headers of their blocks."""
    assert len(judge(leak(100_000, native=levels(*[step] * 20))).reasons) == 1 + more_reasons


@pytest.mark.parametrize(("step", "state"), [(32_768, "native-leak"), (32_767, "stable")])
def test_unique_memory_leaks_from_32_kib_on(step: int, state: State) -> None:
    """Unique memory that grows alone is a native leak from 32 KiB per iteration on."""
    assert judge(evidence(process=levels(*[step] * 20))).state == state


@pytest.mark.parametrize(("level_steps", "state"), [(2, "native-leak"), (3, "stable")])
def test_unique_memory_that_rises_in_fewer_than_three_of_five_steps_comes_and_goes(level_steps: int, state: State) -> None:
    """A rise on each third iteration makes two of three averaged steps rise, a rise on each fourth only half of them."""
    steps = ([400_000] + [0] * level_steps) * 7
    assert judge(evidence(process=levels(*steps[:20]))).state == state


@pytest.mark.parametrize(("level_steps", "state"), [(3, "native-leak"), (4, "stable")])
def test_mapped_memory_leaks_from_a_page_every_fourth_iteration_on(level_steps: int, state: State) -> None:
    """Mapped memory is a native leak from 1 KiB per iteration on."""
    steps = ([0] * level_steps + [4_096]) * (20 // (level_steps + 1))
    assert judge(evidence(len(steps), mapped=levels(*steps, start=100_000_000))).state == state


@pytest.mark.parametrize(("extra", "state"), [(0, "stable"), (8_192, "native-leak")])
def test_arenas_are_not_counted_as_mapped_memory(extra: int, state: State) -> None:
    """Steps of a complete arena (1 MiB) are left out; the rest of a step counts."""
    steps = [0, (1 << 20) + extra] * 10
    assert judge(evidence(mapped=levels(*steps, start=100_000_000))).state == state


@pytest.mark.parametrize(("mapped", "state"), [(0, "creeping"), (1_023, "creeping"), (4_096, "native-leak")])
def test_unique_memory_beside_a_growing_peak_counts_only_with_new_maps(mapped: int, state: State) -> None:
    """Allocators keep freed pages: without new maps, unique memory that grows with the peak is freed memory."""
    maps = levels(*[mapped] * 20, start=100_000_000)
    assert judge(evidence(peak=CLIMBING_PEAK, process=levels(*[300_000] * 20), mapped=maps)).state == state


@pytest.mark.parametrize(("iterations", "state"), [(9, "inconclusive"), (10, "native-leak")])
def test_unique_memory_leaks_from_ten_iterations_on(iterations: int, state: State) -> None:
    """Until then its pages may be used for the first time, in any of the iterations."""
    maps = levels(*[1_000_000] * iterations)
    assert judge(evidence(iterations, process=levels(*[99_000] * iterations), mapped=maps[:1])).state == state


@pytest.mark.parametrize(("drop", "reasons"), [(0, 0), (950_000, 1)])
def test_c_heap_that_rose_and_came_back_is_named(drop: int, reasons: int) -> None:
    """A channel whose interval lies above its floor is never left out of the reasons of a stable run."""
    steps = [50_000] * 19 + [-drop] if drop else [0] * 20
    judgement = judge(evidence(native=levels(*steps)))
    assert judgement.state == "stable"
    assert sum("the C heap rose by" in reason for reason in judgement.reasons) == reasons
