"""The textfile: whole at every moment, readable by another user, and true to what other runs wrote."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse

from otel_memeval import telemetry
from otel_memeval.errors import UsageError
from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.exporters.prometheus.families import Snapshot
from otel_memeval.exporters.prometheus.textfile import check_path, forget, write
from otel_memeval.records import Channels, Eval, Limits, Result, Verdict

MakeResult = Callable[..., Result]
Value = tuple[str, str]
"""Metric and eval."""


def told(make_result: MakeResult, name: str, at_seconds: float, *, passed: bool = False, **parts: Any) -> Snapshot:
    """What one process knows after one run."""
    board = Board(str)
    board.told(
        make_result(eval=Eval(name=name, iterations=5, warmup=0, limits=Limits()), **parts), at_seconds, passed=passed
    )
    return board.snapshot()


def read(path: Path) -> dict[Value, float]:
    """The first series of each metric and eval."""
    found: dict[Value, float] = {}
    for family in parse(path.read_text()):
        for sample in family.samples:
            found.setdefault((sample.name, sample.labels.get("eval", "")), sample.value)
    return found


LAST_RUN, LAST_SUCCESS = telemetry.LAST_RUN.name, telemetry.LAST_SUCCESS.name
SITE, GROWTH = telemetry.SITE_GROWTH.name, telemetry.GROWTH.name
STABLE = Verdict(state="stable", summary="", reasons=[])
FAILED = Verdict(state="failed", summary="", reasons=[])


def test_evals_share_a_file(tmp_path: Path, make_result: MakeResult) -> None:
    """Each keeps its own series when the other is written, and what is foreign stays."""
    path = tmp_path / "a.prom"
    path.write_text('# HELP other_total O.\n# TYPE other_total counter\nother_total{eval="a"} 3\nplain 1\n')
    write(path, told(make_result, "a", 1.0), [])
    write(path, told(make_result, "b", 2.0), [])
    found = read(path)
    assert (found[LAST_RUN, "a"], found[LAST_RUN, "b"]) == (1.0, 2.0)
    assert found["other_total", "a"] == 3
    assert found["plain", ""] == 1


def test_a_clean_run_leaves_no_line_of_the_leak_before(tmp_path: Path, make_result: MakeResult) -> None:
    """What the last run has nothing to say on is gone, but for the last success."""
    path = tmp_path / "a.prom"
    write(path, told(make_result, "a", 1.0, passed=True), [])
    assert (SITE, "a") in read(path)
    write(path, told(make_result, "a", 2.0, verdict=STABLE, sites=[], holders=[]), [])
    assert (SITE, "a") not in read(path)
    assert read(path)[LAST_SUCCESS, "a"] == 1.0


def test_a_failed_run_leaves_the_last_good_values(tmp_path: Path, make_result: MakeResult) -> None:
    """Growth and lines stay as they were, verdict and time are the failed run's."""
    path = tmp_path / "a.prom"
    write(path, told(make_result, "a", 1.0, passed=True), [])
    before = read(path)
    write(path, told(make_result, "a", 2.0, verdict=FAILED, growth=Channels(), sites=[], holders=[]), ["a"])
    found = read(path)
    for kept in (SITE, GROWTH, LAST_SUCCESS, telemetry.RETAINED_BYTES.name):
        assert found[kept, "a"] == before[kept, "a"]
    assert found[LAST_RUN, "a"] == 2.0
    assert [
        one.labels["state"]
        for f in parse(path.read_text())
        for one in f.samples
        if one.name == "memeval_verdict" and one.value
    ] == ["failed"]


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.lists(st.text(st.characters(), max_size=20), min_size=1, max_size=4, unique=True))
def test_any_names_survive_being_read_and_written_again(
    tmp_path_factory: pytest.TempPathFactory, make_result: MakeResult, names: list[str]
) -> None:
    """Evals of any name, written one after the other by processes that know nothing of each other, are all in the file."""
    path = tmp_path_factory.mktemp("texts") / "a.prom"
    labels = {}
    for number, name in enumerate(names):
        snapshot = told(make_result, name, float(number))
        labels[snapshot.evals[0].eval] = float(number)
        write(path, snapshot, [])
    found = read(path)
    assert {label: found[LAST_RUN, label] for label in labels} == labels


