"""The pages of the service for people, and the answers to their addresses."""

from __future__ import annotations

import re
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from http import HTTPStatus
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.errors import HistoryError
from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.history.folder import FolderHistory
from otel_memeval.history.run_file import summary_of
from otel_memeval.history.store import HistoryStore, RunQuery
from otel_memeval.records import Result, from_json
from otel_memeval.records.run_summary import RunSummary
from otel_memeval.service.eval_page import eval_page
from otel_memeval.service.eval_status import Overview
from otel_memeval.service.history_reader import HistoryReader
from otel_memeval.service.http.request import Request, Response
from otel_memeval.service.links import Links, eval_path, read_links, run_path
from otel_memeval.service.overview_page import overview_page
from otel_memeval.service.page_frame import growth_curve
from otel_memeval.service.pages import PageOptions, pages
from otel_memeval.service.state import ServiceState
from otel_memeval.service.state_file import StateFile
from otel_memeval.verdicts import STATES, State
from tests.exporters.html.results import full_result
from tests.service.test_state import status

TAGS = {
    "html", "head", "meta", "title", "link", "noscript", "style", "body", "main", "footer", "script", "h1", "h2", "p", "div",
    "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "strong", "time", "a", "nav", "header", "dl", "dt", "dd",
    "section", "code", "svg", "line", "polyline", "circle",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "name", "content", "http-equiv", "rel", "href", "scope", "class", "datetime", "tabindex", "role",
    "aria-label", "data-revision", "viewbox", "preserveaspectratio", "points", "x1", "x2", "y1", "y2", "cx", "cy", "r",
}  # fmt: skip


class _Tags(HTMLParser):
    """Collects the tags, attributes and text of a page."""

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


def service_state(folder: Path, **more: Callable[[Result], bool]) -> ServiceState:
    """Return the state of a service that has measured nothing."""
    given = {"passed": lambda result: result.verdict.state == "stable", **more}
    return ServiceState(
        Board(),
        Overview(interval_seconds=900),
        StateFile(folder / "state.json", print),
        mask=str,
        passed=given["passed"],
        log=print,
        on_result=lambda _: None,
        on_cycle_end=print,
    )


@given(st.text(max_size=40), st.sampled_from(STATES), st.booleans())
def test_pages_escape_every_text(name: str, state: str, passed: bool) -> None:
    """Any characters in names, sentences, identifiers, commits and addresses make no tags and no attributes."""
    hostile = f"<script>alert(1)</script>\"'&{name}\u202e"
    hostile_status = status(
        hostile, hostile, sentences=[hostile, hostile], verdict=state, passed=passed, run_id=hostile, trace_id=hostile,
        regression=hostile, since_seconds=1.0, growth_bytes=(None, 1.0, None, -2.0),
    )  # fmt: skip
    overview = Overview(interval_seconds=900, evals=(hostile_status,), running=hostile)
    run = msgspec.structs.replace(
        summary_of(full_result()), run_id=hostile, eval=hostile, started_at=hostile, commit=hostile, branch=hostile
    )
    links = Links(f"https://example.org/{hostile}/{{trace_id}}", f"https://example.org/{hostile}")
    for page in (
        overview_page(overview, 0.0, hostile, has_history=True),
        eval_page(hostile_status, [run], "", links),
        eval_page(hostile_status, None, hostile, links),
    ):
        read = _Tags()
        read.feed(page.decode())
        assert set(read.tags) <= TAGS
        assert read.attributes <= ATTRIBUTES
        assert read.tags.count("script") == 1
        assert "<script>alert(1)</script>" in read.text
        assert "\u202e" not in read.text


def test_page_shows_the_schedule_and_failed_verdicts() -> None:
    """The page is shown before the first run, during a run, and between runs."""
    text = [
        overview_page(overview, 1000.0).decode()
        for overview in (
            Overview(interval_seconds=900, running="a.py"),
            Overview(interval_seconds=900, evals=(status(since_seconds=60.0),), next_run_seconds=1300.0, skipped=2),
            Overview(interval_seconds=900, evals=(status(passed=False, verdict="leaking", regression="worse by 2 KiB"),)),
        )
    ]
    assert "Runs every 15 min 0 s." in text[0]
    assert "Now running: a.py" in text[0]
    assert "Nothing has been measured yet" in text[0]
    assert "Next run in 5 min 0 s" in text[1]
    assert "2 turns skipped" in text[1]
    assert "keeps nothing" in text[1]
    assert "<h1>The only eval passes</h1>" in text[1]
    assert 'passes since <time datetime="1970-01-01T00:01:00+00:00">' in text[1]
    assert '<span class="badge error">leaking</span> <strong>does not pass</strong>' in text[2]
    assert "<h1>1 of 1 does not pass</h1>" in text[2]
    assert "worse by 2 KiB" in text[2]


