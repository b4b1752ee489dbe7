"""History of a run: the worker's answers become evidence and records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval import wire
from otel_memeval.analysis.evidence import BatchedNativeReadings, series_from_changes
from otel_memeval.records import Failure
from otel_memeval.redact import one_line
from otel_memeval.run.failures import failure_record
from otel_memeval.run.history import RunHistory
from otel_memeval.run.suppressions import Suppressions

MakeReading = Callable[..., wire.Reading]


def empty_history(secrets: tuple[str, ...] = ()) -> RunHistory:
    """Return the history of a run of an async function that awaits nothing."""
    loaded = wire.Loaded(
        module="m", names=["run"], name="run", file="", library_folder="", awaits_nothing=True, fields=wire.Fields()
    )
    return RunHistory(loaded, str, secrets, Suppressions((), str, str))


def ready(reading: wire.Reading) -> wire.Ready:
    """Return the message that begins a run."""
    return wire.Ready(description="", noop_peak_bytes=279, event_loop="", reading=reading)


def done(
    index: int, reading: wire.Reading | None, phase: str = "measured", error: str = "", **parts: Any
) -> wire.IterationDone:
    """One iteration as the worker tells it."""
    plain = {
        "started_at": "2026-01-01T00:00:00+00:00",
        "duration_seconds": 0.5,
        "cpu_seconds": 0.25,
        "peak_bytes": 0,
        "imported_modules": 0,
        "waits": 3,
        "suspended": True,
        "failure": wire.FailureInfo(type="ValueError", message=error) if error else None,
    }
    return wire.IterationDone(index=index, phase=phase, reading=reading, **{**plain, **parts})


def test_series_begin_before_the_first_measured_iteration(make_reading: MakeReading) -> None:
    """Warm-ups are recorded and left out of what is judged; levels have one value more than iterations, peaks have not."""
    history = empty_history()
    history.add_initial_reading(ready(make_reading(100, native_heap_bytes=1)))
    history.add_iteration(done(1, make_reading(200, native_heap_bytes=2), "warmup", cpu_seconds=9.0, peak_bytes=9))
    history.add_iteration(done(1, make_reading(300, native_heap_bytes=3), peak_bytes=10))
    history.add_iteration(done(2, make_reading(400, native_heap_bytes=4), peak_bytes=20))
    evidence = history.evidence()
    assert (history.warmups, history.measured, evidence.warmup) == (1, 2, 1)
    assert evidence.retained == (200, 300, 400)
    assert evidence.peak == (10, 20)
    assert evidence.native == (2, 3, 4)
    assert [work.cpu_seconds for work in evidence.work] == [0.25, 0.25]
    assert evidence.awaits_nothing
    assert history.initial_reading is not None
    assert (history.initial_reading.retained_bytes, history.initial_reading.native_heap_bytes) == (100, 1)
    assert [iteration.phase for iteration in history.iterations] == ["warmup", "measured", "measured"]


def test_a_missing_channel_gives_an_empty_series(make_reading: MakeReading) -> None:
    """Where there is no C heap to read, nothing is made up."""
    history = empty_history()
    history.add_initial_reading(ready(make_reading()))
    history.add_iteration(done(1, make_reading()))
    assert history.evidence().native == ()


def test_sites_hold_their_value_until_they_change(make_reading: MakeReading) -> None:
    """A line is told only when it changed: before it is 0, after it stays; gone is 0 again; files are numbered once."""
    history = empty_history()
    history.add_initial_reading(ready(make_reading(files=["a.py"], sites=[(0, 1, 10, 1)])))
    history.add_iteration(done(1, make_reading(files=["b.py", "c.py"], sites=[(1, 5, 100, 2), (2, 7, 1, 1)])))
    history.add_iteration(done(2, make_reading(sites=[(1, 5, 150, 3)])))
    history.add_iteration(done(3, make_reading(files=["d.py"], sites=[(3, 1, 5, 1), (2, 7, 0, 0)])))
    evidence = history.evidence()
    assert evidence.sites == {
        ("a.py", 1): (10, 10, 10, 10),
        ("b.py", 5): (0, 100, 150, 150),
        ("c.py", 7): (0, 1, 1, 0),
        ("d.py", 1): (0, 0, 0, 5),
    }
    assert evidence.blocks == {("a.py", 1): 1, ("b.py", 5): 3, ("c.py", 7): 0, ("d.py", 1): 1}


def test_the_latest_changes_are_what_grew_most(make_reading: MakeReading) -> None:
    """After each reading: lines that are larger than before it, largest first, and none that shrank."""
    history = empty_history()
    history.add_initial_reading(ready(make_reading(files=["a.py"], sites=[(0, 1, 10, 1), (0, 2, 10, 1)])))
    history.add_iteration(done(1, make_reading(sites=[(0, 1, 15, 1), (0, 2, 5, 1), (0, 3, 7, 2)])))
    assert history.latest_changes() == [(("a.py", 3), 7, 2), (("a.py", 1), 5, 0)]
    history.add_iteration(done(2, make_reading()))
    assert history.latest_changes() == []


def test_holders_have_a_length_for_every_reading(make_reading: MakeReading) -> None:
    """The length before a container's first change is its length from the start; the bound is passed on if known."""
    history = empty_history()
    history.add_initial_reading(ready(make_reading()))
    history.add_iteration(done(1, make_reading()))
    history.add_iteration(done(2, make_reading(holders=[(77, 4, 5)])))
    history.add_iteration(done(3, make_reading(holders=[(77, 5, 9)])))
    history.add_iteration(done(4, make_reading()))
    (holder,) = history.evidence().holders
    assert (holder.id, holder.lengths, holder.type, holder.bound) == (77, (4, 4, 5, 9, 9), "", None)


