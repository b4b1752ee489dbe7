"""The corpus tells the truth about itself: enough scenarios, each with its line, its holder, and a number that holds."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.corpus.ground import Scenario, clean, leak
from benchmarks.registry import scenarios, target, target_name
from benchmarks.running import ROOT
from benchmarks.tools.answer import heard

ALL = scenarios()


def test_there_are_enough_of_each_kind() -> None:
    """At least eighty scenarios, no two of one name, of every kind and channel."""
    kinds = Counter(scenario.kind for scenario in ALL)
    assert len({target_name(scenario) for scenario in ALL}) == len(ALL) >= 80
    assert kinds["leak"] >= 38
    assert kinds["clean"] >= 24
    assert kinds["bounded"] >= 10
    assert kinds["creep"] >= 5
    assert {scenario.channel for scenario in ALL} == {"traced", "c-heap", "process"}


@pytest.mark.parametrize("scenario", [one for one in ALL if one.kind == "leak" and one.channel == "traced"], ids=target_name)
def test_every_traced_leak_marks_its_line(scenario: Scenario) -> None:
    """The comment that names the true line stands in the function or in one of its helpers."""
    assert scenario.lines()


def _holders() -> list[Scenario]:
    return [
        one
        for one in ALL
        if one.holder and "." not in one.holder and "[" not in one.holder and not one.holder.startswith("__")
    ]


@pytest.mark.parametrize("scenario", _holders(), ids=target_name)
def test_every_holder_exists(scenario: Scenario) -> None:
    """A holder named in the truth is a global of the scenario's module."""
    assert scenario.holder in scenario.func.__globals__


def test_a_mark_is_found_in_function_and_helper() -> None:
    """Lines come from wherever the mark stands, the helper included."""

    def helper() -> None:
        list(range(3))  # <- leak

    @leak(10.0, where=(helper,))
    def scenario() -> None:
        helper()
        list(range(4))  # <- leak

    first = helper.__code__.co_firstlineno
    assert scenario.lines() == {first + 1, first + 6}


def test_a_scenario_has_an_evals_fields() -> None:
    """What the decorator leaves is an eval: a function, its iterations, its warm-up."""

    @clean(idle=True)
    def scenario() -> None:
        """Nothing."""

    assert (scenario.num_iterations, scenario.warmup_runs, scenario.name) == (20, 3, "scenario")
    assert callable(scenario.func)
    assert scenario.lines() == frozenset()


@pytest.mark.parametrize("name", ["keep_1_kib", "session_dict"])
def test_declared_bytes_hold(name: str) -> None:
    """What is declared is what a long run keeps, measured without this tool."""
    (scenario,) = scenarios(f"leaks_python:{name}$")
    command = [sys.executable, "-m", "benchmarks.truth", scenario.module, scenario.name, "0", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    answer = heard(done.stdout)
    assert answer is not None
    assert answer.extra["traced"] == pytest.approx(scenario.bytes_per_iteration, rel=scenario.tolerance)


def test_a_scenario_runs_as_a_target() -> None:
    """The documented way: a file and a name on the command line."""
    (scenario,) = scenarios("clean:json_temporaries$")
    command = [sys.executable, "-m", "otel_memeval", target(scenario), "--iterations", "4", "--warmup", "1", "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "json_temporaries" in done.stdout
