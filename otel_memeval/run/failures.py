"""Failures of the scenario, from the worker's message to the record of the result."""

from __future__ import annotations

from collections.abc import Callable

from otel_memeval import wire
from otel_memeval.records import CodeLocation, Failure
from otel_memeval.redact import one_line

_MOST_FRAMES = 8
"""Innermost frames of an exception in the result: those of the scenario's own lines, and of the library below them."""


def failure_record(
    info: wire.FailureInfo, secrets: tuple[str, ...], display_path: Callable[[str], str] | None = None
) -> Failure:
    """Return a failure as the result has it: one line, secrets masked; with frames if ``display_path`` shows their files."""
    return Failure(
        type=one_line(info.type, secrets),
        message=one_line(info.message, secrets),
        frames=[
            CodeLocation(file=one_line(display_path(file), secrets), line=line, function=one_line(function, secrets))
            for file, line, function in info.frames[-_MOST_FRAMES:]
            if display_path is not None
        ],
    )
