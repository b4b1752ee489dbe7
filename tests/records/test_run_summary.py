"""Summary of a run for the history."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.records import ChildMemory, Git, Resource, Resources, Result, Verdict
from otel_memeval.records.run_summary import RunSummary, run_summary


def test_summary_has_the_numbers_of_the_run_and_where_it_leaks(make_result: Callable[..., Result]) -> None:
    """A site of the verdict is a leak with its signature; statistics are medians; the checkout is repeated."""
    result = make_result()
    git = Git(commit="c" * 40, branch="main", dirty=True)
    summary = run_summary(msgspec.structs.replace(result, run=msgspec.structs.replace(result.run, git=git)), passed=False)
    assert (summary.commit, summary.branch, summary.dirty, summary.passed) == ("c" * 40, "main", True, False)
    assert (summary.iterations, summary.peak_bytes, summary.verdict) == (5, 1.0, "leaking")
    assert [(leak.signature, leak.location, leak.per_iteration) for leak in summary.leaks] == [
        ("0" * 12, "m.py:3 (run)", 4096.0)
    ]
    assert summary.settings == "Python 3.11, Linux, 5 iterations, 0 warm-up"


def test_run_without_a_leak_has_no_leaks(make_result: Callable[..., Result]) -> None:
    """Sites of a bounded run are no leaks; neither is a bounded site of a run that leaks elsewhere."""
    bounded = make_result(verdict=Verdict(state="bounded", summary="", reasons=[]))
    assert run_summary(bounded, passed=True).leaks == ()
    sites = [msgspec.structs.replace(site, bounded=True) for site in make_result().sites]
    assert run_summary(make_result(sites=sites), passed=True).leaks == ()


def test_growth_without_a_line_is_a_leak_of_its_channel_or_resource(make_result: Callable[..., Result]) -> None:
    """A channel is named where no line has the growth; a resource where it grows."""
    descriptors = Resource(before=3, after=8, per_iteration=1.0, growing=True)
    threads = Resource(before=3, after=3, per_iteration=0.0)
    memory = ChildMemory(before=0, after=500, per_iteration=100.0, growing=True)
    verdict = Verdict(state="leaking", summary="", reasons=[], channels=["retained", "resources", "child_memory"])
    result = make_result(
        sites=[],
        verdict=verdict,
        resources=Resources(file_descriptors=descriptors, threads=threads, child_memory_bytes=memory),
    )
    summary = run_summary(result, passed=False)
    assert [(leak.signature, leak.per_iteration) for leak in summary.leaks] == [
        ("channel:retained", 4096.0),
        ("resource:file_descriptors", 1.0),
        ("resource:child_memory", 100.0),
    ]
    assert summary.resources == {"threads": 0.0, "file_descriptors": 1.0, "child_memory": 100.0}


@given(st.data())
def test_any_result_has_a_summary_that_json_keeps(any_result: st.SearchStrategy[Result], data: st.DataObject) -> None:
    """The summary of any result comes back from its JSON as it was."""
    summary = run_summary(data.draw(any_result), passed=True)
    assert msgspec.json.decode(msgspec.json.encode(summary), type=RunSummary) == summary
