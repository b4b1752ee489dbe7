"""Lists of runs: growth, blocks and new leaks."""

from __future__ import annotations

import msgspec
import pytest

from otel_memeval.history.listing import by_eval, growth_bytes, new_leaks, sparkline
from otel_memeval.records import Channels, Growth
from otel_memeval.records.run_summary import Leak, RunSummary
from otel_memeval.verdicts import State
from tests.history.conftest import MakeRun


def slope(number: float) -> Growth:
    """Return a growth without an interval."""
    return Growth(bytes_per_iteration=number, ci_low=number, ci_high=number)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ""),
        ([0.0, None, 0.0], "▁ ▁"),
        ([-5.0, 1.0, 4.0, 8.0], "▁▂▅█"),
        ([8.0] * 3, "███"),
        ([1e300, float("1e-300")], "█▁"),
    ],
)
def test_blocks_are_in_proportion_to_the_largest_value(values: list[float | None], expected: str) -> None:
    """Nothing and less than nothing is the lowest block, a missing value a blank; the same in ASCII."""
    assert sparkline(values) == expected
    in_ascii = expected.translate(str.maketrans("▁▂▃▄▅▆▇█", "_.:-=+*#"))
    assert sparkline(values, ascii_only=True) == in_ascii


@pytest.mark.parametrize(
    ("verdict", "leaks", "expected"),
    [
        ("stable", [], -3.0),
        ("leaking", ["abc"], -3.0),
        ("leaking", ["abc", "channel:native"], 20.0),
        ("native-leak", ["channel:native", "channel:process"], 40.0),
        ("creeping", [], 7.0),
    ],
)
def test_growth_is_that_of_the_verdict(make_run: MakeRun, verdict: State, leaks: list[str], expected: float) -> None:
    """The peak for creeping; channels that leak are added to retained memory."""
    run = make_run("run")[1]
    growth = Channels(retained=slope(-3.0), peak=slope(7.0), native=slope(20.0), process=slope(20.0))
    found = tuple(Leak(signature=name, location=name, per_iteration=20.0) for name in leaks)
    assert growth_bytes(msgspec.structs.replace(run, verdict=verdict, growth=growth, leaks=found)) == expected


def test_unmeasured_growth_is_none(make_run: MakeRun) -> None:
    """A failed run has no growth."""
    run = msgspec.structs.replace(make_run("run")[1], growth=Channels())
    assert growth_bytes(run) is None
    assert growth_bytes(msgspec.structs.replace(run, verdict="creeping")) is None


def leaking(run: RunSummary, *signatures: str) -> RunSummary:
    """Return the run with other leaks."""
    leaks = tuple(Leak(signature=name, location=name, per_iteration=1.0) for name in signatures)
    return msgspec.structs.replace(run, leaks=leaks)


def test_leak_is_new_beside_the_run_before_of_the_same_settings(make_run: MakeRun) -> None:
    """Another eval and another Python in between do not count; the first run of all has no new leak."""
    runs = [
        leaking(make_run("a", 1)[1], "x"),
        leaking(make_run("other", 2, name="Other")[1]),
        leaking(make_run("b", 3, python="3.12.1")[1]),
        leaking(make_run("c", 4)[1], "x", "y"),
        leaking(make_run("d", 5, python="3.12.1")[1], "x"),
    ]
    listed = by_eval(list(reversed(runs)))
    assert list(listed) == ["Other", "An eval"]
    found = {item.run.run_id: [leak.signature for leak in item.new_leaks] for items in listed.values() for item in items}
    assert found == {"a": [], "other": [], "b": [], "c": ["y"], "d": ["x"]}
    assert by_eval(runs[:1], [leaking(make_run("0")[1])])["An eval"][0].new_leaks == runs[0].leaks
    assert new_leaks(runs[0], None) == ()
