"""The corpus: enough scenarios, each with its true line, holder and bytes."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.corpus.ground import Scenario, clean, leak
from benchmarks.registry import scenarios, target, target_name
from benchmarks.scoring import RESOURCES
from benchmarks.tool_runs import ROOT
from benchmarks.tools.answer import parse_answer

ALL = scenarios()
TRACED_LEAKS = [scenario for scenario in ALL if scenario.kind == "leak" and scenario.channel == "traced"]


def test_corpus_has_enough_scenarios_of_each_kind() -> None:
    """There are at least eighty scenarios of different names, of every kind and channel."""
    kinds = Counter(scenario.kind for scenario in ALL)
    assert len({target_name(scenario) for scenario in ALL}) == len(ALL) >= 80
    assert kinds["leak"] >= 38
    assert kinds["clean"] >= 24
    assert kinds["bounded"] >= 10
    assert kinds["creep"] >= 5
    assert {scenario.channel for scenario in ALL} == {"traced", "c-heap", "process", *RESOURCES}
    resources = Counter(scenario.kind for scenario in scenarios("_resources:"))
    assert min(resources["leak"], resources["clean"]) >= 20


@pytest.mark.parametrize("scenario", TRACED_LEAKS, ids=target_name)
def test_traced_leak_marks_its_line(scenario: Scenario) -> None:
    """The comment on the leaking line is in the function or in one of its helpers."""
    assert scenario.lines()


def _holders() -> list[Scenario]:
    return [
        scenario
        for scenario in ALL
        if scenario.holder and not set(".[ ") & set(scenario.holder) and not scenario.holder.startswith("__")
    ]


@pytest.mark.parametrize("scenario", _holders(), ids=target_name)
def test_holder_exists(scenario: Scenario) -> None:
    """The holder of a scenario is a global of its module."""
    assert scenario.holder in scenario.func.__globals__


def test_mark_is_found_in_function_and_helper() -> None:
    """The leaking lines are those with the mark, in the function and in its helpers."""

    def helper() -> None:
        list(range(3))  # <- leak

    @leak(10.0, where=(helper,))
    def scenario() -> None:
        helper()
        list(range(4))  # <- leak

    first = helper.__code__.co_firstlineno
    assert scenario.lines() == {first + 1, first + 6}


def test_scenario_has_the_fields_of_an_eval() -> None:
    """A decorated function is an eval: a function with iterations and warm-up."""

    @clean(idle=True)
    def scenario() -> None:
        """Do nothing."""

    assert (scenario.num_iterations, scenario.warmup_runs, scenario.name) == (20, 3, "scenario")
    assert callable(scenario.func)
    assert scenario.lines() == frozenset()


@pytest.mark.parametrize("name", ["keep_1_kib", "session_dict"])
@pytest.mark.process
def test_declared_bytes_are_those_of_a_long_run(name: str) -> None:
    """The declared bytes are those that a long run keeps, measured without this tool."""
    (scenario,) = scenarios(f"leaks_python:{name}$")
    command = [sys.executable, "-m", "benchmarks.truth", scenario.module, scenario.name, "0", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    answer = parse_answer(done.stdout)
    assert answer is not None
    assert answer.extra["traced"] == pytest.approx(scenario.bytes_per_iteration, rel=scenario.tolerance)


@pytest.mark.process
def test_scenario_runs_as_a_target() -> None:
    """A scenario is a target of the command line by its file and name."""
    (scenario,) = scenarios("clean:json_temporaries$")
    command = [sys.executable, "-m", "otel_memeval", target(scenario), "--iterations", "4", "--warmup", "1", "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "json_temporaries" in done.stdout