def described(key: int, **parts: Any) -> wire.HolderInfo:
    """Return the worker's description of a dict."""
    return wire.HolderInfo(**{"id": key, "path": None, "type": "dict", "length": 2, "bound": None, **parts})


def test_description_of_a_container_joins_its_lengths(make_reading: MakeReading) -> None:
    """The path, the bound with its line, and the bytes of the newest items stand in the evidence beside the lengths."""
    history = empty_history(("top-secret",))
    history.add_initial_reading(ready(make_reading()))
    history.add_iteration(done(1, make_reading(holders=[(77, 4, 5)])))
    info = described(
        77, path="m.SEEN", bound=64, bound_text="len(SEEN) > top-secret", bound_file="a.py", bound_line=3, items_seen=2,
        items=[("a.py", 1, 96, 2)], storage=("a.py", 2), hits=0, bookkeeping=True,
    )  # fmt: skip
    history.add_containers([77], wire.Holders(holders=[info]))
    (holder,) = history.evidence().holders
    assert (holder.lengths, holder.path, holder.type, holder.bound) == ((4, 5), "m.SEEN", "dict", 64)
    assert holder.limit == "len(SEEN) > *** at a.py:3"
    assert (holder.items_seen, holder.items, holder.storage) == (2, {("a.py", 1): 96}, ("a.py", 2))
    assert (holder.only_misses, holder.bookkeeping) == (True, True)


def test_container_that_is_not_described_is_left_out(make_reading: MakeReading) -> None:
    """A container that the worker was asked for and did not describe is gone; one that it was not asked for stays."""
    history = empty_history()
    history.add_initial_reading(ready(make_reading()))
    history.add_iteration(done(1, make_reading(holders=[(77, 4, 5), (78, 4, 5)])))
    history.add_containers([77], wire.Holders(holders=[]))
    assert [holder.id for holder in history.evidence().holders] == [78]


def test_ring_buffer_that_also_grows_is_a_container(make_reading: MakeReading) -> None:
    """A list of fixed length is a ring buffer unless the worker describes it as a growing container as well."""
    history = empty_history()
    history.add_initial_reading(ready(make_reading()))
    ring: dict[str, Any] = {"path": "m.RING", "type": "list", "length": 3, "bound": 8, "lines": [("a.py", 1)]}
    rings = [wire.RingBufferInfo(**{"id": key, **ring}) for key in (1, 2)]
    history.add_containers([1], wire.Holders(holders=[described(1)], ring_buffers=rings))
    (found,) = history.evidence().ring_buffers
    assert (found.id, found.path, found.length, found.bound, found.lines) == (2, "m.RING", 3, 8, frozenset({("a.py", 1)}))


