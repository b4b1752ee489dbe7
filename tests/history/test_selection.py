"""The runs that a reference names, and the comparison with them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from otel_memeval.errors import HistoryError, UsageError
from otel_memeval.history.comparing import BaselineObserver, open_baseline
from otel_memeval.history.folder import FolderHistory
from otel_memeval.history.selection import MOST_RUNS, NoBaseline, Selection, baseline_words, select
from otel_memeval.history.store import RunQuery
from otel_memeval.records import Channels, Growth, Result, Verdict, to_json
from otel_memeval.records.comparison import Comparison
from otel_memeval.records.run_summary import RunSummary
from tests.history.conftest import MakeRun, Run

STABLE = Verdict(state="stable", summary="keeps nothing", reasons=[])


def stable(run: Run) -> Run:
    """Return the run without its leak."""
    zero = Growth(bytes_per_iteration=0.0, ci_low=0.0, ci_high=0.0)
    result = msgspec.structs.replace(run[0], verdict=STABLE, sites=[], holders=[], growth=Channels(retained=zero))
    return result, msgspec.structs.replace(run[1], verdict="stable", leaks=(), passed=True, growth=result.growth)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a checkout with two commits of ``main``; the first has the tag ``v1``."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for command in ("init -q -b main", "commit -q --allow-empty -m 1", "tag v1", "commit -q --allow-empty -m 2"):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *command.split()], cwd=folder, env=environment, check=True)
    return folder


def commit(checkout: Path, reference: str) -> str:
    """Return the commit of a ref."""
    command = ["git", "rev-parse", reference]
    return subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def store(tmp_path: Path, make_run: MakeRun, checkout: Path) -> FolderHistory:
    """Make a history: twelve passing runs of main, one that leaks, one of another branch, eval and Python each."""
    history = FolderHistory(str(tmp_path / "h"), print)
    first = commit(checkout, "v1")
    history.add([stable(make_run(f"a{number:031x}", number, commit=first)) for number in range(12)])
    history.add([make_run("b" * 32, 20, passed=False), stable(make_run("c" * 32, 21, branch="change"))])
    history.add([stable(make_run("d" * 32, 22, name="Other")), stable(make_run("e" * 32, 23, python="3.12.1"))])
    history.tag("b" * 32, "release")
    return history


def ids(runs: Sequence[RunSummary]) -> list[str]:
    """Return the first characters of the identifiers, or the last one of a counted run."""
    return [run.run_id[-1] for run in runs]


def test_auto_is_the_last_ten_passing_runs_of_the_main_branch(
    store: FolderHistory, make_run: MakeRun, checkout: Path
) -> None:
    """Of the same eval and settings, before this run and without it; outside of a checkout of any branch."""
    run = make_run(f"a{11:031x}", 30)[1]
    selection = select("auto", store, str(checkout))
    assert ids(selection.baseline(run)) == list("a987654321")
    assert baseline_words(selection, selection.baseline(run)) == f"{MOST_RUNS} runs of main that passed"
    assert ids(selection.baseline(make_run("f", 3)[1])) == list("210")
    outside = select("auto", store, str(checkout.parent))
    assert ids(outside.baseline(make_run("f", 30)[1]))[:3] == ["c", "b", "a"]
    assert "c" * 32 in [found.run_id for found in outside.baseline(make_run("f", 30)[1])]


def test_runs_of_the_own_branch_count_where_the_main_branch_has_none(
    store: FolderHistory, make_run: MakeRun, checkout: Path
) -> None:
    """A service in a checkout of a commit is compared with its own earlier runs."""
    store.add([stable(make_run("1" * 32, 50, name="Third", branch="(detached)"))])
    selection = select("auto", store, str(checkout))
    found = selection.baseline(make_run("f", 60, name="Third", branch="(detached)")[1])
    assert (ids(found), baseline_words(selection, found)) == (["1"], "1 run of (detached) that passed")
    with pytest.raises(NoBaseline, match="no earlier run of main that passed has this eval and its settings"):
        selection.baseline(make_run("f", 60, name="Third", branch="other")[1])


def test_latest_is_the_last_run_whether_it_passed_or_not(store: FolderHistory, make_run: MakeRun) -> None:
    """Of any branch, and of the same eval and settings."""
    selection = select("latest", store, ".")
    assert ids(selection.baseline(make_run("f", 40)[1])) == ["c"]
    assert ids(selection.baseline(make_run("f", 21)[1])) == ["b"]
    with pytest.raises(NoBaseline, match="no earlier run has this eval and its settings"):
        selection.baseline(make_run("f", 40, name="Third")[1])


def test_name_identifier_ref_and_file_name_runs(
    store: FolderHistory, make_run: MakeRun, checkout: Path, tmp_path: Path
) -> None:
    """A name of the history, the beginning of an identifier, a tag of git, a commit, and a result file."""
    run, folder = make_run("f", 40)[1], str(checkout)
    (tmp_path / "r.json").write_bytes(to_json([make_run("9" * 32)[0], make_run("8" * 32, name="Other")[0]]))
    for reference, expected, words in (
        ("release", ["b"], "release"),
        ("bbbb", ["b"], "run bbbbbbbb"),
        ("v1", list("ba98765432"), f"10 runs of v1 ({commit(checkout, 'v1')[:7]})"),
        (commit(checkout, "v1")[:9], list("ba98765432"), f"10 runs of {commit(checkout, 'v1')[:9]}"),
        (str(tmp_path / "r.json"), ["9"], "r.json"),
    ):
        selection = select(reference, store, folder)
        found = selection.baseline(run)
        assert (ids(found), baseline_words(selection, found)) == (expected, words)


def test_baseline_of_another_eval_or_with_other_settings_is_none(
    store: FolderHistory, make_run: MakeRun, checkout: Path
) -> None:
    """The reason names what differs."""
    with pytest.raises(NoBaseline, match="run dddddddd has no run of this eval"):
        select("dddd", store, ".").baseline(make_run("f", 40)[1])
    for reference in ("eeee", "release", "v1"):
        python = "3.11.2" if reference == "eeee" else "3.12.1"
        with pytest.raises(NoBaseline, match=r"has other settings: Python 3\.1.*; this run: Python 3\.1"):
            select(reference, store, str(checkout)).baseline(make_run("f", 40, python=python)[1])


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("aaaa", "is no file, no run of"),
        ("a000", "several runs begin with a000: a0"),
        ("v2", "is no file, no run of"),
        ("--all", "is no file, no run of"),
        ("", "is no file, no run of"),
        ("main", "has no run of main"),
        ("missing.json", "missing.json: No such file"),
    ],
)
def test_reference_that_names_no_run_is_wrong_usage(
    store: FolderHistory, checkout: Path, reference: str, problem: str
) -> None:
    """One line says what it could have been."""
    with pytest.raises(UsageError, match=problem) as error:
        select(reference, store, str(checkout))
    assert "\n" not in str(error.value)


def test_file_that_is_no_result_and_reference_without_a_history_are_wrong_usage(tmp_path: Path) -> None:
    """A corrupt file, another file, and one of a later version."""
    for content, problem in ((b"{", "no result file"), (b"[]", "no result file"), (b'{"schema": 9, "runs": []}', "later")):
        (tmp_path / "r.json").write_bytes(content)
        with pytest.raises(UsageError, match=problem):
            select(str(tmp_path / "r.json"), None, ".")
    for reference in ("auto", "latest", "main"):
        with pytest.raises(UsageError, match="no history is named"):
            select(reference, None, ".")


def compared(result: Result, selection: Selection, store: FolderHistory) -> Comparison:
    """Return the comparison that the observer adds to a result."""
    found = BaselineObserver(selection, store).with_comparison(result).baseline_comparison
    assert found is not None
    return found


def test_regression_since_the_first_run_of_the_branch_that_shows_it(
    store: FolderHistory, make_run: MakeRun, checkout: Path
) -> None:
    """On main the first leaking run; on a branch that began with the leak, the one of main."""
    selection = select("auto", store, str(checkout))
    found = compared(make_run("f" * 32, 40)[0], selection, store)
    assert found.since is not None
    assert (found.outcome, found.since.run_id, found.since_seconds) == ("regressed", "b" * 32, 1_767_226_800.0)
    assert found.summary == (
        "regressed since ccccccc (2026-01-01): +4.00 KiB per iteration [4.00 KiB, 4.00 KiB], 10 runs of main that passed; "
        "new leak: m.py:3 (run)"
    )
    other = compared(make_run("f" * 32, 40, branch="new")[0], selection, store)
    assert other.since is not None
    assert other.since.run_id == "b" * 32
    clean_before = compared(make_run("f" * 32, 40, branch="change")[0], selection, store)
    assert clean_before.since is not None
    assert clean_before.since.run_id == "f" * 32
    assert compared(stable(make_run("f" * 32, 40))[0], selection, store).summary == "unchanged: 10 runs of main that passed"


class AwayHistory(FolderHistory):
    """A history that cannot be read."""

    def runs(self, query: RunQuery, limit: int) -> list[RunSummary]:
        """Raise."""
        raise HistoryError("the history does not answer")


class SlowHistory(FolderHistory):
    """A history that answers one query."""

    queries = 0

    def runs(self, query: RunQuery, limit: int) -> list[RunSummary]:
        """Raise from the second query on."""
        self.queries += 1
        if self.queries > 1:
            raise HistoryError("the history does not answer")
        return super().runs(query, limit)


def test_regression_whose_beginning_cannot_be_read_is_one_all_the_same(tmp_path: Path, make_run: MakeRun) -> None:
    """Its start is that of this run."""
    history = SlowHistory(str(tmp_path / "h"), print)
    history.add([stable(make_run("a", 1))])
    run = make_run("f", 40)
    (observer,) = open_baseline("auto", history, str(tmp_path))
    found = observer.with_comparison(run[0]).baseline_comparison
    assert found is not None
    assert (found.outcome, found.since, found.since_seconds) == ("regressed", None, 1_767_228_000.0)


def test_history_that_cannot_be_read_makes_the_comparison_unknown(tmp_path: Path, make_run: MakeRun) -> None:
    """The run is reported all the same; so is a run whose reference could not be looked up."""
    away = AwayHistory(str(tmp_path / "h"), print)
    for reference in (None, "latest", "v1"):
        (observer,) = open_baseline(reference, away, ".")
        found = observer.with_comparison(make_run("f", 40)[0]).baseline_comparison
        assert found is not None
        assert (found.outcome, found.summary) == ("unknown", "not compared: the history does not answer")
    assert open_baseline(None, None, ".") == []
