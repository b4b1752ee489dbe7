"""From the worker's messages to the series that are judged and the records that are reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval import wire
from otel_memeval.analysis.evidence import series_from_changes
from otel_memeval.records import Failure
from otel_memeval.run.history import Collector, failure_record, one_line

MakeReading = Callable[..., wire.Reading]


def ready(reading: wire.Reading) -> wire.Ready:
    """The message that begins a run."""
    return wire.Ready(description="", noop_peak_bytes=279, reading=reading)


def done(index: int, reading: wire.Reading, phase: str = "measured", error: str = "", **parts: Any) -> wire.IterationDone:
    """One iteration as the worker tells it."""
    plain = {
        "started_at": "2026-01-01T00:00:00+00:00",
        "duration_seconds": 0.5,
        "cpu_seconds": 0.25,
        "waits": 3,
        "suspended": True,
        "failure": wire.FailureInfo(type="ValueError", message=error) if error else None,
    }
    return wire.IterationDone(index=index, phase=phase, reading=reading, **{**plain, **parts})


def test_series_begin_before_the_first_measured_iteration(make_reading: MakeReading) -> None:
    """Warm-ups are recorded and left out of what is judged; levels have one value more than iterations, peaks have not."""
    collector = Collector(())
    collector.ready(ready(make_reading(100, native_heap_bytes=1)))
    collector.iteration(done(1, make_reading(200, peak_bytes=9, native_heap_bytes=2), "warmup", cpu_seconds=9.0))
    collector.iteration(done(1, make_reading(300, peak_bytes=10, native_heap_bytes=3)))
    collector.iteration(done(2, make_reading(400, peak_bytes=20, native_heap_bytes=4)))
    evidence = collector.evidence(awaits_nothing=True)
    assert (collector.warmups, collector.measured, evidence.warmup) == (1, 2, 1)
    assert evidence.retained == (200, 300, 400)
    assert evidence.peak == (10, 20)
    assert evidence.native == (2, 3, 4)
    assert [work.cpu_seconds for work in evidence.work] == [0.25, 0.25]
    assert evidence.awaits_nothing
    assert collector.initial_reading is not None
    assert (collector.initial_reading.retained_bytes, collector.initial_reading.native_heap_bytes) == (100, 1)
    assert [one.phase for one in collector.iterations] == ["warmup", "measured", "measured"]


def test_a_missing_channel_gives_an_empty_series(make_reading: MakeReading) -> None:
    """Where there is no C heap to read, nothing is made up."""
    collector = Collector(())
    collector.ready(ready(make_reading()))
    collector.iteration(done(1, make_reading()))
    assert collector.evidence(awaits_nothing=False).native == ()


def test_sites_hold_their_value_until_they_change(make_reading: MakeReading) -> None:
    """A line is told only when it changed: before it is 0, after it stays; gone is 0 again; files are numbered once."""
    collector = Collector(())
    collector.ready(ready(make_reading(files=["a.py"], sites=[(0, 1, 10, 1)])))
    collector.iteration(done(1, make_reading(files=["b.py", "c.py"], sites=[(1, 5, 100, 2), (2, 7, 1, 1)])))
    collector.iteration(done(2, make_reading(sites=[(1, 5, 150, 3)])))
    collector.iteration(done(3, make_reading(files=["d.py"], sites=[(3, 1, 5, 1), (2, 7, 0, 0)])))
    evidence = collector.evidence(awaits_nothing=False)
    assert evidence.sites == {
        ("a.py", 1): (10, 10, 10, 10),
        ("b.py", 5): (0, 100, 150, 150),
        ("c.py", 7): (0, 1, 1, 0),
        ("d.py", 1): (0, 0, 0, 5),
    }
    assert evidence.blocks == {("a.py", 1): 1, ("b.py", 5): 3, ("c.py", 7): 0, ("d.py", 1): 1}


def test_the_latest_changes_are_what_grew_most(make_reading: MakeReading) -> None:
    """After each reading: lines that are larger than before it, largest first, and none that shrank."""
    collector = Collector(())
    collector.ready(ready(make_reading(files=["a.py"], sites=[(0, 1, 10, 1), (0, 2, 10, 1)])))
    collector.iteration(done(1, make_reading(sites=[(0, 1, 15, 1), (0, 2, 5, 1), (0, 3, 7, 2)])))
    assert collector.latest_changes() == [(("a.py", 3), 7, 2), (("a.py", 1), 5, 0)]
    collector.iteration(done(2, make_reading()))
    assert collector.latest_changes() == []


def test_holders_have_a_length_for_every_reading(make_reading: MakeReading) -> None:
    """The length before a container's first change is its length from the start; the bound is passed on if known."""
    collector = Collector(())
    collector.ready(ready(make_reading()))
    collector.iteration(done(1, make_reading()))
    collector.iteration(done(2, make_reading(holders=[(77, 4, 5)])))
    collector.iteration(done(3, make_reading(holders=[(77, 5, 9)])))
    collector.iteration(done(4, make_reading()))
    (holder,) = collector.evidence(
        awaits_nothing=False,
        told={77: wire.HolderInfo(id=77, path=None, type="dict", length=2, bound=64, items_seen=0, items=[], storage=None)},
    ).holders
    assert (holder.id, holder.lengths, holder.bound) == (77, (4, 4, 5, 9, 9), 64)
    assert collector.evidence(awaits_nothing=False).holders[0].bound is None


