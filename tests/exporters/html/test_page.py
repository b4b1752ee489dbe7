"""The page of results: one file without requests, readable without its scripts, in which names are text."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from benchmarks.faults.groups.injection import NAMES
from otel_memeval.exporters.html.page import grouped, html_page
from otel_memeval.records import Result, Site, Verdict, from_json
from otel_memeval.records.comparison import Comparison
from otel_memeval.redact import visible
from otel_memeval.verdicts import STATES
from tests.exporters.html.results import full_result, with_comparison, with_every_text
from tests.repository.files import ROOT

FAIL_ON = ("leaking", "failed")
MOST_BYTES = 1_000_000
VOID = {"meta", "link", "input", "br"}
END_OMITTED = {"th", "td", "tr"}
NAMESPACE = re.compile(r"https?://(?:www\.w3\.org/|www\.apache\.org/licenses/)")


class Page(HTMLParser):
    """The elements of a page, and the text that a reader sees."""

    def __init__(self, data: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(data.decode())
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element; a row or a cell ends the one before."""
        self.elements.append((tag, dict(attrs)))
        if tag == "tr" or tag in ("td", "th"):
            self._end_until({"tr"} if tag == "tr" else {"td", "th"})
        if tag not in VOID:
            self.open.append(tag)

    def _end_until(self, tags: set[str]) -> None:
        while self.open and self.open[-1] in END_OMITTED and set(self.open[-3:]) & tags:
            if self.open.pop() in tags:
                return

    def handle_endtag(self, tag: str) -> None:
        """Check that what was begun last ends first."""
        while tag not in END_OMITTED and self.open[-1] in END_OMITTED:
            self.open.pop()
        assert self.open.pop() == tag, (tag, self.open)

    def handle_data(self, data: str) -> None:
        """Keep the text below the name of its element."""
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    @property
    def text(self) -> str:
        """Return the visible text."""
        return " ".join(text for tag, texts in self.texts.items() if tag not in ("style", "script") for text in texts)

    @property
    def data(self) -> str:
        """Return the text of the element with the results."""
        return self.texts["script"][0]


def element_names(data: bytes) -> list[str]:
    """Return the names of the elements of a page, with those of their attributes, in order."""
    return [f"{tag} {sorted(attributes)}" for tag, attributes in Page(data).elements]


def test_first_screen_answers_the_questions_of_a_new_reader() -> None:
    """Which line grows, by how much an iteration and a day, since when, who holds it, and the next step."""
    answers = html_page([full_result()], FAIL_ON).decode().partition('<dl class="answers">')[2].partition("</dl>")[0]
    text = re.sub(r"<[^>]+>", "", answers)
    assert "agent.py:3 in run" in text
    assert "+30.0 KiB per iteration; at 1,000 calls an hour" in text  # the bounded line is none of the leak
    assert "703 MiB a day" in text
    assert "+1 thread per iteration" in text
    assert "2026-11-30 10:00 UTC (commit d630f4c52a with changes); no earlier run" in text
    assert "agent.AGENT -&gt; Agent.log (list, +1 per iteration)" in text
    assert "end, close or await the threads made at agent.py:3 in run" in text
    text = re.sub(r"<[^>]+>", "", html_page([msgspec.structs.replace(full_result(), resources=None)], FAIL_ON).decode())
    assert "remove items from agent.AGENT -&gt; Agent.log once they are not needed" in text


def test_first_screen_of_a_failed_run_names_the_error_and_its_line(make_result: Callable[..., Result]) -> None:
    """Nothing is said of growth; a creeping run has the chart of its peak first."""
    failed = make_result(
        verdict=Verdict(state="failed", summary="iteration 1: ValueError: no", reasons=[]), failure=full_result().failure
    )
    text = html_page([failed], FAIL_ON).decode()
    assert "<dt>What happened</dt><dd>ValueError: no</dd>" in text
    assert "<dt>Where</dt><dd><code>agent.py:3 in run</code></dd>" in text
    assert "How much" not in text
    creeping = html_page([make_result(verdict=Verdict(state="creeping", summary="", reasons=[]))], FAIL_ON).decode()
    assert re.findall(r'class="chart main[^>]* data-chart="(\w+)"', creeping) == ["peak"]


