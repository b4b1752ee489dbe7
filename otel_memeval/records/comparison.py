"""Frozen records of the comparison of a run with earlier runs."""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["regressed", "improved", "unchanged", "unknown"]
LeakStatus = Literal["new", "known", "gone"]
Unit = Literal["bytes per iteration", "bytes", "seconds", "per iteration"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity of a run beside that of the baseline. Numbers are None where they were not measured."""

    quantity: str
    """``growth.CHANNEL``, ``retained``, ``peak``, ``duration`` or ``resource.NAME``."""
    unit: Unit
    outcome: Outcome
    value: float | None = None
    baseline: float | None = None
    """Median of the runs of the baseline."""
    difference: float | None = None
    ci_low: float | None = None
    """The 95% interval of the difference, with the spread from run to run."""
    ci_high: float | None = None
    effect: float | None = None
    """Difference as a part of the baseline; None for a baseline that is too small to count."""
    decides: bool = True
    """The outcome of the comparison rests on it; not on durations, which other programs and machines change."""


class LeakChange(msgspec.Struct, frozen=True, kw_only=True):
    """A leak of the run or of the baseline."""

    signature: str
    location: str
    status: LeakStatus
    per_iteration: float
    """Bytes; a number for a resource. Of the run; of the baseline for a leak that is gone."""


class ComparedRun(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier run."""

    run_id: str
    started_at: str
    """RFC 3339, UTC."""
    commit: str = ""
    branch: str = ""
    dirty: bool = False


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Comparison of a run with its baseline."""

    outcome: Outcome
    summary: str
    """The outcome in one sentence."""
    reason: str = ""
    """Reason why nothing could be compared."""
    baseline: str = ""
    """The runs that it was compared with, in words."""
    runs: list[ComparedRun] = []
    """Those runs, the newest first."""
    differences: list[Difference] = []
    leaks: list[LeakChange] = []
    """New leaks first, the largest first."""
    since: ComparedRun | None = None
    """The first run that shows the regression, without a break until this run; it may be this run."""
    since_seconds: float | None = None
    """Start of that run, or of this run where no earlier one is known, in seconds since 1970; None without a regression."""