def test_another_container_at_the_same_address_is_another(make_reading: MakeReading) -> None:
    """Where the length before is not what was told last, the id stands for a new container, and the old is forgotten."""
    collector = Collector(())
    collector.ready(ready(make_reading()))
    collector.iteration(done(1, make_reading(holders=[(77, 0, 1000)])))
    collector.iteration(done(2, make_reading()))
    collector.iteration(done(3, make_reading(holders=[(77, 2, 3)])))
    (holder,) = collector.evidence(awaits_nothing=False).holders
    assert holder.lengths == (2, 2, 2, 3)


def test_failed_iterations_are_counted_among_the_measured_ones(make_reading: MakeReading) -> None:
    """An error is in the iteration's record with its type and masked message; of warm-ups none counts as measured."""
    collector = Collector(("top-secret",))
    collector.ready(ready(make_reading()))
    collector.iteration(done(1, make_reading(1), "warmup", error="early"))
    failed = collector.iteration(done(1, make_reading(2), error="no\ntop-secret"))
    collector.iteration(done(2, make_reading(3)))
    assert (failed.status, failed.error) == ("error", Failure(type="ValueError", message="no ***"))
    assert failed.retained_bytes == 2
    assert collector.evidence(awaits_nothing=False).failed == 1
    assert collector.evidence(awaits_nothing=False).retained == (1, 2, 3)


def test_an_unread_iteration_is_recorded_without_figures(make_reading: MakeReading) -> None:
    """The iteration in which the worker went is there, with why; the series are of what was read."""
    collector = Collector(())
    collector.ready(ready(make_reading(1)))
    collector.iteration(done(1, make_reading(2)))
    record = collector.unread("measured", 2, "2026-01-01T00:00:00+00:00", 1.5, Failure(type="Crash", message="signal 11"))
    assert (record.index, record.status, record.retained_bytes, record.duration_seconds) == (2, "error", None, 1.5)
    evidence = collector.evidence(awaits_nothing=False)
    assert (collector.measured, evidence.failed, evidence.retained) == (2, 1, (1, 2))


@pytest.mark.parametrize("phase", ["warmup", "measured"])
def test_a_run_that_ended_at_once_has_no_series(phase: str, make_reading: MakeReading) -> None:
    """A crash in the first iteration, or before set-up was done, leaves evidence that can still be judged."""
    collector = Collector(())
    assert collector.evidence(awaits_nothing=False).retained == ()
    collector.ready(ready(make_reading(1)))
    collector.unread(phase, 1, "", 0.0, Failure(type="Crash", message=""))
    evidence = collector.evidence(awaits_nothing=False)
    assert (evidence.retained, evidence.peak, evidence.work) == ((1,), (), ())


@given(st.lists(st.dictionaries(st.integers(1, 4), st.integers(0, 5)), max_size=6))
@settings(deadline=None, max_examples=100)
def test_series_are_the_totals_that_the_worker_saw(steps: list[dict[int, int]]) -> None:
    """Sending only what changed loses nothing: each line's series is its live bytes after every reading."""
    collector = Collector(())
    now: dict[int, int] = {}
    seen: list[dict[int, int]] = []
    for place, step in enumerate([{}, *steps]):
        changed = [(0, line, size, 1) for line, size in step.items() if now.get(line, 0) != size]
        now = {**now, **step}
        seen.append(now)
        reading = wire.Reading(
            retained_bytes=sum(now.values()), retained_blocks=0, peak_bytes=0, traced_current_bytes=0, rss_bytes=None,
            uss_bytes=None, native_heap_bytes=None, files=["a.py"] if not place else [], sites=changed, holders=[],
        )  # fmt: skip
        if place:
            collector.iteration(done(place, reading))
        else:
            collector.ready(ready(reading))
    evidence = collector.evidence(awaits_nothing=False)
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
    assert record.type.startswith("m.Odd\\nx")
