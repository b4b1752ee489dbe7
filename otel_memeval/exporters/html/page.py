"""Put results together as one HTML page: no request to anywhere, readable without its scripts."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Sequence
from hashlib import sha256
from pathlib import Path

from otel_memeval.exporters.html.answers import answers, badge, moment, verdict_heading
from otel_memeval.exporters.html.comparison import comparison_section
from otel_memeval.exporters.html.data import data_script
from otel_memeval.exporters.html.evidence import explanation_section, holders_section, resources_section, sites_section
from otel_memeval.exporters.html.growth_words import amounts
from otel_memeval.exporters.html.markup import Html, escaped, join, listed, name, table, tag
from otel_memeval.exporters.html.numbers import (
    environment_table,
    iterations_table,
    main_chart,
    small_charts,
    statistics_table,
)
from otel_memeval.exporters.terminal.text import shown
from otel_memeval.records import Result
from otel_memeval.run.result import passes
from otel_memeval.verdicts import STATES_WORST_FIRST
from otel_memeval.version import __version__

_FOLDER = Path(__file__).parent


def html_page(results: Sequence[Result], fail_on: Collection[str], folder: str | None = "", navigation: str = "") -> bytes:
    """Return the page. Results of the same eval and target are one report: of the last of them, with the others beside it.

    Paths of results are relative to ``folder``: the source of growing lines is read from there;
    None: no source is read. ``navigation``, markup, stands above everything.
    """
    style, script = read_style(), _read_script()
    groups = grouped(results)
    single = len(groups) == 1
    reports = [_report(results, places, number, folder, level=1 if single else 2) for number, places in enumerate(groups, 1)]
    last = [results[places[-1]] for places in groups]
    head = [
        Html('<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", _title(last, fail_on)),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{content_policy(style, script)}">'),
        Html('<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">'),
        Html(f"<style>{style}</style>"),
    ]
    noscript = tag("noscript", tag("p", "Charts need JavaScript; the tables have all numbers.", class_="small"))
    main = tag("main", noscript, *([] if single else [_overview(last, groups, fail_on)]), *reports)
    footer = tag(
        "footer", tag("p", f"otel-memeval {__version__}. The results are part of this file, as JSON.", class_="small")
    )
    body = tag("body", navigation, main, footer, data_script(results), Html(f"<script>{script}</script>"))
    page = f'<!DOCTYPE html>\n<html lang="en">\n{tag("head", join(head, chr(10)))}\n{body}\n</html>\n'
    return page.encode("utf-8", "replace")


def grouped(results: Sequence[Result]) -> list[list[int]]:
    """Return the places of the results of each eval and target, in the order of their first ones."""
    groups: dict[tuple[str, str], list[int]] = {}
    for place, result in enumerate(results):
        groups.setdefault((result.eval.name, result.run.target), []).append(place)
    return list(groups.values())


def read_style() -> str:
    """Return the styles of the page."""
    return (_FOLDER / "page.css").read_text(encoding="utf-8")


def _read_script() -> str:
    return (_FOLDER / "page.js").read_text(encoding="utf-8")


def report_policy() -> str:
    """Return the content security policy of a report, for the header of a server."""
    return content_policy(read_style(), _read_script())


def content_policy(style: str, script: str) -> str:
    """Return the content security policy: this style, this script, and nothing from elsewhere."""
    style_hash, script_hash = (b64encode(sha256(text.encode()).digest()).decode() for text in (style, script))
    return (
        f"default-src 'none'; script-src 'sha256-{script_hash}'; style-src 'sha256-{style_hash}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _title(results: Sequence[Result], fail_on: Collection[str]) -> str:
    if len(results) == 1:
        return f"{results[0].verdict.state}: {shown(results[0].eval.name)}"
    return _counted(results, fail_on)


def _counted(results: Sequence[Result], fail_on: Collection[str]) -> str:
    failing = sum(not passes(result, fail_on) for result in results)
    if not results:
        return "Nothing was measured"
    return f"{failing} of {len(results)} evals fail" if failing else f"All {len(results)} evals pass"


def _overview(results: Sequence[Result], groups: Sequence[Sequence[int]], fail_on: Collection[str]) -> Html:
    """Return the table of several evals, those that fail first."""
    numbered = list(enumerate(results, 1))
    numbered.sort(key=lambda each: (passes(each[1], fail_on), STATES_WORST_FIRST.index(each[1].verdict.state), each[0]))
    rows = [
        [
            join([tag("a", name(result.eval.name) or "(no name)", href=f"#eval-{number}"), _passed(result, fail_on)]),
            join(
                [
                    result.verdict.summary,
                    *(tag("span", limit, class_="block") for limit in result.limits_exceeded),
                    _when(result, len(groups[number - 1])),
                ]
            ),
        ]
        for number, result in numbered
    ]
    headings = ["eval", "finding"]
    return join([tag("h1", _counted(results, fail_on)), table("All evals, failing ones first", headings, rows)])


def _passed(result: Result, fail_on: Collection[str]) -> Html:
    """Return the verdict with the word for passing or failing, which the colour alone does not say, and the growth."""
    word = "passes" if passes(result, fail_on) else tag("strong", "fails")
    growth = [tag("span", f"{amount.text} per iteration", class_="block") for amount in amounts(result)]
    return join([tag("span", badge(result.verdict.state), " ", word, class_="block"), *growth])


def _when(result: Result, runs: int) -> Html:
    return tag("span", moment(result), f", the last of {runs} runs" if runs > 1 else "", class_="small block")


def _report(results: Sequence[Result], places: Sequence[int], number: int, folder: str | None, *, level: int) -> Html:
    """Return the report of one eval; ``places`` are those of its runs, the reported one last."""
    run, earlier = places[-1], places[:-1]
    result, others = results[run], [results[place] for place in earlier]
    first = tag("div", answers(result, others), main_chart(result, run, earlier), class_="first")
    heading = f"h{level + 1}"
    sections = [
        ("Lines that grow", sites_section(result, folder)),
        ("Containers that grow", holders_section(result)),
        (
            "What is kept" if result.verdict.state != "creeping" else "What is alive at the peak",
            explanation_section(result, run),
        ),
        ("Memory and time", join([small_charts(result, run, earlier), resources_section(result)])),
        ("Comparison", comparison_section([results[place] for place in places])),
        ("Reasons of the verdict", _reasons(result)),
    ]
    folded = [
        (f"Iterations ({len(result.iterations):,})", join([statistics_table(result), iterations_table(result, run)])),
        ("Environment", environment_table(result)),
    ]
    return tag(
        "article",
        verdict_heading(result, level),
        first,
        *(tag("section", tag(heading, title), content) for title, content in sections if content),
        *(tag("details", tag("summary", tag(heading, title)), content) for title, content in folded if content),
        id=f"eval-{number}",
    )


def _reasons(result: Result) -> Html:
    """Return reasons, suppressed growth, the failure and steps that were left out, as lists."""
    suppressed = [f"ignored: {each.site or each.path or each.resource}, {each.reason}" for each in result.suppressed]
    failures = [iteration.error for iteration in result.iterations if iteration.error is not None]
    failure = next(iter(failures), result.failure)
    lines = [*result.verdict.reasons, *suppressed, *(f"left out: {step}" for step in result.left_out)]
    if failure is not None:
        frames = [tag("code", escaped(f"{frame.file}:{frame.line} in {frame.function}")) for frame in failure.frames]
        return join([listed(lines), tag("p", f"{failure.type}: {failure.message}"), listed(frames)])
    return listed(lines)
