"""Exit statuses of the command line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from otel_memeval.verdicts import REGRESSED

if TYPE_CHECKING:
    from otel_memeval.records import Result

PASSED = 0
VERDICT_FAILED = 1
WRONG_USAGE = 2
SCENARIO_FAILED = 3
NOT_DELIVERED = 4
INTERRUPTED = 130
"""128 plus the number of SIGINT, as a shell reports it."""

COMMIT_SKIPPED = 125
"""By this status ``git bisect run`` skips a commit; it takes all others from 1 to 127 for bad, and ends for the rest."""


def exit_status(results: Sequence[Result], fail_on: Collection[str], *, undelivered: bool = False) -> int:
    """Return the exit status of a command that measured these results.

    The first that applies: an interruption, a scenario that failed while it was set up or measured, a verdict or a
    regression in ``fail_on`` or an exceeded limit, a tear-down that failed, telemetry that was not delivered or a file that
    was not written.
    """
    if any(result.failure is not None and result.failure.type == "Interrupted" for result in results):
        return INTERRUPTED
    if any(result.verdict.state == "failed" for result in results):
        return SCENARIO_FAILED
    regressed = REGRESSED in fail_on and any(result.regressed for result in results)
    if regressed or any(result.verdict.state in fail_on or result.limits_exceeded for result in results):
        return VERDICT_FAILED
    if any(result.failure is not None for result in results):
        return SCENARIO_FAILED
    return NOT_DELIVERED if undelivered else PASSED


def bisect_status(status: int, results: Sequence[Result], fail_on: Collection[str] = ()) -> int:
    """Return the status for ``git bisect run`` of a command with this exit status: 0 good, 1 bad, 125 says nothing.

    A verdict that passes is good even if telemetry or a file was lost; ``inconclusive`` says nothing, and neither does a run
    that could not be compared where a regression would fail it.
    """
    if status == NOT_DELIVERED:
        status = PASSED
    if status == PASSED and (not results or any(_says_nothing(result, fail_on) for result in results)):
        return COMMIT_SKIPPED
    return status if status in (PASSED, VERDICT_FAILED) else COMMIT_SKIPPED


def _says_nothing(result: Result, fail_on: Collection[str]) -> bool:
    comparison = result.baseline_comparison
    not_compared = REGRESSED in fail_on and (comparison is None or comparison.outcome == "unknown")
    return not_compared or result.verdict.state == "inconclusive"
