"""The textfile, shared by runs of several evals."""

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
from otel_memeval.exporters.prometheus import textfile
from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.exporters.prometheus.families import Snapshot
from otel_memeval.exporters.prometheus.textfile import check_path, delete_evals, write
from otel_memeval.records import Channels, Eval, Limits, Result, Verdict

MakeResult = Callable[..., Result]
Value = tuple[str, str]
"""Metric and eval."""


def snapshot_of(make_result: MakeResult, name: str, at_seconds: float, *, passed: bool = False, **parts: Any) -> Snapshot:
    """Return the snapshot of a process after one run."""
    board = Board()
    board.add_run(
        make_result(eval=Eval(name=name, iterations=5, warmup=0, limits=Limits()), **parts), at_seconds, passed=passed
    )
    return board.snapshot()


def read(path: Path) -> dict[Value, float]:
    """Return the first value of each metric and eval."""
    found: dict[Value, float] = {}
    for family in parse(path.read_text()):
        for sample in family.samples:
            found.setdefault((sample.name, sample.labels.get("eval", "")), sample.value)
    return found


LAST_RUN, LAST_SUCCESS = telemetry.LAST_RUN.name, telemetry.LAST_SUCCESS.name
SITE, GROWTH = telemetry.SITE_GROWTH.name, telemetry.GROWTH.name
STABLE = Verdict(state="stable", summary="", reasons=[])
FAILED = Verdict(state="failed", summary="", reasons=[])


def test_evals_share_one_file(tmp_path: Path, make_result: MakeResult) -> None:
    """Writing one eval keeps the series of the other and those of other tools."""
    path = tmp_path / "a.prom"
    path.write_text('# HELP other_total O.\n# TYPE other_total counter\nother_total{eval="a"} 3\nplain 1\n')
    write(path, snapshot_of(make_result, "a", 1.0), [])
    write(path, snapshot_of(make_result, "b", 2.0), [])
    found = read(path)
    assert (found[LAST_RUN, "a"], found[LAST_RUN, "b"]) == (1.0, 2.0)
    assert found["other_total", "a"] == 3
    assert found["plain", ""] == 1


def test_passing_run_removes_sites_of_the_leak(tmp_path: Path, make_result: MakeResult) -> None:
    """Only the last success stays without a new value."""
    path = tmp_path / "a.prom"
    write(path, snapshot_of(make_result, "a", 1.0, passed=True), [])
    assert (SITE, "a") in read(path)
    write(path, snapshot_of(make_result, "a", 2.0, verdict=STABLE, sites=[], holders=[]), [])
    assert (SITE, "a") not in read(path)
    assert read(path)[LAST_SUCCESS, "a"] == 1.0


def test_failed_run_keeps_the_last_good_values(tmp_path: Path, make_result: MakeResult) -> None:
    """Growth and sites stay, verdict and time change."""
    path = tmp_path / "a.prom"
    write(path, snapshot_of(make_result, "a", 1.0, passed=True), [])
    before = read(path)
    write(path, snapshot_of(make_result, "a", 2.0, verdict=FAILED, growth=Channels(), sites=[], holders=[]), ["a"])
    found = read(path)
    for kept in (SITE, GROWTH, LAST_SUCCESS, telemetry.RETAINED_BYTES.name):
        assert found[kept, "a"] == before[kept, "a"]
    assert found[LAST_RUN, "a"] == 2.0
    samples = [sample for family in parse(path.read_text()) for sample in family.samples]
    assert [state.labels["state"] for state in samples if state.name == "memeval_verdict" and state.value] == ["failed"]


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.lists(st.text(st.characters(), max_size=20), min_size=1, max_size=4, unique=True))
def test_evals_of_any_name_survive_writes_of_others(
    tmp_path_factory: pytest.TempPathFactory, make_result: MakeResult, names: list[str]
) -> None:
    """Each eval is written by a process of its own."""
    path = tmp_path_factory.mktemp("texts") / "a.prom"
    labels = {}
    for number, name in enumerate(names):
        snapshot = snapshot_of(make_result, name, float(number))
        labels[snapshot.evals[0].eval] = float(number)
        write(path, snapshot, [])
    found = read(path)
    assert {label: found[LAST_RUN, label] for label in labels} == labels