def test_assessment_is_computed_once_for_each_change(make_reading: MakeReading) -> None:
    """The same assessment is returned until an answer changes the evidence."""
    history = empty_history()
    history.add_initial_reading(ready(make_reading(1)))
    changes: list[Callable[[], object]] = [
        lambda: history.add_iteration(done(1, make_reading(2))),
        lambda: history.add_failed_iteration("measured", 2, "", 0.0, Failure(type="Crash", message="")),
        lambda: history.add_containers([], wire.Holders(holders=[])),
        lambda: history.add_batched_readings(BatchedNativeReadings(calls_apart=2, native=(1, 2))),
    ]
    for change in changes:
        before = history.assessment()
        assert history.assessment() is before
        change()
        assert history.assessment() is not before
    assert history.evidence().batched_native == BatchedNativeReadings(calls_apart=2, native=(1, 2))


def test_another_container_at_the_same_address_is_another(make_reading: MakeReading) -> None:
    """Where the length before is not what was told last, the id stands for a new container, and the old is forgotten."""
    history = empty_history()
    history.add_initial_reading(ready(make_reading()))
    history.add_iteration(done(1, make_reading(holders=[(77, 0, 1000)])))
    history.add_iteration(done(2, make_reading()))
    history.add_iteration(done(3, make_reading(holders=[(77, 2, 3)])))
    (holder,) = history.evidence().holders
    assert holder.lengths == (2, 2, 2, 3)


def test_failed_iterations_are_counted_among_the_measured_ones(make_reading: MakeReading) -> None:
    """An error is in the iteration's record with its type and masked message; of warm-ups none counts as measured."""
    history = empty_history(("top-secret",))
    history.add_initial_reading(ready(make_reading()))
    history.add_iteration(done(1, make_reading(1), "warmup", error="early"))
    failed = history.add_iteration(done(1, make_reading(2), error="no\ntop-secret"))
    history.add_iteration(done(2, make_reading(3)))
    assert (failed.status, failed.error) == ("error", Failure(type="ValueError", message="no ***"))
    assert failed.retained_bytes == 2
    assert history.evidence().failed == 1
    assert history.evidence().retained == (1, 2, 3)


def test_an_unread_iteration_is_recorded_without_figures(make_reading: MakeReading) -> None:
    """The iteration in which the worker went is there, with why; the series are of what was read."""
    history = empty_history()
    history.add_initial_reading(ready(make_reading(1)))
    history.add_iteration(done(1, make_reading(2)))
    record = history.add_failed_iteration(
        "measured", 2, "2026-01-01T00:00:00+00:00", 1.5, Failure(type="Crash", message="signal 11")
    )
    assert (record.index, record.status, record.retained_bytes, record.duration_seconds) == (2, "error", None, 1.5)
    evidence = history.evidence()
    assert (history.measured, evidence.failed, evidence.retained) == (2, 1, (1, 2))


def read_every_fourth(make_reading: MakeReading, warmups: int, iterations: int) -> RunHistory:
    """Return a run whose first three iterations were read, and then each fourth, counted back from the last one.

    A line and a list grow by 10 bytes and an item per iteration.
    """
    history = empty_history()
    history.add_initial_reading(ready(make_reading(0, files=["a.py"])))
    last_length = 0
    for number in range(1, warmups + iterations + 1):
        index = number - warmups
        is_read = index <= max(0, 3 - warmups) or (iterations - index) % 4 == 0
        reading = None
        if is_read:
            sites, holders = [(0, 1, 10 * number, number)], [(77, last_length, number)]
            reading = make_reading(10 * number, sites=sites, holders=holders)
            last_length = number
        parts: dict[str, Any] = {"peak_bytes": number, "readings_every": 4 if number > 3 else 1, "traced_current_bytes": 5}
        history.add_iteration(
            done(max(index, number * (index < 1)), reading, "warmup" if index < 1 else "measured", **parts)
        )
    return history


def test_iteration_without_a_reading_has_its_peak_and_no_memory(make_reading: MakeReading) -> None:
    """Peak and tracemalloc's count are known after each iteration; all that a reading finds is None."""
    history = read_every_fourth(make_reading, 3, 42)
    record = history.iterations[5]
    assert (record.index, record.status, record.peak_bytes, record.traced_current_bytes) == (3, "ok", 6, 5)
    assert (record.retained_bytes, record.retained_blocks, record.rss_bytes, record.native_heap_bytes) == (None,) * 4
    assert history.iterations[4].retained_bytes == 50


