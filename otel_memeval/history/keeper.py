"""Keep the runs of a command in its history."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from otel_memeval.config import Settings
from otel_memeval.errors import HistoryError
from otel_memeval.records import Result
from otel_memeval.redact import secrets_in
from otel_memeval.run.observer import Observer

if TYPE_CHECKING:
    from otel_memeval.history.store import HistoryStore
    from otel_memeval.records.run_summary import RunSummary


class HistoryKeeper:
    """Keeps each run as soon as it is measured; without a store it does nothing."""

    def __init__(
        self,
        store: HistoryStore | None,
        fail_on: Collection[str],
        log: Callable[[str], None],
        comparing: Sequence[Observer] = (),
    ) -> None:
        """Take ``comparing``, the observer that compares each run with its baseline, if there is one."""
        self.store = store
        self.comparing = comparing
        self._fail_on = fail_on
        self._log = log
        self._left: list[tuple[Result, RunSummary]] = []
        """Runs whose keeping was interrupted."""
        self.lost = 0
        """Number of runs that are in no history."""

    def keep(self, result: Result) -> None:
        """Keep a run. A failure is a line in the log, and is counted."""
        if self.store is not None:
            from otel_memeval.history.run_file import run_passes, summary_of  # with a history only

            self._left.append((result, summary_of(result, run_passes(result, self._fail_on))))
            self.finish()

    def finish(self) -> None:
        """Keep the runs whose keeping was interrupted."""
        if self.store is None or not self._left:
            return
        try:
            self.store.add(self._left)
        except Exception as error:  # noqa: BLE001 - whatever fails here, the run is reported
            self.lost += len(self._left)
            self._log(str(error) if isinstance(error, HistoryError) else f"the history: {type(error).__name__}: {error}")
        self._left = []


class ChangedLines:
    """A log without the lines that repeat the line before."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._last = ""

    def __call__(self, line: str) -> None:
        """Log a line, unless it was the last one."""
        if line != self._last:
            self._last = line
            self._log(line)


def open_keeper(
    address: str | None,
    baseline: str | None,
    fail_on: Collection[str],
    settings: Settings,
    log: Callable[[str], None],
) -> HistoryKeeper:
    """Open the history of a command, and its baseline; None: nothing is kept, and nothing or ``auto`` is compared with.

    Raises as ``open_history`` and ``open_baseline``.
    """
    changed = ChangedLines(log)
    if address is None and baseline is None:
        return HistoryKeeper(None, fail_on, changed)
    from otel_memeval.history.address import open_history  # with a history or a baseline only
    from otel_memeval.history.comparing import open_baseline

    store = None if address is None else open_history(address, settings.environment, changed)
    return HistoryKeeper(store, fail_on, changed, open_baseline(baseline, store, settings.folder))


def secrets_of(address: str | None) -> tuple[str, ...]:
    """Return the secrets in the address of a history."""
    if address is None:
        return ()
    from otel_memeval.history.address import is_database  # with a history only

    return secrets_in({"HISTORY": address}) if is_database(address) else ()
