"""Make the result of a run that could not begin: in a service, a target that cannot be loaded is a failed run. Pure."""

from __future__ import annotations

from otel_memeval.records import Channels, Eval, Failure, Limits, Result, Run, Summary, Verdict


def failed_result(
    name: str, target: str, failure: Failure, *, run_id: str, started_at: str, duration_seconds: float, python: str
) -> Result:
    """Return a failed result without iterations; ``name`` is the eval's, or its last known label."""
    sentence = failure.message
    return Result(
        run=Run(
            id=run_id, started_at=started_at, duration_seconds=duration_seconds, target=target, python=python, platform=""
        ),
        eval=Eval(name=name, iterations=0, warmup=0, limits=Limits()),
        iterations=[],
        growth=Channels(),
        sites=[],
        holders=[],
        verdict=Verdict(state="failed", summary=sentence, reasons=[sentence]),
        statistics=Summary(),
        failure=failure,
    )
