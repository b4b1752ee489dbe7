"""What is told: formats, the page, the state file, and evals that share a name."""

from __future__ import annotations

import gzip
import os
import stat
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from otel_memeval.errors import UsageError
from otel_memeval.exporters.prometheus.families import Snapshot
from otel_memeval.exporters.prometheus.labels import label_value
from otel_memeval.exporters.prometheus.state import Durations, EvalState, TraceExemplar
from otel_memeval.exporters.samples import Sample
from otel_memeval.service.eval_status import Known, View, belongs, distinct_name, with_interval
from otel_memeval.service.metrics_cache import MOST_FORMATS, Rendering, negotiated, takes_gzip
from otel_memeval.service.page import page
from otel_memeval.service.state_file import Saved, StateFile, default_path
from otel_memeval.verdicts import STATES

OPENMETRICS = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;q=0.5"
STATE = EvalState(
    eval="a",
    gauges=[
        Sample("memeval_retained_bytes", (("eval", "a"),), 5),
        Sample("memeval_expected_interval_seconds", (("eval", "a"),), 9),
    ],
    runs={"stable": 3},
    durations=Durations(counts=(1, 0, 0), sum=0.5, exemplars=(TraceExemplar("ab" * 16, 0.5, 1.0), None, None)),
)


def known(key: str = "a.py:run", label: str = "a", **more: object) -> Known:
    """An eval after a run that passed."""
    given = {
        "verdict": "stable",
        "sentences": ["keeps nothing"],
        "ended_seconds": 1.0,
        "duration_seconds": 2.0,
        "passed": True,
        **more,
    }
    return msgspec.convert({"key": key, "label": label, **given}, Known)


def test_both_formats_are_negotiated_and_kept() -> None:
    """OpenMetrics with its exemplar for who asks for it, the classic text else; the same bytes until something changes."""
    states = [STATE]
    rendering = Rendering(lambda: Snapshot(evals=states))
    newer, older = rendering.body(OPENMETRICS, compressed=False), rendering.body("", compressed=False)
    assert newer.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert older.content_type.startswith("text/plain; version=0.0.4")
    assert b'# {trace_id="' in newer.data
    assert b"trace_id" not in older.data
    assert {one.name for one in classic(older.data.decode())} >= {"memeval_retained_bytes", "memeval_runs"}
    assert list(openmetrics(newer.data.decode()))  # type: ignore[no-untyped-call]
    assert gzip.decompress(rendering.body("", compressed=True).data) == older.data
    states.append(msgspec.structs.replace(STATE, eval="b", gauges=[]))
    assert rendering.body("", compressed=False).data is older.data
    rendering.refresh()
    assert b'eval="b"' in rendering.body("", compressed=False).data
    assert b'eval="b"' in gzip.decompress(rendering.body("", compressed=True).data)


def test_formats_that_nobody_asks_for_are_not_rendered() -> None:
    """A client that makes versions up fills no memory; after two changes its formats are gone."""
    asked: list[int] = []

    def snapshot() -> Snapshot:
        asked.append(1)
        return Snapshot(evals=[STATE])

    rendering = Rendering(snapshot)
    for number in range(3 * MOST_FORMATS):
        assert rendering.body(f"application/openmetrics-text; version={number + 1}.0.0", compressed=False).data
    assert len(rendering._kept) == MOST_FORMATS
    rendering.refresh()
    asked.clear()
    rendering.refresh()
    assert not asked
    assert not rendering._kept


@given(
    st.one_of(
        st.text(max_size=60), st.from_regex(r"(application/openmetrics-text|text/plain)(; ?(version|q|escaping)=[\w.]*)*")
    )
)
def test_any_accept_header_has_a_format(accept: str) -> None:
    """Also a version that is no number."""
    _, content_type = negotiated(accept)
    assert content_type.startswith(("text/plain", "application/openmetrics-text"))


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("gzip", True), ("deflate, gzip;q=1.0, *;q=0.5", True), ("GZIP ; q=0.001", True), ("x-gzip", True),
        ("", False), ("identity", False), ("gzip;q=0", False), ("gzip; q=0.000", False), ("bgzip", False),
    ],
)  # fmt: skip
def test_gzip_is_sent_to_who_takes_it(header: str, takes: bool) -> None:
    """As RFC 9110 has it."""
    assert takes_gzip(header) is takes


class _Tags(HTMLParser):
    """What a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(max_size=40), st.sampled_from(STATES), st.booleans())
def test_the_page_shows_any_name_and_runs_nothing(name: str, state: str, passed: bool) -> None:
    """Names and sentences are text, whatever they hold: no element and no attribute but the page's own."""
    hostile = f"<script>alert(1)</script>\"'&{name}\u202e"
    one = known(hostile, hostile, sentences=[hostile, hostile], verdict=state, passed=passed)
    view = View(interval_seconds=900, evals=(one,), running=hostile)
    read = _Tags()
    read.feed(page(view, 0.0).decode())
    assert set(read.tags) <= {
        "html", "head", "meta", "title", "style", "body", "h1", "p", "table", "tr", "th", "td", "br", "span", "strong",
        "time", "a",
    }  # fmt: skip
    assert read.attributes <= {"lang", "charset", "name", "content", "scope", "class", "datetime", "href"}
    assert "<script>alert(1)</script>" in read.text
    assert "\u202e" not in read.text


