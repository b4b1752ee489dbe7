"""Write the first screen of a report: verdict, amount over time, moment, holder and next step. Pure but for the source."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from otel_memeval.exporters.html.growth_words import CALLS_PER_HOUR, Amount, amounts
from otel_memeval.exporters.html.markup import Html, escaped, join, name, tag
from otel_memeval.exporters.terminal.advice import next_step
from otel_memeval.exporters.terminal.text import code_location
from otel_memeval.records import WORDS, Result, Site
from otel_memeval.run.sentence import describe_holder
from otel_memeval.verdicts import PROPERTIES, State

_SHORT_COMMIT = 10

_RATE_FIELD = Html(f'<input type="number" min="0" step="any" value="{CALLS_PER_HOUR}">')


def verdict_heading(result: Result, level: int) -> Html:
    """Return the eval's name as a heading of a level, its verdict, the sentence and the exceeded limits."""
    limits = [tag("p", tag("strong", "Limit exceeded: "), limit) for limit in result.limits_exceeded]
    return tag(
        "header",
        tag("div", tag(f"h{level}", name(result.eval.name)), badge(result.verdict.state), class_="title"),
        tag("p", result.verdict.summary, class_="sentence"),
        *limits,
        class_=f"verdict {PROPERTIES[result.verdict.state].severity}",
    )


def badge(state: State) -> Html:
    """Return the state of a verdict as a label with its colour."""
    return tag("span", state, class_=f"badge {PROPERTIES[state].severity}")


def answers(result: Result, earlier: Sequence[Result]) -> Html:
    """Return the list of questions and answers; ``earlier`` are other runs of the same eval, the oldest first."""
    pairs = _failure(result) if result.verdict.state == "failed" else _growth(result, earlier)
    pairs.append(("What to do", _what_to_do(result)))
    return tag(
        "dl", *(tag("div", tag("dt", question), tag("dd", answer)) for question, answer in pairs if answer), class_="answers"
    )


def _growth(result: Result, earlier: Sequence[Result]) -> list[tuple[str, Html]]:
    growing = amounts(result)
    return [
        ("What grows", _what(result, growing)),
        ("How much", _how_much(growing)),
        ("Since when", since(result, earlier)),
        ("Who holds it", _who(result)),
    ]


def _failure(result: Result) -> list[tuple[str, Html]]:
    """Return the error and its innermost line."""
    errors = (iteration.error for iteration in result.iterations if iteration.error is not None)
    error = next(errors, result.failure)
    if error is None:
        return []
    frames = [tag("code", code_location(frame.file, frame.line, frame.function)) for frame in error.frames[-1:]]
    return [("What happened", escaped(f"{error.type}: {error.message}")), ("Where", join(frames))]


def _what(result: Result, growing: Sequence[Amount]) -> Html:
    """Return the leading line of code, else what makes the resource, else the part of the memory."""
    sites = [site for site in result.sites if not site.bounded]
    parts = " and ".join(amount.of or amount.unit for amount in growing)
    if sites:
        more = len(sites) - 1 + result.more_sites
        rest = f" and {more} more line{'' if more == 1 else 's'}" if more else ""
        through = f", through {_at(sites[0])}" if sites[0].through is not None else ""
        return join([tag("code", code_location(sites[0].file, sites[0].line, sites[0].function)), through, rest])
    for key in WORDS:
        resource = getattr(result.resources, key, None)
        if resource is not None and resource.growing and resource.made_at:
            line = resource.made_at[0]
            return join([f"{WORDS[key][1]}, made at ", tag("code", code_location(line.file, line.line, line.function))])
    if parts:
        return escaped(parts[0].upper() + parts[1:])
    return escaped("Nothing" if result.verdict.state in ("stable", "settling") else "Not known")


def _at(site: Site) -> str:
    through = site.through
    return "" if through is None else code_location(through.file, through.line, through.function)


def _how_much(growing: Sequence[Amount]) -> Html:
    """Return each growth per iteration, and of a day at a rate of calls that the page lets the reader change."""
    if not growing:
        return Html()
    calls = f"{CALLS_PER_HOUR:,}"
    parts = []
    for amount in growing:
        field = tag("label", "at ", _RATE_FIELD, " calls an hour", hidden=True)
        fixed = tag("span", f"at {calls} calls an hour", class_="fixed")
        day = tag("output", amount.per_day, class_="day")
        parts.append(
            tag(
                "span", tag("strong", amount.text), " per iteration; ", fixed, field, ": ", day, " a day",
                data_per_call=f"{amount.per_iteration:.6g}", data_kind=amount.unit,
            )
        )  # fmt: skip
    return join(parts, "<br>") if len(parts) == 1 else join([tag("div", part) for part in parts])


def since(result: Result, earlier: Sequence[Result]) -> Html:
    """Return since when it grows: by the history, by an earlier run on the page, else the moment of this run."""
    comparison = result.baseline_comparison
    if comparison is not None and comparison.outcome != "unknown":
        return escaped(comparison.summary)
    if earlier:
        before = earlier[-1]
        grew = ", ".join(amount.text for amount in amounts(before))
        growth = f", {grew} per iteration" if grew else ""
        return join(["the run of ", moment(before), f"{_commit(before)} was ", badge(before.verdict.state), growth])
    return join(["one run, ", moment(result), _commit(result), "; no earlier run to compare with (--history keeps them)"])


def _commit(result: Result) -> str:
    git = result.run.git
    if git is None:
        return ""
    return f" (commit {git.commit[:_SHORT_COMMIT]}{' with changes' if git.dirty else ''})"


def moment(result: Result) -> Html:
    """Return the moment at which a run began, in UTC; the text itself if it is no time."""
    try:
        started = datetime.fromisoformat(result.run.started_at).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return name(result.run.started_at)
    return tag("time", f"{started:%Y-%m-%d %H:%M} UTC", datetime=started.isoformat(timespec="seconds"))


def _who(result: Result) -> Html:
    """Return the first growing container; examples of a growing resource where there is none."""
    if result.holders:
        more = len(result.holders) - 1 + result.more_holders
        rest = f" and {more} more container{'' if more == 1 else 's'}" if more else ""
        return join([tag("code", describe_holder(result.holders[0])), rest])
    for key in WORDS:
        resource = getattr(result.resources, key, None)
        if resource is not None and resource.growing and resource.examples:
            return join([tag("code", ", ".join(resource.examples[:2]))])
    is_kept = amounts(result) and result.verdict.state != "creeping"
    return escaped("no growing container was found") if is_kept else Html()


def _what_to_do(result: Result) -> Html:
    step = next_step(result)
    command, separator, remark = step.partition("  (")
    if command.startswith("otel-memeval "):
        return join([tag("code", command), f" ({remark}" if separator else ""])
    if step:
        return escaped(step)
    for key in WORDS:
        resource = getattr(result.resources, key, None)
        if result.explanation is not None and resource is not None and resource.growing and resource.made_at:
            line = resource.made_at[0]
            place = tag("code", code_location(line.file, line.line, line.function))
            return join([f"end, close or await the {WORDS[key][1]} made at ", place])
    if result.explanation is not None and result.holders and result.holders[0].path:
        return join(
            ["remove items from ", tag("code", name(result.holders[0].path)), " once they are not needed, or bound it"]
        )
    if result.explanation is not None and amounts(result):
        return escaped("follow the stacks below to the call that releases what they allocate")
    return escaped("nothing" if PROPERTIES[result.verdict.state].severity == "info" else "read the reasons below")
