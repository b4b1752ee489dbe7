"""The record of a run that agno's databases store: agno's fields, and the judgement of memory beside them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from otel_memeval import wire
from otel_memeval.records import Channels, Eval, Iteration, Statistics, Summary
from otel_memeval.run.failures import failure_record
from otel_memeval.run.worker_client import WorkerClient
from otel_memeval.verdicts import State

_BYTES_PER_MIB = 1024 * 1024
"""agno's ``memory`` is the peak in MiB."""

_NAMES = {"mean": "avg", "min": "min", "max": "max", "stdev": "std_dev", "median": "median", "p95": "p95"}
"""Statistics of this tool, and their names in agno."""


def eval_record(
    run_id: str,
    evaluation: Eval,
    iterations: Sequence[Iteration],
    statistics: Summary,
    state: State,
    growth: Channels,
) -> str:
    """Return the fields of agno's ``EvalRunRecord`` as a JSON object.

    ``eval_data`` is that of agno's ``PerformanceEval``: seconds, and MiB of the peak; ``memeval`` has the verdict and the
    growth of each channel in bytes per iteration.
    """
    channels = {
        name: channel.bytes_per_iteration
        for name in growth.__struct_fields__
        if (channel := getattr(growth, name)) is not None
    }
    return msgspec.json.encode(
        {
            "run_id": run_id,
            "eval_type": "performance",
            "name": evaluation.name,
            "agent_id": evaluation.agent_id,
            "team_id": evaluation.team_id,
            "model_id": evaluation.model_id,
            "model_provider": evaluation.model_provider,
            "eval_input": {"num_iterations": evaluation.iterations, "warmup_runs": evaluation.warmup},
            "eval_data": {
                "result": {
                    **_statistics("run_time", statistics.runtime_seconds, 1),
                    **_statistics("memory_usage", statistics.peak_bytes, _BYTES_PER_MIB),
                },
                "runs": [
                    {"runtime": iteration.duration_seconds, "memory": (iteration.peak_bytes or 0) / _BYTES_PER_MIB}
                    for iteration in iterations
                    if iteration.phase == "measured"
                ],
                "memeval": {"verdict": state, "growth_bytes_per_iteration": channels},
            },
        }
    ).decode()


def store_run(client: WorkerClient, record: str, secrets: tuple[str, ...]) -> str:
    """Have the worker store a record in the database of the eval; return the problem, empty without one.

    Raises ``WorkerEnded``.
    """
    client.send(wire.StoreRun(record=record))
    failure = client.until(wire.RunStored, lambda _: None).failure
    if failure is None:
        return ""
    error = failure_record(failure, secrets)
    return f"the eval's database did not take the run: {error.type}: {error.message}"


def _statistics(name: str, statistics: Statistics | None, unit: int) -> dict[str, float]:
    if statistics is None:
        return {}
    return {f"{short}_{name}": getattr(statistics, field) / unit for field, short in _NAMES.items()}
