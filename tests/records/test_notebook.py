"""The table of a result in a notebook."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_memeval.records import Result, Site

SCRIPT = "<script>alert(1)</script>&\"'"


class Page(HTMLParser):
    """Collects tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[tuple[str, tuple[tuple[str, str | None], ...]]] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the tag."""
        self.tags.add((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.text += data + "\n"


LEFT = (("style", "text-align: left"),)
TAGS = {("p", ()), ("strong", ()), ("table", ()), ("tbody", ()), ("tr", ()), ("th", LEFT), ("td", LEFT)}


def test_notebook_shows_verdict_growth_lines_and_containers(make_result: Callable[..., Result]) -> None:
    """The table is short: what was measured, growth, and at most five lines and containers."""
    result = make_result()
    unknown = msgspec.structs.replace(result.sites[0], file="", line=0, function="")
    result = msgspec.structs.replace(result, sites=[unknown] + result.sites * 9, limits_exceeded=["retained memory grew"])
    page = Page(result._repr_html_())
    assert page.text.startswith("An eval: \nleaking\n: keeps 4.00 KiB more every iteration\n")
    for row in (
        "iterations\n5, 3.00 s\n",
        "limit exceeded\nretained memory grew\n",
        "retained per iteration\n+4.00 KiB\n",
        "line that grows\n+4.00 KiB m.py:3 in run\n",
        "line that grows\n+4.00 KiB (no source)\n",
        "container that grows\n+1 m.KEPT (list)\n",
    ):
        assert row in page.text
    assert page.text.count("line that grows") == 5
    assert page.tags == TAGS


def test_markup_in_names_is_shown_as_text(make_result: Callable[..., Result]) -> None:
    """A name, a path and a summary with tags are text, and no page of their own."""
    result = make_result()
    site = Site(file=SCRIPT, line=1, function=SCRIPT, retained_bytes=1, blocks=1, bytes_per_iteration=1.0, signature="x")
    result = msgspec.structs.replace(
        result,
        sites=[site],
        holders=[msgspec.structs.replace(result.holders[0], path=SCRIPT, type=SCRIPT)],
        eval=msgspec.structs.replace(result.eval, name=SCRIPT),
        verdict=msgspec.structs.replace(result.verdict, summary=SCRIPT),
    )
    page = Page(result._repr_html_())
    assert page.tags == TAGS
    assert page.text.count(SCRIPT) == 6


@given(data=st.data())
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_result_gives_a_valid_table(data: st.DataObject, hostile_result: st.SearchStrategy[Result]) -> None:
    """No text of a result adds a tag or a character that cannot be sent to a browser."""
    html = data.draw(hostile_result)._repr_html_()
    assert Page(html).tags <= TAGS
    assert html.isprintable() or "\u200c" in html
    html.encode()