def test_page_needs_nothing_from_elsewhere_and_obeys_its_own_policy() -> None:
    """No address but namespaces and licences; the hashes of the policy are those of the style and the script."""
    data = html_page([full_result()], FAIL_ON)
    page = Page(data)
    text = data.decode()
    assert re.findall(r"https?://[^\s\"'<]*", NAMESPACE.sub("", text)) == []
    for tag, attributes in page.elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert (attributes.get("href") or attributes.get("src") or "#").startswith(("#", "data:,"))
    (policy,) = [attributes["content"] or "" for _, attributes in page.elements if "http-equiv" in attributes]
    style, script = "".join(page.texts["style"]), text.rpartition("<script>")[2].partition("</script>")[0]
    for part, content in (("style", style), ("script", script)):
        assert f"{part}-src 'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_page_is_readable_by_a_screen_reader() -> None:
    """Language, viewport, one first heading, no level left out, and a caption for each table."""
    for results in ([full_result()], [full_result(), msgspec.structs.replace(full_result(), run=other_target())]):
        page = Page(html_page(results, FAIL_ON))
        names = [tag for tag, _ in page.elements]
        assert page.elements[0] == ("html", {"lang": "en"})
        levels = [int(name[1]) for name in names if re.fullmatch("h[1-6]", name)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert names.count("table") == names.count("caption") > 5
        identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(identifiers) == len(set(identifiers))


def other_target() -> msgspec.Struct:
    """Return the run of another target."""
    return msgspec.structs.replace(full_result().run, target="other.py:run")


def test_tables_have_all_numbers_without_scripts() -> None:
    """Each iteration, line, container, resource and package is text."""
    text = Page(html_page([full_result()], FAIL_ON)).text
    for expected in ("warm-up 1", "1.11 MiB", "+20.0 KiB", "ValueError: no", "agent.py:5 in run", "Agent.log", "threads",
                     "memory of child processes", "0.28.1", "uvloop.Loop", "library/client.py:7", "ignored: x.py:1, known",
                     "left out: the callers", "not explained: a note", "bytearray", "4.00 KiB per iteration"):  # fmt: skip
        assert expected in text, expected


def test_page_has_the_results_as_json() -> None:
    """The element is a result file; fields that have their default are left out of it."""
    result = full_result()
    assert from_json(Page(html_page([result, result], FAIL_ON)).data.encode()) == [result, result]


def test_several_evals_begin_with_an_overview_failing_ones_first() -> None:
    """The links lead to the reports; the title counts."""
    passing = full_result()
    passing = msgspec.structs.replace(
        passing, run=other_target(), verdict=Verdict(state="stable", summary="keeps nothing", reasons=[]),
        limits_exceeded=[], failure=None,
    )  # fmt: skip
    text = html_page([passing, full_result()], FAIL_ON).decode()
    assert "<title>1 of 2 evals fail</title>" in text
    overview = text.partition("<tbody>")[2].partition("</tbody>")[0]
    assert re.findall(r'href="#(eval-\d)"', overview) == ["eval-2", "eval-1"]
    assert [identifier in text for identifier in ('id="eval-1"', 'id="eval-2"')] == [True, True]
    assert "<title>Nothing was measured</title>" in html_page([], FAIL_ON).decode()


def test_results_of_one_eval_are_laid_over_each_other() -> None:
    """The last one is reported, the others are drawn beside it and compared in a table."""
    earlier = msgspec.structs.replace(full_result(), verdict=Verdict(state="stable", summary="keeps nothing", reasons=[]))
    assert grouped([earlier, full_result()]) == [[0, 1]]
    text = html_page([earlier, full_result()], FAIL_ON).decode()
    assert text.count("<article") == 1
    assert 'data-chart="retained" data-run="1" data-earlier="0"' in text
    assert "Runs of this eval" in text
    assert "the run of <time" in text


def test_comparison_with_the_baseline_says_since_when() -> None:
    """The sentence is on the first screen, quantities and leaks are below; a run that was not compared says why."""
    text = html_page([with_comparison(full_result())], FAIL_ON).decode()
    answers = text.partition('<dl class="answers">')[2].partition("</dl>")[0]
    assert "<dt>Since when</dt><dd>regressed since aaaaaaa (2026-11-29): +20.0 KiB per iteration" in answers
    for cell in ("+20.0 KiB (+19.5 KiB to +20.5 KiB)", "+50%", "agent.py:3 (run)", "new", "aaaaaaa (2026-11-29)"):
        assert cell in text.rpartition("Comparison</h2>")[2]
    unknown = Comparison(outcome="unknown", summary="not compared: no run before", reason="no run before")
    text = html_page([msgspec.structs.replace(full_result(), baseline_comparison=unknown)], FAIL_ON).decode()
    assert "no earlier run to compare with" in text
    assert "not compared: no run before" in text


def test_source_of_growing_lines_is_shown_without_its_texts(tmp_path: Path) -> None:
    """A file below the folder is read; a prompt in it is left out."""
    (tmp_path / "agent.py").write_text("# <a>\nKEPT = []\ndef run(): KEPT.append('a prompt' < 'b')\n", encoding="utf-8")
    text = html_page([full_result()], FAIL_ON, str(tmp_path)).decode()
    assert "<mark>    3  def run(): KEPT.append(&quot;...&quot; &lt; &quot;...&quot;)</mark>" in text
    assert "a prompt" not in text


def test_long_run_stays_below_a_megabyte() -> None:
    """1,000 iterations and 500 lines; the results are compressed."""
    data = html_page([full_result(1000, 500)], FAIL_ON)
    assert len(data) < MOST_BYTES / 2
    packed = re.search(rb'<script type="application/gzip" id="results">([^<]*)</script>', data)
    assert packed is not None
    assert len(from_json(gzip.decompress(b64decode(packed[1])))[0].iterations) == 1001


def test_very_long_run_shows_its_ends_and_its_errors() -> None:
    """The results have all iterations, the table has not."""
    text = html_page([full_result(2200)], FAIL_ON).decode()
    assert len(text) < MOST_BYTES
    assert "the first and the last 1000, and those that failed; the results in this page have all 2,201" in text
    rows = [f"<th scope=row>{row}<" in text for row in (999, 1000, 1001, 1200, 1201, 2200)]
    assert rows == [True, False, False, False, True, True]


@pytest.mark.parametrize("state", STATES)
def test_each_verdict_has_a_page(state: str, make_result: Callable[..., Result]) -> None:
    """Without lines and containers too."""
    verdict = Verdict(state=state, summary="a summary", reasons=[])  # type: ignore[arg-type]
    for parts in (
        {},
        {"sites": [], "holders": [], "iterations": [], "statistics": msgspec.structs.replace(make_result().statistics)},
    ):
        page = Page(html_page([make_result(verdict=verdict, **parts)], FAIL_ON))
        assert state in page.text


@pytest.mark.parametrize("kind", NAMES)
def test_names_are_text(kind: str) -> None:
    """In every field, no name adds an element or an attribute; the results keep it."""
    name = NAMES[kind][:500]
    result = with_every_text(with_comparison(full_result()), name)
    data = html_page([result], FAIL_ON)
    if visible(name).strip():  # a name that shows nothing has no element of its own
        assert element_names(data) == element_names(
            html_page([with_every_text(with_comparison(full_result()), "a")], FAIL_ON)
        )
    assert json.loads(Page(data).data)["runs"][0]["eval"]["name"] == name.encode("utf-8", "replace").decode()
    assert "FORGED" not in [line.strip()[:6] for line in data.decode().split("\n")]


@settings(deadline=None, max_examples=30, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_result_has_a_page(data: st.DataObject, any_result: st.SearchStrategy[Result]) -> None:
    """Numbers of any size, lists of any length."""
    Page(html_page([data.draw(any_result)], FAIL_ON))


def test_bundle_is_built_from_the_sources_beside_it() -> None:
    """The digest in the file is that of its sources: after a change, run ``npm ci && npm run build`` in their folder."""
    folder = ROOT / "otel_memeval" / "exporters" / "html"
    web = folder / "web"
    scripts = sorted(path.name for path in (web / "src").iterdir())
    digest = sha256()
    for name in ("build.mjs", "package-lock.json", "package.json", *(f"src/{script}" for script in scripts)):
        digest.update(f"{name}\0".encode() + (web / name).read_bytes() + b"\0")
    built = (folder / "page.js").read_text(encoding="utf-8")
    assert f"Sources: sha256 {digest.hexdigest()}\n" in built
    assert "</script" not in built
    assert "<!--" not in built
    assert "Copyright 2010-" in built


def test_site_without_growth_has_an_empty_bar(make_result: Callable[..., Result]) -> None:
    """A growth of zero divides nothing."""
    site = Site(file="", line=0, function="", retained_bytes=0, blocks=0, bytes_per_iteration=0.0, signature="x")
    assert 'width="0.0%"' in html_page([make_result(sites=[site])], FAIL_ON).decode()