def test_failing_evals_stand_first() -> None:
    """Those that do not pass come before the others, each part in the order of the verdicts; the title has their number."""
    verdicts: list[tuple[State, bool]] = [
        ("stable", True), ("idle", False), ("creeping", True), ("stable", False), ("leaking", False), ("leaking", True),
    ]  # fmt: skip
    evals = tuple(
        status(f"{number}.py", f"eval-{number}", verdict=verdict, passed=passed)
        for number, (verdict, passed) in enumerate(verdicts)
    )
    page = overview_page(Overview(interval_seconds=900, evals=evals), 0.0).decode()
    assert re.findall(r">eval-(\d)<", page) == ["4", "1", "3", "5", "2", "0"]
    assert "<title>3 of 6 do not pass: otel-memeval</title>" in page
    assert (
        "<title>All 2 evals pass: "
        in overview_page(Overview(interval_seconds=900, evals=(evals[0], evals[2])), 0.0).decode()
    )


def test_curve_has_the_runs_with_a_growth() -> None:
    """The curve begins with the first run, leaves out runs without a growth, and contains zero; one run is a number."""
    assert growth_curve((None, None)) == ""
    assert "<svg" not in growth_curve((None, 2048.0))
    curve = growth_curve((None, 0.0, None, 2048.0))
    assert 'points="4.0,32.0 156.0,4.0"' in curve
    assert "Growth of the last 2 runs, the last one +2.00 KiB per iteration" in curve
    assert 'y1="4.0"' in growth_curve((-1.0, -2.0))


def test_pages_are_loaded_again_and_allow_their_own_style_and_script_only(tmp_path: Path) -> None:
    """The refresh without a script, and the policy, which names the hashes of style and script."""
    response = pages(service_state(tmp_path))["/"](Request("", ""))
    page = response.body.decode()
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in page
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert " style=" not in page
    policy = response.headers["Content-Security-Policy"]
    for kind, text in (("style", style), ("script", script)):
        assert f"{kind}-src 'sha256-{b64encode(sha256(text.encode()).digest()).decode()}';" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "prefers-color-scheme: dark" in style


def body(response: Response) -> str:
    """Return the text of a response."""
    return response.body.decode()


def test_eval_and_its_runs_have_pages(tmp_path: Path) -> None:
    """An eval lists its runs from the history, each with its report and its result; unknown names are one line."""
    first, last = (msgspec.structs.replace(full_result(), run=msgspec.structs.replace(full_result().run, id=run_id))
                   for run_id in ("first/run", "last"))  # fmt: skip
    store = FolderHistory(str(tmp_path / "history"), print)
    store.add([(result, summary_of(result)) for result in (first, last)])
    state = service_state(tmp_path)
    eval_status = state.add_result(last, "agent.py", 0)
    links = read_links({"MEMEVAL_TRACE_URL": "https://traces/{trace_id}", "MEMEVAL_RUNBOOK_URL": "https://runbook"})
    found = pages(state, PageOptions(HistoryReader(store), links))
    name = eval_path("agent.py", "any label").rpartition("/")[2]
    page = body(found["/evals/"](Request("", "", name)))
    assert "Growth of the last 2 runs" in body(found["/"](Request("", "")))
    lost = msgspec.structs.replace(last, run=msgspec.structs.replace(last.run, id="lost"))
    state.add_result(lost, "elsewhere.py", 0)  # a run that the history has not kept: the curve would end before it
    assert body(found["/"](Request("", ""))).count("Growth of the last 2 runs") == 1
    assert f'href="{run_path("first/run")}"' in page
    assert 'href="/runs/first%2Frun.json"' in page
    assert 'href="https://runbook#memevalretainedgrowth"' in page
    assert f'href="https://traces/{eval_status.trace_id}"' in page
    report = found["/runs/"](Request("", "", "first%2Frun"))
    assert f'href="{eval_path("agent.py", eval_status.label)}"' in body(report)
    (script,) = re.findall(r"<script>(.*?)</script>", body(report), re.DOTALL)
    assert b64encode(sha256(script.encode()).digest()).decode() in report.headers["Content-Security-Policy"]
    (result,) = from_json(found["/runs/"](Request("", "", "last.json")).body)
    assert result.run.id == "last"
    for path, name in (("/evals/", "none"), ("/evals/", ""), ("/runs/", "none"), ("/runs/", ""), ("/runs/", "%00")):
        missing = found[path](Request("", "", name))
        assert (missing.status, missing.body) == (HTTPStatus.NOT_FOUND, b"404 Not Found\n")