def test_mode_lets_another_user_read(tmp_path: Path, make_result: MakeResult) -> None:
    """It is 0644 whatever the umask and the earlier mode, and no other file is left."""
    path = tmp_path / "a.prom"
    path.write_text("")
    path.chmod(0o600)
    before = os.umask(0o077)
    try:
        write(path, snapshot_of(make_result, "a", 1.0), [])
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]


def test_symbolic_link_stays_a_link(tmp_path: Path, make_result: MakeResult) -> None:
    """The target of the link is replaced."""
    (tmp_path / "real").mkdir()
    (tmp_path / "a.prom").symlink_to(tmp_path / "real" / "b.prom")
    write(tmp_path / "a.prom", snapshot_of(make_result, "a", 1.0), [])
    assert (tmp_path / "a.prom").is_symlink()
    assert (LAST_RUN, "a") in read(tmp_path / "real" / "b.prom")


def test_reader_never_sees_half_a_write(tmp_path: Path, make_result: MakeResult) -> None:
    """During fifty writes a reader always finds two evals of the same run."""
    path = tmp_path / "a.prom"
    board = Board()
    for name in ("a", "b"):
        board.add_run(make_result(eval=Eval(name=name, iterations=5, warmup=0, limits=Limits())), 0.0, passed=True)
    write(path, board.snapshot(), [])
    torn: list[object] = []
    ended = threading.Event()

    def poll() -> None:
        while not ended.is_set():
            found = read(path)
            if found.get((LAST_RUN, "a")) != found.get((LAST_RUN, "b"), -1.0):
                torn.append(found)

    reader = threading.Thread(target=poll)
    reader.start()
    for number in range(1, 51):
        for name in ("a", "b"):
            result = make_result(eval=Eval(name=name, iterations=5, warmup=0, limits=Limits()))
            board.add_run(result, float(number), passed=True)
        write(path, board.snapshot(), [])
    ended.set()
    reader.join()
    assert torn == []


def test_concurrent_writers_lose_nothing(tmp_path: Path, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty evals are written by eight threads; the lock is waited for as long as a busy machine needs."""
    monkeypatch.setattr(textfile, "_PATIENCE_SECONDS", 60.0)
    path = tmp_path / "a.prom"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: write(path, snapshot_of(make_result, f"e{n}", float(n)), []), range(40)))
    found = read(path)
    assert [found[LAST_RUN, f"e{n}"] for n in range(40)] == [float(n) for n in range(40)]


@pytest.mark.parametrize("content", ["no metrics at all {", "a{b=1} 2", '{"json": 1}', "a 1 2 3 4 x"])
def test_other_file_is_not_changed(tmp_path: Path, make_result: MakeResult, content: str) -> None:
    """Writing to a file without metrics raises an error."""
    path = tmp_path / "a.prom"
    path.write_text(content)
    with pytest.raises(ValueError, match="something other than metrics"):
        write(path, snapshot_of(make_result, "a", 1.0), [])
    assert path.read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]


def test_delete_evals_removes_only_their_series(tmp_path: Path, make_result: MakeResult) -> None:
    """Without such series nothing is written and no file is made."""
    path = tmp_path / "a.prom"
    path.write_text('other{eval="a"} 1\n')
    for name in ("a", "b"):
        write(path, snapshot_of(make_result, name, 1.0), [])
    assert delete_evals(path, "a".__eq__) == ["a"]
    assert {name for name, eval_ in read(path) if eval_ == "a"} == {"other"}
    assert (LAST_RUN, "b") in read(path)
    assert delete_evals(path, "a".__eq__) == []
    assert delete_evals(tmp_path / "none.prom", "a".__eq__) == []
    assert not (tmp_path / "none.prom").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.txt", "reads only files that end in .prom"),
        (".prom", "reads only files that end in .prom"),
        ("prom", "reads only files that end in .prom"),
        ("", "reads only files that end in .prom"),
        ("folder.prom", "this is a folder"),
        ("nowhere/a.prom", "its folder does not exist"),
    ],
)
def test_path_that_node_exporter_ignores_is_refused(tmp_path: Path, name: str, words: str) -> None:
    """The path is checked before anything is measured."""
    (tmp_path / "folder.prom").mkdir()
    with pytest.raises(UsageError, match=words):
        check_path(f"{tmp_path}/{name}" if name else "")
    assert check_path(str(tmp_path / "a.prom")) == tmp_path / "a.prom"
