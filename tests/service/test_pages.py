"""The page of the service for people."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.service.eval_status import Overview
from otel_memeval.service.http.request import Request
from otel_memeval.service.pages import overview_page, pages
from otel_memeval.service.state import ServiceState
from otel_memeval.service.state_file import StateFile
from otel_memeval.verdicts import STATES, State
from tests.service.test_state import status


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


@given(st.text(max_size=40), st.sampled_from(STATES), st.booleans())
def test_page_escapes_names_and_sentences(name: str, state: str, passed: bool) -> None:
    """Any characters in names and sentences make no tags and no attributes."""
    hostile = f"<script>alert(1)</script>\"'&{name}\u202e"
    hostile_status = status(hostile, hostile, sentences=[hostile, hostile], verdict=state, passed=passed)
    overview = Overview(interval_seconds=900, evals=(hostile_status,), running=hostile)
    read = _Tags()
    read.feed(overview_page(overview, 0.0).decode())
    assert set(read.tags) <= {
        "html", "head", "meta", "title", "style", "body", "h1", "p", "table", "tr", "th", "td", "br", "span", "strong",
        "time", "a",
    }  # fmt: skip
    assert read.attributes <= {"lang", "charset", "name", "content", "http-equiv", "scope", "class", "datetime", "href"}
    assert "<script>alert(1)</script>" in read.text
    assert "\u202e" not in read.text


def test_page_shows_the_schedule_and_failed_verdicts() -> None:
    """The page is shown before the first run, during a run, and between runs."""
    text = [
        overview_page(overview, 1000.0).decode()
        for overview in (
            Overview(interval_seconds=900, running="a.py"),
            Overview(interval_seconds=900, evals=(status(),), next_run_seconds=1300.0, skipped=2),
            Overview(interval_seconds=900, evals=(status(passed=False, verdict="leaking"),)),
        )
    ]
    assert "Runs every 15 min 0 s." in text[0]
    assert "Now running: a.py" in text[0]
    assert "Nothing has been measured yet" in text[0]
    assert "Next run in 5 min 0 s" in text[1]
    assert "2 turns skipped" in text[1]
    assert "keeps nothing" in text[1]
    assert '<strong class="failed">leaking (does not pass)</strong>' in text[2]


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
    assert re.findall(r"eval-(\d)", page) == ["4", "1", "3", "5", "2", "0"]
    assert "<title>3 of 6 fail: otel_memeval</title>" in page
    assert "<title>otel_memeval</title>" in overview_page(Overview(interval_seconds=900, evals=evals[:1]), 0.0).decode()


def test_page_is_loaded_again_and_allows_its_own_style_only(tmp_path: Path) -> None:
    """The refresh needs no script; the policy names the hash of the style, so that no other style or script applies."""
    state = ServiceState(
        Board(),
        Overview(interval_seconds=900),
        StateFile(tmp_path / "state.json", print),
        mask=str,
        passed=bool,
        log=print,
        on_result=print,
        on_cycle_end=print,
    )
    response = pages(state)["/"](Request("", ""))
    page = response.body.decode()
    assert '<meta http-equiv="refresh" content="30">' in page
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert " style=" not in page
    policy = response.headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}';" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "prefers-color-scheme: dark" in style
    assert "max-width: 56em" in style
