"""Markdown: a reader of GitHub's dialect shows each name as it is, and nothing of it is obeyed."""

from __future__ import annotations

import re
from html import unescape

import pytest
from markdown_it import MarkdownIt

from otel_memeval.exporters.builds.markdown import markdown
from otel_memeval.exporters.terminal.text import shown
from otel_memeval.records import Verdict
from tests.exporters.builds.hostile import NAMES, MakeResult, hostile

FAIL_ON = ("leaking", "failed")
TAGS = {"h3", "h4", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "strong"}


def html(text: str) -> str:
    """Return a document as GitHub's dialect is rendered, with its HTML left in."""
    return str(MarkdownIt("gfm-like", {"linkify": False}).render(text))


def test_table_has_each_eval_and_failing_ones_are_described(make_result: MakeResult) -> None:
    """Sentence, growing lines, containers and the next step of those that fail."""
    stable = make_result(verdict=Verdict(state="stable", summary="keeps nothing", reasons=[]))
    creeping = make_result(verdict=Verdict(state="creeping", summary="needs more", reasons=[]))
    text = markdown([make_result(), stable, creeping], FAIL_ON)
    assert text.splitlines() == [
        "### Memory: 1 of 3 fails",
        "",
        "| eval | verdict | growth per iteration |",
        "| --- | --- | --- |",
        "| `An eval` | ❌ leaking | +4.00 KiB |",
        "| `An eval` | ✅ stable | +4.00 KiB |",
        "| `An eval` | ⚠️ creeping | - |",
        "",
        "#### `An eval`",
        "",
        "**leaking**: keeps 4.00 KiB more every iteration",
        "",
        "| per iteration | alive | line that grows |",
        "| ---: | ---: | --- |",
        "| +4.00 KiB | 20.0 KiB | `m.py:3 in run` |",
        "",
        "| per iteration | items | container that grows |",
        "| ---: | ---: | --- |",
        "| +1 | 5 | `m.KEPT` (`list`) |",
        "",
        "Next: `otel-memeval m:run --explain` (types, references and stacks of the growth)",
    ]
    assert text.endswith(")\n")


def test_results_that_pass_have_a_table_only(make_result: MakeResult) -> None:
    """Nothing is described."""
    assert markdown([make_result()], ()).splitlines()[0] == "### Memory: none of 1 fail"
    assert "####" not in markdown([make_result()], ())


def test_rows_that_are_left_out_are_counted(make_result: MakeResult) -> None:
    """Below the table."""
    text = markdown([make_result(more_sites=3, more_holders=2)], FAIL_ON)
    assert re.findall(r"\|\n\n(and \d more; `--top` shows them)\n", text) == [
        "and 3 more; `--top` shows them",
        "and 2 more; `--top` shows them",
    ]


@pytest.mark.parametrize("state", ["leaking", "failed"])
@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_and_not_obeyed(name: str, state: str, make_result: MakeResult) -> None:
    """The page has no element but the report's own, its tables keep their columns, and the name is in it as it is."""
    text = markdown([hostile(make_result, name, state)], FAIL_ON)
    assert text.replace("\n", "").isprintable()
    page = html(text)
    assert set(re.findall(r"<(\w+)", page)) <= TAGS
    assert set(re.findall(r"<\w+ ([^>]*)>", page)) <= {'style="text-align:right"'}
    assert [row.count("<td") for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)] == [0, 3, 0, 3, 0, 3]
    cell = re.search(r"<td><code>(.*?)</code></td>", page, re.DOTALL)
    if name.strip():
        assert cell is not None
        assert unescape(cell[1]) == shown(name)


def test_nobody_is_notified(make_result: MakeResult) -> None:
    """GitHub notifies whom ``@name`` in a text names; code is left alone."""
    text = markdown([hostile(make_result, "@octocat")], FAIL_ON)
    outside_of_code = re.sub(r"`[^`]*`", "", text)
    assert "octocat" in outside_of_code
    assert "@octocat" not in outside_of_code
