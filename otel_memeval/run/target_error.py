"""Why a target cannot be measured, as the error that a person reads."""

from __future__ import annotations

from pathlib import Path

from otel_memeval import wire
from otel_memeval.errors import TargetError
from otel_memeval.run.history import one_line
from otel_memeval.run.locations import shown_path
from otel_memeval.supervisor import WORKER_FOLDER


def unusable(told: wire.TargetRejected, secrets: tuple[str, ...], folder: str) -> TargetError:
    """What is wrong with the target, and where; paths are shown relative to ``folder``."""
    if told.failure is None:
        return TargetError(one_line(told.problem, secrets))
    # Where it was raised: the innermost frame that is neither the worker's nor the import system's.
    frames = [
        frame
        for frame in told.failure.frames
        if not frame[0].startswith((str(WORKER_FOLDER), "<frozen importlib")) and "importlib" not in Path(frame[0]).parts
    ]
    file, line, _ = frames[-1] if frames else told.failure.frames[-1]
    message = one_line(told.failure.message, secrets)
    where = f"{shown_path(file, folder)}:{line}"
    return TargetError(
        f"{told.problem}: {told.failure.type}: {message} (at {where})",
        f"run it alone to see: python {where.rpartition(':')[0]}",
    )
