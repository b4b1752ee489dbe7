"""Exit statuses of the command line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel_memeval.records import Result

PASSED = 0
VERDICT_FAILED = 1
WRONG_USAGE = 2
SCENARIO_FAILED = 3
NOT_DELIVERED = 4
INTERRUPTED = 130
"""128 plus the number of SIGINT, as a shell reports it."""


def exit_status(results: Sequence[Result], fail_on: Collection[str], *, undelivered: bool = False) -> int:
    """Return the exit status of a command that measured these results.

    The first that applies: an interruption, a scenario that failed while it was set up or measured, a verdict in ``fail_on``
    or an exceeded limit, a tear-down that failed, telemetry that was not delivered or a file that was not written.
    """
    if any(result.failure is not None and result.failure.type == "Interrupted" for result in results):
        return INTERRUPTED
    if any(result.verdict.state == "failed" for result in results):
        return SCENARIO_FAILED
    if any(result.verdict.state in fail_on or result.limits_exceeded for result in results):
        return VERDICT_FAILED
    if any(result.failure is not None for result in results):
        return SCENARIO_FAILED
    return NOT_DELIVERED if undelivered else PASSED
