"""The comparison of a run with earlier runs, from their summaries."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.analysis.comparison import compare, first_run, leading_difference
from otel_memeval.records import Channels, Growth
from otel_memeval.records.comparison import Comparison, Difference
from otel_memeval.records.run_summary import Leak, RunSummary

KIB = 1024.0


def growth(value: float) -> Channels:
    """Return growth of retained memory with a narrow interval."""
    return Channels(retained=Growth(bytes_per_iteration=value, ci_low=value * 0.99, ci_high=value * 1.01))


def site(signature: str = "aaaa", per_iteration: float = 4 * KIB) -> Leak:
    """Return a line that leaks."""
    return Leak(signature=signature, location=f"app.py:7 ({signature})", per_iteration=per_iteration)


def run(number: int = 0, **fields: Any) -> RunSummary:
    """Return the summary of a stable run."""
    usual: dict[str, Any] = {
        "run_id": f"{number:032x}",
        "eval": "An eval",
        "target": "m:e",
        "started_at": f"2026-11-{number + 1:02}T00:00:00+00:00",
        "duration_seconds": 1.0,
        "python": "3.11.2",
        "settings": "Python 3.11",
        "verdict": "stable",
        "summary": "",
        "passed": True,
        "commit": f"{number:040x}",
        "iterations": 20,
        "growth": growth(0.0),
        "retained_bytes": 500 * KIB,
        "peak_bytes": 100 * KIB,
        "runtime_seconds": 0.1,
        "resources": {"threads": 0.0},
    }
    return RunSummary(**{**usual, **fields})


def leaking(number: int = 0, size: float = 4 * KIB, *leaks: Leak, **fields: Any) -> RunSummary:
    """Return the summary of a leaking run."""
    leaks = leaks or (site(per_iteration=size),)
    return run(number, **{"verdict": "leaking", "growth": growth(size), "leaks": leaks, "passed": False, **fields})


STABLE = [run(number) for number in range(10)]


def of(comparison: Comparison, quantity: str) -> Difference:
    """Return the difference of one quantity."""
    return next(found for found in comparison.differences if found.quantity == quantity)


def statuses(comparison: Comparison) -> dict[str, str]:
    """Return the status of each leak."""
    return {leak.signature: leak.status for leak in comparison.leaks}


def test_equal_runs_are_unchanged() -> None:
    """Every quantity that was measured is compared; runs of the baseline are named."""
    found = compare(run(11), STABLE)
    assert found.outcome == "unchanged"
    assert {each.quantity: each.outcome for each in found.differences} == dict.fromkeys(
        ("growth.retained", "retained", "peak", "resource.threads", "duration"), "unchanged"
    )
    assert [each.run_id for each in found.runs] == [other.run_id for other in STABLE]
    assert leading_difference(found) is None


def test_new_leak_is_a_regression_and_its_end_an_improvement() -> None:
    """The leak is new by its signature, and gone where most runs of the baseline have it."""
    found = compare(leaking(11), STABLE)
    assert (found.outcome, statuses(found), of(found, "growth.retained").outcome) == (
        "regressed",
        {"aaaa": "new"},
        "regressed",
    )
    led = leading_difference(found)
    assert led is not None
    assert (led.quantity, led.outcome) == ("growth.retained", "regressed")
    found = compare(run(11), [leaking(number) for number in range(3)])
    assert (found.outcome, statuses(found), of(found, "growth.retained").outcome) == (
        "improved",
        {"aaaa": "gone"},
        "improved",
    )


def test_known_leak_is_unchanged_until_it_grows_faster() -> None:
    """The size of a leak that the baseline has is compared."""
    known = [leaking(number) for number in range(3)]
    assert compare(leaking(11), known).outcome == "unchanged"
    assert compare(leaking(11, 8 * KIB), known).outcome == "regressed"
    assert compare(leaking(11, 1 * KIB), known).outcome == "improved"


@pytest.mark.parametrize(("part", "outcome"), [(0.04, "unchanged"), (0.06, "regressed")])
def test_small_leak_beside_a_known_one_counts_from_a_twentieth_on(part: float, outcome: str) -> None:
    """Sites that hardly grow appear in one run and not in the next."""
    known = [leaking(number) for number in range(3)]
    found = compare(leaking(11, 4 * KIB, site(), site("bbbb", part * 4 * KIB)), known)
    assert found.outcome == outcome


def test_leak_that_may_be_left_out_of_a_list_is_neither_new_nor_gone() -> None:
    """A list of sites that is cut has the largest ones only."""
    cut = leaking(1, 4 * KIB, site("aaaa"), more_leaks=3)
    complete = leaking(2, 4 * KIB, site("aaaa"), site("bbbb", 2 * KIB))
    assert statuses(compare(cut, [complete])) == {"aaaa": "known"}
    assert statuses(compare(complete, [cut])) == {"aaaa": "known"}
    larger = leaking(2, 13 * KIB, site("aaaa"), site("bbbb", 9 * KIB))
    assert statuses(compare(cut, [larger])) == {"aaaa": "known", "bbbb": "gone"}
    assert statuses(compare(larger, [cut])) == {"aaaa": "known", "bbbb": "new"}


def test_leak_without_a_line_is_the_same_as_one_with_a_line() -> None:
    """The line of a leak is not found in every run."""
    channel = Leak(signature="channel:retained", location="retained", per_iteration=4 * KIB)
    assert compare(leaking(11, 4 * KIB, channel), [leaking(1)]).outcome == "unchanged"
    assert compare(leaking(11), [leaking(1, 4 * KIB, channel)]).outcome == "unchanged"
    native = Leak(signature="channel:native", location="native", per_iteration=64.0)
    assert compare(leaking(11, 4 * KIB, site(), native), [leaking(1)]).outcome == "regressed"


def test_slope_of_a_run_that_is_not_leaking_is_no_regression() -> None:
    """Growth is a matter of the verdict: a cache that fills has a slope as well."""
    found = compare(run(11, verdict="bounded", growth=growth(64 * KIB)), STABLE)
    assert (found.outcome, of(found, "growth.retained").outcome) == ("unchanged", "unchanged")
    filling = [run(number, verdict="bounded", growth=growth(64 * KIB)) for number in range(10)]
    assert compare(run(11), filling).outcome == "unchanged"


@pytest.mark.parametrize("quantity", ["retained", "peak"])
def test_higher_level_is_a_regression(quantity: str) -> None:
    """Levels need no verdict."""
    name = f"{quantity}_bytes"
    level = getattr(STABLE[0], name)
    found = compare(run(11, **{name: 1.5 * level}), STABLE)
    assert (found.outcome, of(found, quantity).outcome, of(found, quantity).effect) == ("regressed", "regressed", 0.5)
    assert compare(run(11, **{name: 0.5 * level}), STABLE).outcome == "improved"
    assert of(compare(run(11, **{name: None}), STABLE), quantity).outcome == "unknown"


@pytest.mark.parametrize(("seconds", "outcome"), [(0.119, "unchanged"), (0.121, "regressed")])
def test_longer_duration_is_shown_and_decides_nothing(seconds: float, outcome: str) -> None:
    """Other machines and loads change durations; a fifth more, and a millisecond more, is shown."""
    found = compare(run(11, runtime_seconds=seconds), STABLE)
    assert (found.outcome, of(found, "duration").outcome) == ("unchanged", outcome)
    short = [run(number, runtime_seconds=0.0008) for number in range(10)]
    assert of(compare(run(11, runtime_seconds=0.0017), short), "duration").outcome == "unchanged"


def test_resource_that_leaks_is_a_regression() -> None:
    """A number that the verdict does not name is none."""
    threads = Leak(signature="resource:threads", location="threads", per_iteration=1.0)
    found = compare(leaking(11, 0.0, threads, resources={"threads": 1.0}), STABLE)
    assert (found.outcome, of(found, "resource.threads").outcome) == ("regressed", "regressed")
    assert compare(run(11, resources={"threads": 1.0}), STABLE).outcome == "unchanged"


def test_level_of_a_leak_is_compared_for_equal_iterations_only() -> None:
    """What a leak has kept is more after more iterations."""
    longer = leaking(11, iterations=40, retained_bytes=900 * KIB)
    assert of(compare(longer, [leaking(1)]), "retained").outcome == "unknown"
    assert of(compare(run(11, iterations=40), STABLE), "retained").outcome == "unchanged"


def test_run_that_does_no_work_any_more_is_a_regression() -> None:
    """Its levels mean nothing; the reverse is an improvement; two of them say nothing."""
    idle = run(11, verdict="idle", peak_bytes=0.0)
    found = compare(idle, STABLE)
    assert (found.outcome, statuses(found), of(found, "peak").outcome) == ("regressed", {"verdict:idle": "new"}, "unknown")
    assert compare(run(12), [idle]).outcome == "improved"
    assert (compare(idle, [idle]).outcome, compare(idle, [idle]).reason) == ("unknown", "the run is idle")


def test_run_that_cannot_be_compared_is_unknown_with_the_reason() -> None:
    """A failed run, an inconclusive one without a regression, a failed baseline, and none."""
    failed = run(11, verdict="failed")
    assert (compare(failed, STABLE).outcome, compare(failed, STABLE).reason) == ("unknown", "the run failed")
    assert compare(run(11), [failed]).reason == "the baseline failed"
    assert compare(run(11), []).reason == "there is no baseline"
    inconclusive = compare(run(11, verdict="inconclusive"), [leaking(1)])
    assert (inconclusive.outcome, inconclusive.reason) == ("unknown", "the run is inconclusive")
    assert inconclusive.leaks == []
    higher = compare(run(11, verdict="inconclusive", peak_bytes=200 * KIB), STABLE)
    assert (higher.outcome, of(higher, "growth.retained").outcome) == ("regressed", "unknown")


def since(last: RunSummary, *earlier: RunSummary) -> str:
    """Return the commit since which the last run is regressed; empty if it is not."""
    comparison = compare(last, STABLE[:3])
    found = first_run(last, comparison, STABLE[:3], [*earlier, *reversed(STABLE[:3])])
    return "" if found is None else found.commit.lstrip("0")


def test_regression_began_with_the_first_run_of_the_unbroken_row() -> None:
    """Runs that say nothing are skipped; a clean run breaks the row; another leak does not count."""
    assert since(run(9)) == ""
    assert since(leaking(9)) == "9"
    assert since(leaking(9), leaking(8), run(7, verdict="failed"), leaking(6), run(5), leaking(4)) == "6"
    assert since(leaking(9), leaking(8, 4 * KIB, site("bbbb")), leaking(7)) == "9"


def test_higher_level_began_with_the_first_run_that_has_it() -> None:
    """Each earlier run is compared with the same baseline."""
    higher = {"peak_bytes": 300 * KIB}
    assert since(run(9, **higher), run(8, **higher), run(7, peak_bytes=290 * KIB), run(6), run(5, **higher)) == "7"


ANY_RUN = st.builds(
    msgspec.structs.replace,
    st.sampled_from([run(1), leaking(2), leaking(3, 4 * KIB, site("bbbb"), more_leaks=1), run(4, verdict="failed")]),
    verdict=st.sampled_from(["stable", "leaking", "native-leak", "creeping", "idle", "inconclusive", "failed"]),
    peak_bytes=st.none() | st.floats(0, 1e12),
    retained_bytes=st.none() | st.floats(0, 1e12),
    growth=st.none().map(lambda _: Channels()) | st.floats(-1e9, 1e9).map(growth),
    iterations=st.integers(0, 100),
)


@given(ANY_RUN, st.lists(ANY_RUN, max_size=4), st.lists(ANY_RUN, max_size=4))
def test_any_runs_have_a_comparison_that_json_keeps(
    last: RunSummary, baseline: list[RunSummary], earlier: list[RunSummary]
) -> None:
    """Unknown outcomes have a reason, regressions a first run, and a run compared with itself is not regressed."""
    found = compare(last, baseline)
    assert bool(found.reason) == (found.outcome == "unknown")
    began = first_run(last, found, baseline, earlier)
    assert (began is not None) == (found.outcome == "regressed")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Comparison) == found
    assert compare(last, [last]).outcome in ("unchanged", "unknown")
