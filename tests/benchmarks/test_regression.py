"""The benchmark of the comparison: its repository, and its made-up histories."""

from __future__ import annotations

import random

import pytest

from benchmarks.regression import COMMITS, FAMILIES, LEAKS_FROM, false_alarms, source


def test_commits_differ_and_leak_from_the_seventeenth_on() -> None:
    """Each commit is another file that can be run; its list has one entry, or one more with each call."""
    assert len({source(commit) for commit in range(1, COMMITS + 1)}) == COMMITS
    for commit in (1, LEAKS_FROM - 1, LEAKS_FROM, COMMITS):
        names: dict[str, object] = {}
        exec(source(commit), names)
        run, history = names["run"], names["HISTORY"]
        assert callable(run)
        assert isinstance(history, list)
        for _ in range(3):
            run()
        assert len(history) == (3 if commit >= LEAKS_FROM else 1)


@pytest.mark.parametrize("name", ["equal", "runs differ by 1%", "runs differ by 3%", "iterations differ by 30%"])
def test_ordinary_spread_raises_no_alarm(name: str) -> None:
    """Twenty repetitions of 30 commits."""
    assert false_alarms(FAMILIES[name], random.Random(1), 20) == 0


def test_unusual_runs_raise_alarms() -> None:
    """The count can be other than zero."""
    assert false_alarms(FAMILIES["an unusual run, +50%, in 5%"], random.Random(1), 20) > 5
