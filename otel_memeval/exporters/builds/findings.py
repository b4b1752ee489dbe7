"""Find the problems of a result that a build system shows, each with its line of code. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

import msgspec

from otel_memeval.exporters.builds.checkout import CheckoutPath
from otel_memeval.exporters.terminal.text import code_location, shown
from otel_memeval.records import WORDS, CodeLocation, Result
from otel_memeval.redact import visible
from otel_memeval.targets import split_target
from otel_memeval.units import format_bytes
from otel_memeval.verdicts import REGRESSED

Level = Literal["error", "warning"]

LIMIT_EXCEEDED = "limit-exceeded"

RULES: dict[str, str] = {
    "leaking": "Memory, or another resource, grows with every iteration and is never given back.",
    "native-leak": "Memory outside of Python's traced heap grows with every iteration.",
    "creeping": "The peak of memory grows with every iteration; memory that is kept does not.",
    "idle": "The scenario did no work: it calls nothing, or drops a stream or a coroutine that nothing reads.",
    "inconclusive": "Too few iterations were measured to decide whether memory grows.",
    "bounded": "Memory grows into a container with a bound.",
    "settling": "Memory grew at first, then levelled off.",
    "stable": "Nothing keeps growing.",
    "failed": "The scenario raised, crashed or timed out.",
    LIMIT_EXCEEDED: "Memory grew by more per iteration than a limit of the user allows.",
    REGRESSED: "A leak is new, or memory or a resource needs more than in the runs of the baseline.",
}
"""Rules of findings: the verdicts, and a limit or a regression without a verdict that fails."""

_GROWTH = ("leaking", "native-leak", "creeping")
"""Verdicts that are a warning where they do not fail the run."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A problem of an eval; printable texts without line ends."""

    eval: str
    rule: str
    level: Level
    message: str
    file: str = ""
    """Path from the root of the checkout; empty if the problem has no line in it."""
    line: int = 0
    signature: str = ""
    """The signature of the site; empty for a line that is no site."""


class _Line(NamedTuple):
    """A line of the checkout: its path, number, growth in words, and the signature of its site."""

    file: str
    line: int
    growth: str = ""
    signature: str = ""


def problems(result: Result, fail_on: Collection[str]) -> list[str]:
    """Return one sentence for each reason why a result fails; none if it passes."""
    state, failure = result.verdict.state, result.failure
    sentences = [result.verdict.summary] if state in ("failed", *fail_on) else []
    sentences += result.limits_exceeded
    if REGRESSED in fail_on:
        sentences += _regression(result)
    if failure is not None and failure.type != "Interrupted" and state != "failed":
        sentences.append(f"{failure.type}: {failure.message}")
    return [visible(sentence) for sentence in sentences]


def _regression(result: Result) -> list[str]:
    comparison = result.baseline_comparison
    return [comparison.summary] if comparison is not None and result.regressed else []


def rule_of(result: Result, fail_on: Collection[str]) -> str:
    """Return the rule of a result: its verdict, or else the reason why it fails beside a verdict that passes."""
    state = result.verdict.state
    if state in ("failed", *fail_on):
        return state
    if result.limits_exceeded:
        return state if state in _GROWTH else LIMIT_EXCEEDED
    if problems(result, fail_on) and not (result.regressed and REGRESSED in fail_on):
        return "failed"
    return REGRESSED if result.regressed and state not in _GROWTH else state


def findings(result: Result, fail_on: Collection[str], path: CheckoutPath) -> list[Finding]:
    """Return the findings of a result, the leading line first with the sentence of the verdict.

    A finding is an error if the result fails, and a warning for growth or a regression that passes; anything else has none.
    A result whose lines are all elsewhere, such as in a package, has one finding: at the first line of the scenario's file,
    or without a file.
    """
    failing = problems(result, fail_on)
    if not failing and result.verdict.state not in _GROWTH and not result.regressed:
        return []
    name, rule = shown(result.eval.name), rule_of(result, fail_on)
    sentence = "; ".join(failing or list(map(visible, [result.verdict.summary, *_regression(result)])))
    lines = list(_lines(result, path)) or [_scenario(result.run.target, path)]
    return [
        Finding(
            eval=name,
            rule=rule,
            level="error" if failing else "warning",
            message=f"{name}: {sentence if number == 0 else line.growth}",
            file=line.file,
            line=line.line,
            signature=line.signature,
        )
        for number, line in enumerate(lines)
    ]


def _lines(result: Result, path: CheckoutPath) -> Iterator[_Line]:
    """Yield the lines of the checkout that lead to the problem: of an error the innermost one, else all that grow."""
    if result.verdict.state == "failed":
        frames = [frame for frame in _frames(result) if path(frame.file)]
        yield from (_Line(path(frame.file), frame.line) for frame in frames[-1:])
        return
    for site in result.sites:
        if not site.bounded and (file := path(site.file)):
            size = format_bytes(site.bytes_per_iteration)
            growth = f"keeps {size} more every iteration, at {code_location(site.file, site.line, site.function)}"
            yield _Line(file, site.line, growth, site.signature)
    for name, (_, words) in WORDS.items():
        resource = getattr(result.resources, name, None)
        for line in resource.made_at[:1] if resource is not None and resource.growing else ():
            if file := path(line.file):
                growth = f"leaves {words} behind, made at {code_location(line.file, line.line, line.function)}"
                yield _Line(file, line.line, growth)


def _frames(result: Result) -> list[CodeLocation]:
    """Return the frames of the first error, the innermost one last."""
    errors = (iteration.error for iteration in result.iterations if iteration.error is not None)
    error = next(errors, result.failure)
    return [] if error is None else error.frames


def _scenario(target: str, path: CheckoutPath) -> _Line:
    """Return the first line of the scenario's file; no line if the file is not known."""
    source, _ = split_target(target)
    file = path(source if source.endswith(".py") else f"{source.replace('.', '/')}.py")
    return _Line(file, 1 if file else 0)
