"""Write the overview of the service: the last verdict of each eval, failing ones first. Pure."""

from __future__ import annotations

from otel_memeval.exporters.html.answers import badge
from otel_memeval.exporters.html.markup import Html, join, name, table, tag
from otel_memeval.service.eval_status import EvalStatus, Overview
from otel_memeval.service.links import eval_path, run_path
from otel_memeval.service.page_frame import framed, growth_curve, time_text
from otel_memeval.units import format_seconds
from otel_memeval.verdicts import STATES_WORST_FIRST


def overview_page(
    overview: Overview, now_seconds: float, problem: str = "", *, has_history: bool = False, revision: str = ""
) -> bytes:
    """Return the page at ``/`` at a moment (since 1970), failing evals first.

    ``problem``: a sentence about an overdue measurement or the history. ``has_history``: runs have reports.
    """
    evals = sorted(overview.evals, key=lambda status: (status.passed, STATES_WORST_FIRST.index(status.verdict)))
    failing = sum(not status.passed for status in evals)
    all_pass = "The only eval passes" if len(evals) == 1 else f"All {len(evals)} evals pass"
    headline = f"{failing} of {len(evals)} {'does' if failing == 1 else 'do'} not pass" if failing else all_pass
    if not evals:
        headline = "Nothing has been measured yet"
    rows = [_row(status, has_history=has_history) for status in evals]
    content = join(
        [
            tag("h1", headline),
            tag("p", _schedule(overview, now_seconds)),
            tag("p", problem, class_="problem", role="alert") if problem else "",
            tag(
                "div",
                table("All evals, failing ones first", ["eval", "finding", "growth of its last runs", "last run"], rows),
                class_="evals",
            ),
        ]
    )
    return framed(f"{headline}: otel-memeval" if evals else "otel-memeval", content, revision)


def _schedule(overview: Overview, now_seconds: float) -> Html:
    parts: list[str] = [f"Runs every {format_seconds(overview.interval_seconds)}."]
    if overview.skipped:
        turns = f"{overview.skipped} turn{'' if overview.skipped == 1 else 's'}"
        parts.append(f"{turns} skipped, because earlier runs had not ended.")
    if overview.running:
        parts.append(join(["Now running: ", name(overview.running), "."]))
    elif overview.next_run_seconds is not None:
        left = overview.next_run_seconds - now_seconds
        when = f"in {format_seconds(left)}" if left >= 1 else "now"
        parts.append(join([f"Next run {when}, ", time_text(overview.next_run_seconds), "."]))
    return join(parts, " ")


def _row(status: EvalStatus, *, has_history: bool) -> list[str]:
    last: Html = time_text(status.ended_seconds)
    if has_history and status.run_id:
        last = tag("a", last, href=run_path(status.run_id))
    return [
        join(
            [
                tag("a", name(status.label) or "(no name)", href=eval_path(status.key, status.label)),
                tag("span", verdict_words(status), class_="block"),
            ]
        ),
        join(
            [
                *(tag("span", sentence, class_="block") for sentence in status.sentences),
                tag("span", since_words(status), class_="small block"),
            ]
        ),
        growth_curve(status.growth_bytes),
        tag(
            "span", last, tag("span", f"took {format_seconds(status.duration_seconds)}", class_="small block"), class_="time"
        ),
    ]


def verdict_words(status: EvalStatus) -> Html:
    """Return the verdict with the words for passing or not, which the colour alone does not say."""
    return join([badge(status.verdict), " ", "passes" if status.passed else tag("strong", "does not pass")])


def since_words(status: EvalStatus) -> Html:
    """Return since when the eval passes or does not, and the sentence of a regression."""
    since = []
    if status.since_seconds is not None:
        since.append(join(["passes" if status.passed else "does not pass", " since ", time_text(status.since_seconds)]))
    return join([*since, *([status.regression] if status.regression else [])], "; ")
