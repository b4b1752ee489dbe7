"""What a person does next after a report: one line by verdict, and the source around the line that leads."""

from __future__ import annotations

import io
import os
import shlex
import tokenize

from otel_memeval.records import Result, Site

_AROUND = 2
"""Lines of source before and after the one that grows."""

_PART_OF_TEXT: int = getattr(tokenize, "FSTRING_MIDDLE", -1)
"""Part of a text with fields; from Python 3.12 on."""

_TEXTS = (tokenize.STRING, tokenize.COMMENT, _PART_OF_TEXT)


def next_step(result: Result) -> str:
    """Return one line with the next command or look at the code; empty where nothing has to be done."""
    target = "TARGET" if result.run.target.startswith("(in process)") else shlex.quote(result.run.target)
    state = result.verdict.state
    if state == "failed":
        raised = any(iteration.error is not None for iteration in result.iterations)
        return "mend the error, or go on after failed iterations with --keep-going" if raised else ""
    if state == "leaking" and not (result.sites or result.holders):
        return "look for what is opened or started in each iteration and never closed, joined or awaited"
    if state in ("leaking", "creeping") and result.explanation is None:
        return f"otel-memeval {target} --explain  (types, references and stacks of the growth)"
    if state == "native-leak" and result.explanation is None:
        return f"otel-memeval {target} --explain  (with memray installed in the scenario's Python: the C frames)"
    if state == "idle":
        return "await the call, or read the stream to its end: as it is, nothing is measured"
    if state == "inconclusive" and result.verdict.iterations_needed is not None:
        return f"otel-memeval {target} --max-iterations {result.verdict.iterations_needed}"
    if state == "settling":
        return f"otel-memeval {target} --warmup {result.eval.warmup + max(1, len(result.iterations) // 2)}"
    return ""


def excerpt(site: Site, folder: str = "") -> list[tuple[int, str, bool]]:
    """Return number and text of the lines around a site, and whether it is the site's own.

    ``folder``: the one that the site's file is relative to, if it is not the current folder.
    Empty for a file that is not below this folder, such as one of a library. Texts in the source are left out: they
    may be prompts or keys.
    """
    if os.path.isabs(site.file) or not site.line:
        return []
    try:
        with open(os.path.join(folder, site.file), encoding="utf-8-sig", errors="replace") as file:
            lines = _without_texts(file.read().removesuffix("\n"))
    except (OSError, ValueError, SyntaxError, tokenize.TokenError):
        return []
    if site.line > len(lines):
        return []
    first, last = max(1, site.line - _AROUND), min(len(lines), site.line + _AROUND)
    return [(number, lines[number - 1].rstrip(), number == site.line) for number in range(first, last + 1)]


def _without_texts(source: str) -> list[str]:
    """Return the lines of a source file with ``...`` in place of each text and comment. Raises as ``tokenize``."""
    lines = source.split("\n")
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(source).readline))):
        if token.type in _TEXTS:
            (first, begin), (last, end) = token.start, token.end
            shown = "# ..." if token.type == tokenize.COMMENT else "..." if token.type == _PART_OF_TEXT else '"..."'
            rest = lines[last - 1][end:]
            for number in range(first, last):
                lines[number] = ""
            lines[first - 1] = lines[first - 1][:begin] + shown + (rest if first == last else "")
            if first != last:
                lines[last - 1] = '..."' + rest
    return lines