def test_the_mode_lets_another_user_read(tmp_path: Path, make_result: MakeResult) -> None:
    """0644, whatever the umask and whatever it was; no other file is left."""
    path = tmp_path / "a.prom"
    path.write_text("")
    path.chmod(0o600)
    before = os.umask(0o077)
    try:
        write(path, told(make_result, "a", 1.0), [])
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o644
    assert [one.name for one in tmp_path.iterdir()] == ["a.prom"]


def test_a_link_stays_a_link(tmp_path: Path, make_result: MakeResult) -> None:
    """The file that it leads to is replaced, in its own folder."""
    (tmp_path / "real").mkdir()
    (tmp_path / "a.prom").symlink_to(tmp_path / "real" / "b.prom")
    write(tmp_path / "a.prom", told(make_result, "a", 1.0), [])
    assert (tmp_path / "a.prom").is_symlink()
    assert (LAST_RUN, "a") in read(tmp_path / "real" / "b.prom")


def test_a_reader_sees_whole_files_only(tmp_path: Path, make_result: MakeResult) -> None:
    """While a file is written fifty times, each of a reader's looks finds both evals of the same run."""
    path = tmp_path / "a.prom"
    board = Board(str)
    for name in ("a", "b"):
        board.told(make_result(eval=Eval(name=name, iterations=5, warmup=0, limits=Limits())), 0.0, passed=True)
    write(path, board.snapshot(), [])
    torn: list[object] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            found = read(path)
            if found.get((LAST_RUN, "a")) != found.get((LAST_RUN, "b"), -1.0):
                torn.append(found)

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(1, 51):
        for name in ("a", "b"):
            result = make_result(eval=Eval(name=name, iterations=5, warmup=0, limits=Limits()))
            board.told(result, float(number), passed=True)
        write(path, board.snapshot(), [])
    ended.set()
    reader.join()
    assert torn == []


def test_writers_at_once_lose_nothing(tmp_path: Path, make_result: MakeResult) -> None:
    """Forty evals written by eight threads are all there."""
    path = tmp_path / "a.prom"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: write(path, told(make_result, f"e{n}", float(n)), []), range(40)))
    found = read(path)
    assert [found[LAST_RUN, f"e{n}"] for n in range(40)] == [float(n) for n in range(40)]


@pytest.mark.parametrize("content", ["no metrics at all {", "a{b=1} 2", '{"json": 1}', "a 1 2 3 4 x"])
def test_what_is_no_textfile_is_left_alone(tmp_path: Path, make_result: MakeResult, content: str) -> None:
    """A file that holds something else is neither written nor emptied."""
    path = tmp_path / "a.prom"
    path.write_text(content)
    with pytest.raises(ValueError, match="something else than metrics"):
        write(path, told(make_result, "a", 1.0), [])
    assert path.read_text() == content
    assert [one.name for one in tmp_path.iterdir()] == ["a.prom"]


def test_forgotten_evals_are_gone(tmp_path: Path, make_result: MakeResult) -> None:
    """Their series only; nothing is written where there is none, and no file is made."""
    path = tmp_path / "a.prom"
    path.write_text('other{eval="a"} 1\n')
    for name in ("a", "b"):
        write(path, told(make_result, name, 1.0), [])
    assert forget(path, "a".__eq__) == ["a"]
    assert {name for name, eval_ in read(path) if eval_ == "a"} == {"other"}
    assert (LAST_RUN, "b") in read(path)
    assert forget(path, "a".__eq__) == []
    assert forget(tmp_path / "none.prom", "a".__eq__) == []
    assert not (tmp_path / "none.prom").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.txt", "end in .prom"),
        (".prom", "end in .prom"),
        ("prom", "end in .prom"),
        ("", "end in .prom"),
        ("folder.prom", "this is a folder"),
        ("nowhere/a.prom", "there is no folder"),
    ],
)
def test_a_path_that_nobody_would_read_is_refused(tmp_path: Path, name: str, words: str) -> None:
    """Before anything is measured."""
    (tmp_path / "folder.prom").mkdir()
    with pytest.raises(UsageError, match=words):
        check_path(f"{tmp_path}/{name}" if name else "")
    assert check_path(str(tmp_path / "a.prom")) == tmp_path / "a.prom"
