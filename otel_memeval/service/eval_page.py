"""Write the page of one eval of the service: its last verdict, and its last runs from the history. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from otel_memeval.exporters.html.answers import badge
from otel_memeval.exporters.html.markup import Html, join, name, table, tag
from otel_memeval.history.listing import growth_bytes
from otel_memeval.records import Result
from otel_memeval.records.run_summary import RunSummary
from otel_memeval.service.eval_status import EvalStatus
from otel_memeval.service.links import Links, eval_path, run_path
from otel_memeval.service.overview_page import since_words, verdict_words
from otel_memeval.service.page_frame import framed, growth_curve, time_text
from otel_memeval.units import format_bytes, format_seconds
from otel_memeval.verdicts import PROPERTIES

MOST_RUNS = 50
"""Runs in the list; ``otel-memeval history`` lists all."""
_SHORT_COMMIT = 10
_HOME = tag("a", "All evals", href="/")


def eval_page(
    status: EvalStatus, runs: Sequence[RunSummary] | None, problem: str, links: Links, *, revision: str = ""
) -> bytes:
    """Return the page of an eval with its runs, the newest first.

    None as ``runs``: there is no history; ``problem``: a sentence about one that does not answer.
    """
    facts = [
        ("Since when", since_words(status)),
        ("Growth of its last runs", growth_curve(_growth(status, runs or ()))),
        ("Last run", join([time_text(status.ended_seconds), f", took {format_seconds(status.duration_seconds)}"])),
        ("Target", tag("code", name(status.key))),
        ("Runbook", links.runbook(status.verdict, passed=status.passed)),
        ("Trace", links.trace(status.trace_id)),
    ]
    content = join(
        [
            tag("nav", _HOME, aria_label="Pages"),
            tag(
                "header",
                tag("div", tag("h1", name(status.label) or "(no name)"), verdict_words(status), class_="title"),
                *(tag("p", sentence, class_="sentence") for sentence in status.sentences),
                class_=f"verdict {PROPERTIES[status.verdict].severity}",
            ),
            tag("dl", *(tag("div", tag("dt", word), tag("dd", fact)) for word, fact in facts if fact), class_="facts"),
            tag("section", tag("h2", "Runs"), _runs(status, runs, problem)),
        ]
    )
    return framed(f"{status.verdict}: {status.label}", content, revision)


def _growth(status: EvalStatus, runs: Sequence[RunSummary]) -> Sequence[float | None]:
    """Return the growth of the runs in the history, the oldest first; without one, of those that the service has seen."""
    return [growth_bytes(run) for run in reversed(runs)] if runs else status.growth_bytes


def _runs(status: EvalStatus, runs: Sequence[RunSummary] | None, problem: str) -> Html:
    headings = ["run", "verdict", "per iteration", "duration", "commit", "result"]
    rows = [_row(run) for run in runs or ()]
    if problem:
        return tag("p", problem, class_="problem", role="alert")
    if runs is None:
        known = [[time_text(status.ended_seconds), verdict_words(status), format_seconds(status.duration_seconds)]]
        listed = table("The last run", ["run", "verdict", "duration"], known)
        return join([listed, tag("p", "Reports of runs, and earlier runs, need a history: --history.", class_="small")])
    if not rows:
        return tag("p", "The history has no run of this eval yet.", class_="small")
    more = f"; otel-memeval history lists earlier ones: --limit {2 * MOST_RUNS}" if len(rows) >= MOST_RUNS else ""
    return table(f"The last {len(rows)} runs, the newest first{more}", headings, rows)


def _row(run: RunSummary) -> list[str]:
    growth = growth_bytes(run)
    result = tag("a", "JSON", href=f"{run_path(run.run_id)}.json", aria_label=f"JSON of the run of {run.started_at}")
    return [
        tag("a", _started(run.started_at), href=run_path(run.run_id)),
        join([badge(run.verdict), " ", "passes" if run.passed else tag("strong", "does not pass")]),
        "-" if growth is None else tag("span", format_bytes(growth, signed=True), class_="growth-text"),
        format_seconds(run.duration_seconds),
        tag("code", name(run.commit[:_SHORT_COMMIT]), " with changes" if run.dirty else "") if run.commit else "-",
        result,
    ]


def _started(text: str) -> Html:
    """Return the moment at which a run began, in UTC; the text itself if it is no time."""
    try:
        return time_text(datetime.fromisoformat(text).astimezone(timezone.utc).timestamp())
    except (ValueError, OverflowError, OSError):
        return name(text)


def run_navigation(result: Result, status: EvalStatus | None, links: Links, *, passed: bool) -> Html:
    """Return the links above the report of a run: the eval's page, trace, runbook and JSON."""
    trace = links.trace(result.run.trace_id or "")
    runbook = links.runbook(result.verdict.state, result.verdict.channels, passed=passed)
    parts = [
        _HOME,
        tag("a", name(status.label), href=eval_path(status.key, status.label)) if status is not None else "",
        tag("a", "Result as JSON", href=f"{run_path(result.run.id)}.json"),
        tag("span", "Trace ", trace) if trace else "",
        tag("span", "Runbook: ", runbook) if runbook else "",
    ]
    return tag("nav", *(part for part in parts if part), aria_label="Pages")
