"""The error that a person reads when a target cannot be loaded."""

from __future__ import annotations

from pathlib import Path

from otel_memeval import wire
from otel_memeval.errors import TargetError
from otel_memeval.redact import one_line
from otel_memeval.run.locations import display_path
from otel_memeval.supervisor import WORKER_FOLDER


def target_error(rejected: wire.TargetRejected, secrets: tuple[str, ...], folder: str) -> TargetError:
    """Return the problem of the target and the line that raised; paths are shown relative to ``folder``."""
    failure = rejected.failure
    if failure is None:
        return TargetError(one_line(rejected.problem, secrets))
    # The innermost frame that is neither the worker's nor the import system's.
    frames = [
        frame
        for frame in failure.frames
        if not frame[0].startswith((str(WORKER_FOLDER), "<frozen importlib")) and "importlib" not in Path(frame[0]).parts
    ]
    problem = f"{rejected.problem}: {one_line(failure.type, secrets)}: {one_line(failure.message, secrets)}"
    if not frames:  # a syntax error, which names the line itself
        return TargetError(problem)
    file, line, _ = frames[-1]
    location = f"{display_path(file, folder)}:{line}"
    return TargetError(
        f"{problem} (at {location})",
        f"run it alone to see: python {location.rpartition(':')[0]}" if rejected.problem.endswith("on import") else "",
    )
