"""Findings: the line of the checkout to which a build system points."""

from __future__ import annotations

import msgspec

from otel_memeval.exporters.builds.details import growth_words
from otel_memeval.exporters.builds.findings import RULES, findings
from otel_memeval.records import CodeLocation, Comparison, Failure, Iteration, Resource, Resources, Verdict
from otel_memeval.verdicts import FAILING_STATES, STATES
from tests.exporters.builds.hostile import MakeResult


def own(file: str) -> str:
    """Return the path of a file of the checkout; the rest are packages."""
    return "" if file.startswith("package") or not file.endswith(".py") else file


def test_every_verdict_has_a_rule(make_result: MakeResult) -> None:
    """A verdict that fails the run is an error, growth that passes a warning, the rest nothing."""
    assert set(STATES) < set(RULES)
    levels: dict[str, list[str]] = {}
    for state in STATES:
        result = make_result(verdict=Verdict(state=state, summary="a sentence", reasons=[]))
        (error,) = findings(result, STATES, own)
        assert (error.rule, error.level) == (state, "error")
        levels[state] = [finding.level for finding in findings(result, FAILING_STATES, own)]
    warnings: dict[str, list[str]] = {state: [] for state in STATES if state not in FAILING_STATES} | {
        "creeping": ["warning"]
    }
    assert levels == warnings | {state: ["error"] for state in FAILING_STATES}


def test_library_line_points_at_the_scenario(make_result: MakeResult) -> None:
    """The file of the target, if it is known; the sentence has the line of the library."""
    site = msgspec.structs.replace(make_result().sites[0], file="package/client.py")
    default = make_result(sites=[site])
    for target, expected in (
        ("agents.team:run", ("agents/team.py", 1)),
        ("agents/team.py:run", ("agents/team.py", 1)),
        ("package.team:run", ("", 0)),
    ):
        result = msgspec.structs.replace(default, run=msgspec.structs.replace(default.run, target=target))
        (finding,) = findings(result, ("leaking",), own)
        assert (finding.file, finding.line, finding.signature) == (*expected, "")


def test_error_points_at_the_innermost_line_of_the_checkout(make_result: MakeResult) -> None:
    """Frames of packages are passed over, in an iteration and in the set-up."""
    frames = [
        CodeLocation(file=file, line=line, function="f") for file, line in (("a.py", 1), ("b.py", 2), ("package.py", 3))
    ]
    failure = Failure(type="ValueError", message="no", frames=frames)
    verdict = Verdict(state="failed", summary="ValueError: no", reasons=[])
    iteration: Iteration = msgspec.structs.replace(make_result().iterations[0], status="error", error=failure)
    for result in (
        make_result(verdict=verdict, failure=failure, iterations=[]),
        make_result(verdict=verdict, iterations=[iteration]),
    ):
        (finding,) = findings(result, ("failed",), own)
        assert (finding.rule, finding.file, finding.line) == ("failed", "b.py", 2)


def test_resource_points_at_the_line_that_made_it(make_result: MakeResult) -> None:
    """A leak of threads without a growing line; its number is part of the growth."""
    threads = Resource(
        before=1, after=6, per_iteration=1.0, growing=True, made_at=[CodeLocation(file="a.py", line=5, function="f")]
    )
    verdict = Verdict(state="leaking", summary="leaves 1 more thread behind", reasons=[], channels=["resources"])
    result = make_result(verdict=verdict, sites=[], resources=Resources(threads=threads))
    (finding,) = findings(result, ("leaking",), own)
    assert (finding.file, finding.line, finding.message) == ("a.py", 5, "An eval: leaves 1 more thread behind")
    assert growth_words(result) == "+1 threads"


def test_exceeded_limit_is_a_rule_of_its_own(make_result: MakeResult) -> None:
    """A verdict that passes does not name the problem."""
    verdict = Verdict(state="stable", summary="keeps nothing", reasons=[])
    (finding,) = findings(make_result(verdict=verdict, limits_exceeded=["too much"]), ("leaking",), own)
    assert (finding.rule, finding.level, finding.message) == ("limit-exceeded", "error", "An eval: too much")


def test_regression_fails_where_it_is_asked_for(make_result: MakeResult) -> None:
    """Beside a verdict that passes it has a rule of its own; where it does not fail the run, it is a warning."""
    comparison = Comparison(outcome="regressed", summary="regressed: level of the peak +4.00 KiB")
    stable = Verdict(state="stable", summary="keeps nothing", reasons=[])
    result = make_result(verdict=stable, baseline_comparison=comparison, sites=[])
    (error,) = findings(result, ("leaking", "regressed"), own)
    assert (error.rule, error.level, error.message) == ("regressed", "error", f"An eval: {comparison.summary}")
    (warning,) = findings(result, ("leaking",), own)
    assert (warning.rule, warning.level, warning.message) == (
        "regressed",
        "warning",
        f"An eval: keeps nothing; {comparison.summary}",
    )
    leaking = findings(make_result(baseline_comparison=comparison), ("leaking", "regressed"), own)[0]
    assert (leaking.rule, leaking.message.endswith(f"; {comparison.summary}")) == ("leaking", True)
    unchanged = msgspec.structs.replace(comparison, outcome="unchanged")
    assert findings(make_result(verdict=stable, baseline_comparison=unchanged), ("regressed",), own) == []