@pytest.mark.parametrize(("warmups", "first"), [(3, 5), (0, 2)])
def test_series_have_even_intervals_that_end_with_the_last_reading(
    make_reading: MakeReading, warmups: int, first: int
) -> None:
    """Readings that only decided the interval are left out; peaks are those of all measured iterations."""
    evidence = read_every_fourth(make_reading, warmups, 42).evidence()
    numbers = list(range(first, warmups + 43, 4))
    assert (evidence.readings_every, evidence.warmup) == (4, warmups)
    assert evidence.retained == evidence.sites["a.py", 1] == tuple(10 * number for number in numbers)
    assert evidence.holders[0].lengths == tuple(numbers)
    assert evidence.peak == tuple(range(warmups + 1, warmups + 43))
    assert len(evidence.work) == 42


def test_growth_is_per_iteration_when_each_fourth_was_read(make_reading: MakeReading) -> None:
    """Line, list and total grow by their bytes and items per iteration."""
    assessment = read_every_fourth(make_reading, 3, 42).assessment()
    assert assessment.judgement.state == "leaking"
    assert assessment.growth.retained is not None
    assert assessment.growth.retained.bytes_per_iteration == 10
    assert assessment.sites[0].bytes_per_iteration == 10
    assert assessment.judgement.holders[0].items_per_iteration == 1


@pytest.mark.parametrize("phase", ["warmup", "measured"])
def test_a_run_that_ended_at_once_has_no_series(phase: str, make_reading: MakeReading) -> None:
    """A crash in the first iteration, or before set-up was done, leaves evidence that can still be judged."""
    history = empty_history()
    assert history.evidence().retained == ()
    history.add_initial_reading(ready(make_reading(1)))
    history.add_failed_iteration(phase, 1, "", 0.0, Failure(type="Crash", message=""))
    evidence = history.evidence()
    assert (evidence.retained, evidence.peak, evidence.work) == ((1,), (), ())


@given(st.lists(st.dictionaries(st.integers(1, 4), st.integers(0, 5)), max_size=6))
@settings(deadline=None, max_examples=100)
def test_series_are_the_totals_that_the_worker_saw(steps: list[dict[int, int]]) -> None:
    """Sending only what changed loses nothing: each line's series is its live bytes after every reading."""
    history = empty_history()
    now: dict[int, int] = {}
    seen: list[dict[int, int]] = []
    for place, step in enumerate([{}, *steps]):
        changed = [(0, line, size, 1) for line, size in step.items() if now.get(line, 0) != size]
        now = {**now, **step}
        seen.append(now)
        reading = wire.Reading(
            retained_bytes=sum(now.values()), retained_blocks=0, traced_current_bytes=0, rss_bytes=None,
            uss_bytes=None, native_heap_bytes=None, files=["a.py"] if not place else [], sites=changed, holders=[],
        )  # fmt: skip
        if place:
            history.add_iteration(done(place, reading))
        else:
            history.add_initial_reading(ready(reading))
    evidence = history.evidence()
    for (_, line), values in evidence.sites.items():
        assert values == tuple(state.get(line, 0) for state in seen)
    assert evidence.retained == tuple(sum(state.values()) for state in seen)


@pytest.mark.parametrize(
    ("changes", "values"),
    [
        ([], (0, 0, 0)),
        ([(0, 5)], (5, 5, 5)),
        ([(1, 5)], (0, 5, 5)),
        ([(0, 1), (2, 5)], (1, 1, 5)),
        ([(1, 5), (2, 0)], (0, 5, 0)),
    ],
)
def test_a_series_holds_each_value_until_the_next(changes: list[tuple[int, int]], values: tuple[int, ...]) -> None:
    """Changes at the first, a middle and the last place, and none at all."""
    assert series_from_changes(changes, 3) == values


def test_messages_are_one_short_masked_line() -> None:
    """Line ends become spaces, colours go, control characters are written out, secrets masked; 300 characters at most."""
    assert one_line(" a\n  b\x1b[31m\x07 top-secret ", ("top-secret",)) == "a b\\x07 ***"
    assert one_line("x" * 300, ()) == "x" * 300
    assert one_line("x" * 301, ()) == "x" * 299 + "…"
    record = failure_record(wire.FailureInfo(type="m.\x1b[31mOdd\n" + "x" * 400, message="y" * 400), ())
    assert (len(record.type), len(record.message)) == (300, 300)
    assert record.type.startswith("m.Odd x")
