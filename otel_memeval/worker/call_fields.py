"""Fields of messages that come from a call of the scenario."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from .iterate import CallResult, ScenarioFailure
from .memory.reading import PlainMessage

_FOLDER = os.path.join(os.path.dirname(__file__), "")


def failure_fields(failure: ScenarioFailure) -> PlainMessage:
    """Return a failure as it stands in a message, without the frames of the worker."""
    frames = [frame for frame in failure.frames if not frame[0].startswith(_FOLDER)]
    return {"type": failure.type, "message": failure.message, "frames": frames}


def call_fields(phase: str, index: int, result: CallResult, imported_modules: int) -> PlainMessage:
    """Return the fields of an iteration's message that come from the call."""
    return {
        "index": index,
        "phase": phase,
        "started_at": datetime.fromtimestamp(result.started_at_ns / 1e9, timezone.utc).isoformat(),
        "duration_seconds": result.duration_seconds,
        "cpu_seconds": result.cpu_seconds,
        "peak_bytes": result.peak_bytes,
        "imported_modules": imported_modules,
        "waits": result.waits,
        "suspended": result.suspended,
        "failure": None if result.failure is None else failure_fields(result.failure),
    }
