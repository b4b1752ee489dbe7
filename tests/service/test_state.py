"""State of the service: formats, the page, the state file, and evals with the same name."""

from __future__ import annotations

import gzip
import os
import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from otel_memeval.errors import UsageError
from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.exporters.prometheus.families import Snapshot
from otel_memeval.exporters.prometheus.labels import label_value
from otel_memeval.exporters.prometheus.state import Durations, EvalState, TraceExemplar
from otel_memeval.exporters.samples import Sample
from otel_memeval.service.eval_status import EvalStatus, Overview, belongs, unique_name, with_interval
from otel_memeval.service.http.request import Request
from otel_memeval.service.metrics_cache import MOST_FORMATS, MetricsCache, accepts_gzip, negotiate_format
from otel_memeval.service.pages import pages
from otel_memeval.service.progress import Progress
from otel_memeval.service.state import ServiceState
from otel_memeval.service.state_file import SavedState, StateFile, default_path

OPENMETRICS = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5"
STATE = EvalState(
    eval="a",
    gauges=[
        Sample("memeval_retained_bytes", (("eval", "a"),), 5),
        Sample("memeval_expected_interval_seconds", (("eval", "a"),), 9),
    ],
    runs={"stable": 3},
    durations=Durations((1, *Durations().counts[1:]), 0.5, (TraceExemplar("ab" * 16, 0.5, 1.0), *Durations().exemplars[1:])),
)


def status(key: str = "a.py:run", label: str = "a", **more: object) -> EvalStatus:
    """Return the status of an eval after a run that passed."""
    given = {
        "verdict": "stable",
        "sentences": ["keeps nothing"],
        "ended_seconds": 1.0,
        "duration_seconds": 2.0,
        "passed": True,
        **more,
    }
    return msgspec.convert({"key": key, "label": label, **given}, EvalStatus)


def test_both_formats_are_negotiated_and_cached() -> None:
    """OpenMetrics has exemplars, the classic text has none, and both stay the same bytes until a refresh."""
    states = [STATE]
    cache = MetricsCache(lambda: Snapshot(evals=states))
    newer, older = cache.text(OPENMETRICS, compressed=False), cache.text("", compressed=False)
    assert newer.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert older.content_type.startswith("text/plain; version=0.0.4")
    assert b'# {trace_id="' in newer.data
    assert b"trace_id" not in older.data
    assert {family.name for family in classic(older.data.decode())} >= {"memeval_retained_bytes", "memeval_runs"}
    assert list(openmetrics(newer.data.decode()))  # type: ignore[no-untyped-call]
    assert gzip.decompress(cache.text("", compressed=True).data) == older.data
    states.append(msgspec.structs.replace(STATE, eval="b", gauges=[]))
    assert cache.text("", compressed=False).data is older.data
    cache.refresh()
    assert b'eval="b"' in cache.text("", compressed=False).data
    assert b'eval="b"' in gzip.decompress(cache.text("", compressed=True).data)


def test_unrequested_formats_are_dropped() -> None:
    """A client that invents versions fills no memory, and after two changes its formats are gone."""
    renderings: list[int] = []

    def snapshot() -> Snapshot:
        renderings.append(1)
        return Snapshot(evals=[STATE])

    cache = MetricsCache(snapshot)
    for number in range(3 * MOST_FORMATS):
        assert cache.text(f"application/openmetrics-text; version={number + 1}.0.0", compressed=False).data
    assert len(cache._formats) == MOST_FORMATS
    cache.refresh()
    renderings.clear()
    cache.refresh()
    assert not renderings
    assert not cache._formats


@given(
    st.one_of(
        st.text(max_size=60), st.from_regex(r"(application/openmetrics-text|text/plain)(; ?(version|q|escaping)=[\w.]*)*")
    )
)
def test_any_accept_header_gives_a_format(accept: str) -> None:
    """A version may not be a number."""
    _, content_type = negotiate_format(accept)
    assert content_type.startswith(("text/plain", "application/openmetrics-text"))


@pytest.mark.parametrize(
    ("header", "accepts"),
    [
        ("gzip", True), ("deflate, gzip;q=1.0, *;q=0.5", True), ("GZIP ; q=0.001", True), ("x-gzip", True),
        ("", False), ("identity", False), ("gzip;q=0", False), ("gzip; q=0.000", False), ("bgzip", False),
    ],
)  # fmt: skip
def test_gzip_is_accepted_by_its_weight(header: str, accepts: bool) -> None:
    """The rules are those of RFC 9110."""
    assert accepts_gzip(header) is accepts


def test_overdue_measurement_is_unhealthy_until_it_goes_on(tmp_path: Path) -> None:
    """A step past its limit and a minute gives 503 with a sentence, the gauge and a line on the page."""
    seconds = [0.0]
    state = ServiceState(
        Board(),
        Overview(interval_seconds=900),
        StateFile(tmp_path / "state.json", print),
        mask=lambda text: text.replace("hidden", "***"),
        passed=bool,
        log=print,
        on_result=print,
        on_cycle_end=print,
    )
    state.progress = Progress(10.0, lambda: seconds[0])
    answers = pages(state)

    def health() -> tuple[int, str, bytes]:
        request = Request("", "")
        answer = answers["/healthz"](request)
        metric = next(
            line for line in answers["/metrics"](request).body.splitlines() if b"_overdue " in line and b"#" not in line
        )
        assert (b"overdue" in answers["/"](request).body) == (answer.status != 200)
        return int(answer.status), answer.body.decode(), metric

    state.set_running("hidden.py")
    seconds[0] = 70.0
    assert health() == (200, "ok\n", b"memeval_measurement_overdue 0.0")
    seconds[0] = 70.1
    status, sentence, metric = health()
    assert (status, metric) == (503, b"memeval_measurement_overdue 1.0")
    assert sentence.startswith("the measurement of ***.py is overdue: no progress for 1 min 10 s")
    state.progress.begin()
    assert health()[0] == 200
    state.progress.begin("the next measurement", wait_seconds=1000.0)
    seconds[0] += 1070.0
    assert health()[0] == 200
    seconds[0] += 1.0
    assert health()[1].startswith("the next measurement is overdue")


