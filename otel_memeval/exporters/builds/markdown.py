"""Write results as Markdown for a comment or the summary of a job: a table, then each eval that fails. Pure.

The dialect is GitHub's, which GitLab reads too. Names are anybody's: in text and code they are shown as they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from otel_memeval.exporters.builds.details import growth_words
from otel_memeval.exporters.builds.findings import problems
from otel_memeval.exporters.terminal.advice import next_step
from otel_memeval.exporters.terminal.text import code_location, shown
from otel_memeval.records import Result
from otel_memeval.redact import visible
from otel_memeval.units import format_bytes, format_items
from otel_memeval.verdicts import PROPERTIES, REGRESSED

_PLAIN_CODE = re.compile(r"[^\s`|\\](?:[^`|\\]*[^\s`|\\])?")
"""Text that code in backquotes shows as it is, in a table too."""

_NOT_PLAIN = re.compile(r"[^\w ./()-]|_")
"""Characters of other code, which are written as references."""

_MARKUP = re.compile(r"[\\`*_\[\]|~$]")
"""Characters with a meaning in Markdown within a line, tables and formulas included, and not in HTML."""

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def code(text: str) -> str:
    """Return a name as code."""
    text = shown(text)
    if _PLAIN_CODE.fullmatch(text):
        return f"`{text}`"
    return f"<code>{_NOT_PLAIN.sub(lambda match: f'&#{ord(match[0])};', text)}</code>"


def prose(text: str) -> str:
    """Return a sentence as text within a line: no markup, no HTML, and nobody is notified by ``@name``."""
    text = re.sub("[&<>]", lambda match: _HTML[match[0]], visible(text))
    return _MARKUP.sub(r"\\\g<0>", text).replace("@", "@&#8203;")


def markdown(results: Sequence[Result], fail_on: Collection[str]) -> str:
    """Return the document, with a line end at its end."""
    failing = [result for result in results if problems(result, fail_on)]
    number = f"{len(failing)} of {len(results)}" if failing else f"none of {len(results)}"
    lines = [f"### Memory: {number} {'fails' if len(failing) == 1 else 'fail'}", ""]
    compared = any(result.baseline_comparison is not None for result in results)
    lines += ["| eval | verdict | growth per iteration |" + " baseline |" * compared]
    lines += ["| --- | --- | --- |" + " --- |" * compared]
    for result in results:
        row = f"| {code(result.eval.name)} | {_verdict(result, fail_on)} | {growth_words(result)} |"
        lines.append(row + f" {_comparison(result)} |" * compared)
    for result in failing:
        lines += ["", *_details(result, fail_on)]
    return "\n".join([*lines, ""])


def _verdict(result: Result, fail_on: Collection[str]) -> str:
    """Return the verdict with a sign: of a failure, of a state that needs attention, or of neither."""
    state = result.verdict.state
    sign = "❌" if problems(result, fail_on) else "✅" if PROPERTIES[state].severity == "info" else "⚠️"
    return f"{sign} {state}"


def _comparison(result: Result) -> str:
    """Return the comparison with the baseline in one sentence; ``-`` if there is none."""
    comparison = result.baseline_comparison
    return "-" if comparison is None else prose(comparison.summary)


def _details(result: Result, fail_on: Collection[str]) -> Iterator[str]:
    """Yield the lines about a result that fails: sentences, growing lines and containers, the next step."""
    yield f"#### {code(result.eval.name)}"
    for sentence in problems(result, fail_on):
        head, _, rest = sentence.partition(": ")
        is_comparison = result.regressed and sentence.startswith(REGRESSED)
        yield from (
            "",
            f"**{prose(head)}**: {prose(rest)}" if is_comparison else f"**{result.verdict.state}**: {prose(sentence)}",
        )
    if result.sites:
        yield from ("", "| per iteration | alive | line that grows |", "| ---: | ---: | --- |")
    for site in result.sites:
        sizes = f"{format_bytes(site.bytes_per_iteration, signed=True)} | {format_bytes(site.retained_bytes)}"
        yield f"| {sizes} | {code(code_location(site.file, site.line, site.function))} |"
    yield from _more(result.more_sites)
    if result.holders:
        yield from ("", "| per iteration | items | container that grows |", "| ---: | ---: | --- |")
    for holder in result.holders:
        path = code(holder.path) if holder.path else "(not reachable from a module)"
        yield f"| {format_items(holder.items_per_iteration)} | {holder.length} | {path} ({code(holder.type)}) |"
    yield from _more(result.more_holders)
    if step := next_step(result):
        command, gap, remark = step.partition("  ")
        yield from ("", f"Next: {code(command)} {prose(remark)}" if gap else f"Next: {prose(step)}")


def _more(number: int) -> tuple[str, ...]:
    """Return the lines below a table about rows that are left out; none if there are none."""
    return ("", f"and {number} more; `--top` shows them") if number else ()
