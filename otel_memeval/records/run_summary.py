"""Summary of a run: what the history lists, searches and compares without the whole result."""

from __future__ import annotations

from collections.abc import Mapping

from otel_memeval.records.resources import CHILD_MEMORY, WORDS
from otel_memeval.records.result import Channels, Iteration, Record, Result
from otel_memeval.verdicts import State


class Leak(Record, frozen=True):
    """Growth that a verdict names; the same ``signature`` in two runs is the same leak."""

    signature: str
    """That of the site; ``channel:NAME`` or ``resource:NAME`` for growth without a line."""
    location: str
    """``FILE:LINE (FUNCTION)``, or the name of the channel or resource."""
    per_iteration: float
    """Bytes; a number for a resource."""


class RunSummary(Record, frozen=True):
    """One run of one eval in the history. Numbers are None where they were not measured."""

    run_id: str
    eval: str
    target: str
    started_at: str
    """RFC 3339, UTC."""
    duration_seconds: float
    python: str
    """Version of the scenario's Python, such as ``3.12.1``."""
    settings: str
    """Equal for two runs that can be compared: Python's minor version, system, iterations, warm-up, interval of readings."""
    verdict: State
    summary: str
    """The verdict's sentence."""
    passed: bool
    commit: str = ""
    branch: str = ""
    dirty: bool = False
    iterations: int = 0
    """Measured iterations."""
    growth: Channels = Channels()
    retained_bytes: float | None = None
    """Median over the measured iterations, as the next two."""
    peak_bytes: float | None = None
    runtime_seconds: float | None = None
    retained_spread_bytes: float | None = None
    """Standard deviation from iteration to iteration, as the next two."""
    peak_spread_bytes: float | None = None
    runtime_spread_seconds: float | None = None
    resources: Mapping[str, float] = {}
    """Growth per iteration by name: a number, or bytes for the memory of children."""
    leaks: tuple[Leak, ...] = ()
    more_leaks: int = 0
    """Number of further sites that grow less than those in ``leaks``."""
    tags: tuple[str, ...] = ()
    """Names of the run; a history has them."""


def is_site(leak: Leak) -> bool:
    """Return whether a leak is a line of code, and not a channel or a resource."""
    return ":" not in leak.signature


def run_summary(result: Result, *, passed: bool) -> RunSummary:
    """Return the summary of a result; ``passed`` says whether the run passed with the options of its command."""
    run, git = result.run, result.run.git
    statistics, leaks = result.statistics, _leaks(result)
    return RunSummary(
        run_id=run.id,
        eval=result.eval.name,
        target=run.target,
        started_at=run.started_at,
        duration_seconds=run.duration_seconds,
        python=run.python,
        settings=_settings(result),
        verdict=result.verdict.state,
        summary=result.verdict.summary,
        passed=passed,
        commit=git.commit if git is not None else "",
        branch=git.branch if git is not None else "",
        dirty=git is not None and git.dirty,
        iterations=sum(map(_is_measured, result.iterations)),
        growth=result.growth,
        retained_bytes=statistics.retained_bytes.median if statistics.retained_bytes else None,
        peak_bytes=statistics.peak_bytes.median if statistics.peak_bytes else None,
        runtime_seconds=statistics.runtime_seconds.median if statistics.runtime_seconds else None,
        retained_spread_bytes=statistics.retained_bytes.stdev if statistics.retained_bytes else None,
        peak_spread_bytes=statistics.peak_bytes.stdev if statistics.peak_bytes else None,
        runtime_spread_seconds=statistics.runtime_seconds.stdev if statistics.runtime_seconds else None,
        resources=_resources(result),
        leaks=leaks,
        more_leaks=result.more_sites if leaks else 0,
    )


def _is_measured(iteration: Iteration) -> bool:
    return iteration.phase == "measured"


def _settings(result: Result) -> str:
    """Return the settings that change what a run measures, as one line."""
    minor = ".".join(result.run.python.split(".")[:2])
    system = result.run.platform.split("-")[0]
    eval_, every = result.eval, result.run.readings_every
    readings = "" if every == 1 else f", a reading every {every}"
    return f"Python {minor}, {system}, {eval_.iterations} iterations, {eval_.warmup} warm-up{readings}"


def _resources(result: Result) -> dict[str, float]:
    resources = result.resources
    if resources is None:
        return {}
    found = {name: resource.per_iteration for name in WORDS if (resource := getattr(resources, name)) is not None}
    if resources.child_memory_bytes is not None:
        found[CHILD_MEMORY] = resources.child_memory_bytes.per_iteration
    return found


def _leaks(result: Result) -> tuple[Leak, ...]:
    """Return the sites, channels and resources that the verdict names, those with a line first.

    The growing peak of ``creeping`` is the channel ``peak``.
    """
    if result.verdict.state not in ("leaking", "native-leak", "creeping"):
        return ()
    leaks = [
        Leak(
            signature=site.signature,
            location=f"{site.file}:{site.line}" + (f" ({site.function})" if site.function else ""),
            per_iteration=site.bytes_per_iteration,
        )
        for site in result.sites
        if not site.bounded
    ]
    resources = _resources(result)
    channels = ["peak"] if result.verdict.state == "creeping" else result.verdict.channels
    for name in channels:
        channel = getattr(result.growth, name, None)
        if channel is not None and (name != "retained" or not leaks):
            leaks.append(Leak(signature=f"channel:{name}", location=name, per_iteration=channel.bytes_per_iteration))
        elif name == "resources":
            growing = [key for key in WORDS if (found := getattr(result.resources, key, None)) and found.growing]
            leaks += [Leak(signature=f"resource:{key}", location=key, per_iteration=resources[key]) for key in growing]
        elif name == CHILD_MEMORY:
            leaks.append(Leak(signature=f"resource:{name}", location=name, per_iteration=resources.get(name, 0.0)))
    return tuple(leaks)
