"""Interface of a history of runs, whether it is a folder or a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from otel_memeval.records import Record, Result
from otel_memeval.records.run_summary import RunSummary


class RunQuery(Record, frozen=True):
    """Conditions on runs; None or empty: any."""

    eval: str | None = None
    settings: str | None = None
    """As in ``RunSummary.settings``."""
    branch: str | None = None
    commit: str | None = None
    """A whole commit."""
    tag: str | None = None
    """A name that ``tag`` gave."""
    passed: bool | None = None
    started_before: str | None = None
    """RFC 3339, UTC."""
    without_runs: Sequence[str] = ()
    """Identifiers of runs that are left out."""


class HistoryStore(Protocol):
    """Runs of all evals. Each method raises ``HistoryError`` if the store cannot be used, within its patience."""

    @property
    def address(self) -> str:
        """Return the address without a password, for messages."""
        ...

    @property
    def runs_waiting(self) -> int:
        """Return the number of runs that wait on this machine until the store can be reached."""
        ...

    def add(self, results: Sequence[tuple[Result, RunSummary]]) -> int:
        """Keep runs, and return the number of those that were not there yet; the others are left as they are.

        A database that cannot be reached is no error: the runs wait in a folder. Raises ``HistoryError`` if a run is kept in
        neither.
        """
        ...

    def runs(self, query: RunQuery, limit: int) -> list[RunSummary]:
        """Return the newest runs that meet the conditions, the newest first."""
        ...

    def with_prefix(self, prefix: str) -> list[RunSummary]:
        """Return at most ten runs whose identifier begins with ``prefix``, the newest first."""
        ...

    def result(self, run_id: str) -> Result | None:
        """Return the whole result of a run; None if there is no such run."""
        ...

    def tag(self, run_id: str, name: str) -> None:
        """Give a name to a run; a name that another run of the same eval has moves to this one."""
        ...

    def prune(self, started_before: str) -> int:
        """Delete the runs that started before, except those with a name; return their number."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...
