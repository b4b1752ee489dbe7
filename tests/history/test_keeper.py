"""Keeping the runs of a command, whatever fails."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from otel_memeval.config import Settings
from otel_memeval.errors import HistoryError
from otel_memeval.history.folder import FolderHistory
from otel_memeval.history.keeper import ChangedLines, HistoryKeeper, open_keeper, secrets_of
from otel_memeval.history.store import RunQuery
from otel_memeval.records import Failure, Result
from otel_memeval.records.run_summary import RunSummary
from tests.history.conftest import MakeRun

SETTINGS = Settings(environment={}, folder=".")


class FailingHistory(FolderHistory):
    """A folder whose next additions raise."""

    errors: tuple[BaseException, ...] = ()

    def add(self, results: Sequence[tuple[Result, RunSummary]]) -> int:
        """Raise the next error, else keep the runs."""
        if self.errors:
            error, *others = self.errors
            self.errors = tuple(others)
            raise error
        return super().add(results)


def test_interrupted_keeping_is_finished_and_a_lost_run_is_counted(
    tmp_path: Path, make_run: MakeRun, lines: list[str]
) -> None:
    """Ctrl-C while a run is kept: it is kept at the end. An error of any kind is a line, and the next run is kept."""
    store = FailingHistory(str(tmp_path / "history"), lines.append)
    keeper = HistoryKeeper(store, ("leaking",), lines.append)
    store.errors = (KeyboardInterrupt(), HistoryError("the disk is full"), ValueError("odd"))
    with contextlib.suppress(KeyboardInterrupt):
        keeper.keep(make_run("first")[0])
    keeper.finish()
    keeper.keep(make_run("second", 1)[0])
    assert lines == ["the disk is full", "the history: ValueError: odd"]
    assert keeper.lost == 2
    keeper.keep(make_run("third", 2)[0])
    assert [run.run_id for run in store.runs(RunQuery(), 10)] == ["third"]


def test_run_passes_as_the_command_says(tmp_path: Path, make_run: MakeRun, lines: list[str]) -> None:
    """``--fail-on`` decides, and an interrupted run is none to compare with."""
    result = make_run("run")[0]
    interrupted = msgspec.structs.replace(result, failure=Failure(type="Interrupted", message=""))
    for fail_on, kept, passed in ((("leaking",), result, False), ((), result, True), ((), interrupted, False)):
        keeper = open_keeper(str(tmp_path / f"{len(lines)}"), None, fail_on, SETTINGS, lines.append)
        keeper.keep(kept)
        assert keeper.store is not None
        assert [run.passed for run in keeper.store.runs(RunQuery(), 1)] == [passed]
        lines.append("next folder")


def test_nothing_is_kept_without_a_history(make_run: MakeRun) -> None:
    """No store is opened."""
    keeper = open_keeper(None, None, (), SETTINGS, print)
    keeper.keep(make_run("run")[0])
    keeper.finish()
    assert keeper.lost == 0


def test_repeated_line_is_logged_once(lines: list[str]) -> None:
    """A line that another one followed is logged again."""
    log = ChangedLines(lines.append)
    for line in ("a", "a", "b", "a"):
        log(line)
    assert lines == ["a", "b", "a"]


def test_password_of_an_address_is_a_secret() -> None:
    """In its form in the address, and decoded; a folder has none."""
    assert {"s3cret%2Fpw", "s3cret/pw"} <= set(secrets_of("postgresql://me:s3cret%2Fpw@host/db"))
    assert secrets_of(".memeval") == ()
    assert secrets_of(None) == ()