def test_state_file_restores_the_state(tmp_path: Path) -> None:
    """Verdicts, gauges, counters and histograms return; only the user can read the file, and only its lock is beside it."""
    lines: list[str] = []
    path = tmp_path / "below" / "state.json"
    file = StateFile(path, lines.append)
    assert file.read() == SavedState()
    assert len(lines) == 1
    assert "starting without results of earlier runs" in lines[0]
    saved = SavedState(evals=[status()], states=[STATE], export_failures={"otlp": 2})
    file.write(saved)
    file.close()
    again = StateFile(path, lines.append).read()
    assert (list(again.evals), list(again.states), again.export_failures) == ([status()], [STATE], {"otlp": 2})
    assert len(lines) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(os.listdir(path.parent)) == ["state.json", "state.json.lock"]


GOOD = msgspec.json.encode(SavedState(evals=[status()], states=[STATE]))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "damaged"),
        (GOOD[: len(GOOD) // 2], "damaged"),
        (b"\xff\xfe" + GOOD, "damaged"),
        (b"[]", "damaged"),
        (b'{"version": 1, "evals": [{"key": 3}]}', "damaged"),
        (GOOD.replace(b'"version":1', b'"version":2'), "a later version"),
        (GOOD.replace(b'"counts":[1,0,0,', b'"counts":[1,'), "other buckets"),
        (b'{"version":1,"evals":' + b"[" * 100_000, "nested too deep"),
        (GOOD.replace(b'"ended_seconds":1.0', b'"ended_seconds":1e20'), "out of range"),
        (GOOD.replace(b'"value":5', b'"value":' + b"9" * 400), "too large"),
    ],
)
def test_unusable_state_file_is_renamed(tmp_path: Path, data: bytes, problem: str) -> None:
    """One line is logged, the old content is kept in the renamed file, and the next write makes a good file."""
    lines: list[str] = []
    path = tmp_path / "state.json"
    path.write_bytes(data)
    file = StateFile(path, lines.append)
    assert file.read() == SavedState()
    assert len(lines) == 1
    assert problem in lines[0]
    assert path.with_name("state.json.unusable").read_bytes() == data
    file.write(SavedState(states=[STATE]))
    assert list(file.read().states) == [STATE]
    assert len(lines) == 1


def test_state_file_is_locked(tmp_path: Path) -> None:
    """A second service is refused until the first has closed the file; so is a folder."""
    first = StateFile(tmp_path / "state.json", print)
    with pytest.raises(UsageError, match="another service uses this file"):
        StateFile(tmp_path / "state.json", print)
    first.close()
    StateFile(tmp_path / "state.json", print).close()
    with pytest.raises(UsageError, match="this is a folder"):
        StateFile(tmp_path, print)


def test_write_problem_is_logged_once(tmp_path: Path) -> None:
    """A folder in the place of the file gives one line, and a second line only after a good write."""
    lines: list[str] = []
    path = tmp_path / "state.json"
    file = StateFile(path, lines.append)
    path.mkdir()
    for _ in range(3):
        file.write(SavedState())
    assert len(lines) == 1
    path.rmdir()
    file.write(SavedState())
    path.unlink()
    path.mkdir()
    file.write(SavedState())
    assert len(lines) == 2


def test_default_path_depends_on_folder_and_targets() -> None:
    """The order of the targets does not matter, and a targets file counts by its path."""
    base = Path("state")
    assert default_path(base, "x", ["a", "b"], None) == default_path(base, "x", ["b", "a", "a"], None)
    paths = {
        default_path(base, folder, targets, file)
        for folder, targets, file in (
            ("x", ["a"], None),
            ("y", ["a"], None),
            ("x", ["b"], None),
            ("x", [], "list"),
            ("x", [], "other"),
        )
    }
    assert len(paths) == 5


@given(st.lists(st.sampled_from(["a", "b", "a (k1)", "x" * 300]), max_size=8))
def test_every_eval_has_its_own_label(names: list[str]) -> None:
    """The first eval keeps its name; the others have their key in the name."""
    evals: list[EvalStatus] = []
    for number, name in enumerate(names):
        given = unique_name(name, f"k{number}", evals)
        evals.append(status(f"k{number}", label_value(given)))
    assert len({known.label for known in evals}) == len(evals)
    assert not names or evals[0].label == label_value(names[0])


def test_eval_belongs_to_its_target() -> None:
    """It belongs to the target that names it and to the module that defines it, not to one with the same beginning."""
    assert belongs("a.py:run", "a.py")
    assert belongs("a.py:run", "a.py:run")
    assert belongs("a.py", "a.py")
    assert not belongs("a.py:run", "a.py:other")
    assert not belongs("a.py:run", "a.p")
    assert not belongs("pack.mod:x", "pack")


def test_interval_of_the_command_line_replaces_the_saved_one() -> None:
    """Other gauges stay as they were."""
    state = with_interval(STATE, 60.0)
    assert [sample.value for sample in state.gauges] == [5, 60.0]