def test_eval_without_a_history_has_its_last_run(tmp_path: Path) -> None:
    """The page says how to keep more; reports do not exist, and the answer says why."""
    state = service_state(tmp_path)
    state.add_result(full_result(), "agent.py", 0)
    found = pages(state)
    page = body(found["/evals/"](Request("", "", eval_path("agent.py", "").rpartition("-")[2])))
    assert "need a history: --history" in page
    assert "The last run" in page
    missing = found["/runs/"](Request("", "", full_result().run.id))
    assert (missing.status, missing.body.count(b"\n")) == (HTTPStatus.NOT_FOUND, 1)
    assert b"--history" in missing.body


class _SlowHistory(FolderHistory):
    """A history that answers once it is released."""

    def __init__(self, path: str, released: threading.Event) -> None:
        super().__init__(path, print)
        self._released = released

    def runs(self, query: RunQuery, limit: int) -> list[RunSummary]:
        """Wait, then answer."""
        self._released.wait(20)
        return super().runs(query, limit)


def test_history_that_hangs_delays_no_page_for_long(tmp_path: Path) -> None:
    """The first page waits for its patience, further ones not at all, and all say so; then the history answers again."""
    released = threading.Event()
    state = service_state(tmp_path)
    state.add_result(full_result(), "agent.py", 0)
    reader = HistoryReader(_SlowHistory(str(tmp_path / "slow"), released), patience_seconds=0.1)
    found = pages(state, PageOptions(reader))
    name = eval_path("agent.py", "").rpartition("-")[2]
    begin = time.monotonic()
    for _ in range(20):
        assert "does not answer" in body(found["/evals/"](Request("", "", name)))
        assert "does not answer" in body(found["/"](Request("", "")))
    assert found["/runs/"](Request("", "", "any")).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert time.monotonic() - begin < 1
    released.set()
    deadline = time.monotonic() + 10
    while "does not answer" in (page := body(found["/evals/"](Request("", "", name)))):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "no run of this eval yet" in page


def test_problem_of_a_history_reaches_the_page(tmp_path: Path) -> None:
    """An error of the store is raised where it was asked."""
    reader = HistoryReader(FolderHistory(str(tmp_path / "history"), print))

    def fail(store: HistoryStore) -> None:
        raise HistoryError(f"{store.address} is damaged")

    with pytest.raises(HistoryError, match="history is damaged"):
        reader.ask(fail)
    assert reader.ask(lambda store: store.runs(RunQuery(), 1)) == []


def test_revision_changes_with_the_overview(tmp_path: Path) -> None:
    """The page has the revision that the events have, and a change makes another."""
    state = service_state(tmp_path)
    found = pages(state)
    events = found["/events"](Request("", "")).events
    assert events is not None
    before = events()
    assert f'<main data-revision="{before}">' in body(found["/"](Request("", "")))
    state.set_running("agent.py")
    assert events() != before


def test_addresses_that_are_not_of_the_web_are_no_links() -> None:
    """Without an address, names are shown without a link."""
    links = read_links({"MEMEVAL_TRACE_URL": "javascript:alert(1)", "MEMEVAL_RUNBOOK_URL": ""})
    assert links == Links()
    assert links.trace("ab") == "ab"
    assert links.runbook("leaking", ["resources"], passed=False) == "MemevalResourceLeak"
    assert links.runbook("stable", passed=False) == "MemevalGrowthLimitExceeded"
    assert links.runbook("stable", passed=True) == ""