def test_the_page_says_what_comes_next() -> None:
    """Before the first run, while one goes on, and until the next; what was skipped; what does not pass."""
    text = [
        page(view, 1000.0).decode()
        for view in (
            View(interval_seconds=900, running="a.py"),
            View(interval_seconds=900, evals=(known(),), next_run_seconds=1300.0, skipped=2),
            View(interval_seconds=900, evals=(known(passed=False, verdict="leaking"),)),
        )
    ]
    assert "Runs every 15 min 0 s." in text[0]
    assert "Now running: a.py" in text[0]
    assert "Nothing has been measured yet" in text[0]
    assert "Next run in 5 min 0 s" in text[1]
    assert "2 turns skipped" in text[1]
    assert "keeps nothing" in text[1]
    assert '<strong class="failed">leaking (does not pass)</strong>' in text[2]


def test_the_state_comes_back_as_it_was(tmp_path: Path) -> None:
    """Verdicts, sentences, gauges, counters and histograms; the file is the user's alone and nothing lies beside it."""
    told: list[str] = []
    path = tmp_path / "below" / "state.json"
    file = StateFile(path, told.append)
    assert file.read() == Saved()
    assert len(told) == 1
    assert "nothing is known of earlier runs" in told[0]
    saved = Saved(evals=[known()], states=[STATE], export_failures={"otlp": 2})
    file.write(saved)
    file.close()
    again = StateFile(path, told.append).read()
    assert (list(again.evals), list(again.states), again.export_failures) == ([known()], [STATE], {"otlp": 2})
    assert len(told) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(os.listdir(path.parent)) == ["state.json", "state.json.lock"]


GOOD = msgspec.json.encode(Saved(evals=[known()], states=[STATE]))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "damaged"),
        (GOOD[: len(GOOD) // 2], "damaged"),
        (b"\xff\xfe" + GOOD, "damaged"),
        (b"[]", "damaged"),
        (b'{"version": 1, "evals": [{"key": 3}]}', "damaged"),
        (GOOD.replace(b'"version":1', b'"version":2'), "a later version"),
        (GOOD.replace(b'"counts":[1,0,0]', b'"counts":[1]'), "other buckets"),
    ],
)
def test_a_file_that_cannot_be_used_is_kept_aside(tmp_path: Path, data: bytes, said: str) -> None:
    """One line; what stood there stays to be looked at; the next start has a good one."""
    told: list[str] = []
    path = tmp_path / "state.json"
    path.write_bytes(data)
    file = StateFile(path, told.append)
    assert file.read() == Saved()
    assert len(told) == 1
    assert said in told[0]
    assert path.with_name("state.json.unusable").read_bytes() == data
    file.write(Saved(states=[STATE]))
    assert list(file.read().states) == [STATE]
    assert len(told) == 1


def test_two_exporters_do_not_share_a_file(tmp_path: Path) -> None:
    """The second is told so; when the first is gone it may. A folder is no file."""
    first = StateFile(tmp_path / "state.json", print)
    with pytest.raises(UsageError, match="another exporter holds it"):
        StateFile(tmp_path / "state.json", print)
    first.close()
    StateFile(tmp_path / "state.json", print).close()
    with pytest.raises(UsageError, match="this is a folder"):
        StateFile(tmp_path, print)


def test_a_file_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    """A folder in its place, for months: one line, and another one only after it was well again."""
    told: list[str] = []
    path = tmp_path / "state.json"
    file = StateFile(path, told.append)
    path.mkdir()
    for _ in range(3):
        file.write(Saved())
    assert len(told) == 1
    path.rmdir()
    file.write(Saved())
    path.unlink()
    path.mkdir()
    file.write(Saved())
    assert len(told) == 2


def test_the_file_is_named_after_folder_and_targets() -> None:
    """The same for the same targets in any order, another for others, and a list's file goes before what stands in it."""
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
def test_every_eval_has_a_label_of_its_own(names: list[str]) -> None:
    """Whatever evals are called: the first keeps its name, others say where they are from."""
    evals: list[Known] = []
    for number, name in enumerate(names):
        given = distinct_name(name, f"k{number}", evals, str)
        evals.append(known(f"k{number}", label_value(given)))
    assert len({one.label for one in evals}) == len(evals)
    assert not names or evals[0].label == label_value(names[0])


def test_an_eval_belongs_to_its_target() -> None:
    """To the target that names it, and to the module that defines it; not to another of the same beginning."""
    assert belongs("a.py:run", "a.py")
    assert belongs("a.py:run", "a.py:run")
    assert belongs("a.py", "a.py")
    assert not belongs("a.py:run", "a.py:other")
    assert not belongs("a.py:run", "a.p")
    assert not belongs("pack.mod:x", "pack")


def test_how_often_an_eval_runs_is_as_the_command_line_says_now() -> None:
    """Not as it was before the restart."""
    state = with_interval(STATE, 60.0)
    assert [one.value for one in state.gauges] == [5, 60.0]
