"""Print for the log of a build system's job: sections around reports, annotations, and the summary of the step."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from otel_memeval.config import Settings
    from otel_memeval.exporters.builds.job_log import OutputFormat
    from otel_memeval.records import Result


@contextlib.contextmanager
def section(
    console: Console, result: Result, fail_on: Collection[str], given: OutputFormat | None, settings: Settings
) -> Iterator[None]:
    """Put everything that is printed meanwhile into a section of GitLab's log, open if the result fails."""
    from otel_memeval.exporters.builds.findings import problems
    from otel_memeval.exporters.builds.job_log import output_format, section_end, section_start

    if output_format(given, settings.environment) != "gitlab":
        yield
        return
    name = f"memeval_{result.run.id}"
    heading = f"{result.eval.name}: {result.verdict.state}"
    collapsed = not problems(result, fail_on)
    now_seconds = time.time()  # GitLab shows the time between the two markers
    console.file.write(section_start(name, heading, now_seconds - result.run.duration_seconds, collapsed=collapsed))
    yield
    console.file.write(section_end(name, now_seconds))


def annotate(
    consoles: tuple[Console, Console],
    results: Sequence[Result],
    fail_on: Collection[str],
    given: OutputFormat | None,
    settings: Settings,
) -> None:
    """Print an annotation for the leading line of each eval, and append the results to the summary of the step: on GitHub.

    Annotations go past the guard of ``print_line``: they are the tool's own, with every name of the scenario escaped. A
    summary that cannot be written is a line on standard error, and no failure of the run.
    """
    from otel_memeval.exporters.builds.job_log import annotation, output_format

    if output_format(given, settings.environment) != "github" or not results:
        return
    from otel_memeval.exporters.builds.checkout import checkout_path
    from otel_memeval.exporters.builds.findings import findings
    from otel_memeval.exporters.builds.markdown import markdown
    from otel_memeval.exporters.terminal.text import print_note

    out, err = consoles
    path = checkout_path(settings.folder)
    for result in results:
        for finding in findings(result, fail_on, path)[:1]:  # GitHub shows ten errors and ten warnings of a step
            out.file.write(f"{annotation(finding)}\n")
    file = settings.environment.get("GITHUB_STEP_SUMMARY", "")
    if file and (problem := _append_summary(file, markdown(results, fail_on))):
        print_note(err, f"GITHUB_STEP_SUMMARY={file}: {problem}")


def _append_summary(file: str, text: str) -> str:
    """Append to the summary of the step as much as fits. Return the reason if it could not be written."""
    from otel_memeval.exporters.builds.job_log import summary

    if os.path.exists(file) and not os.path.isfile(file):
        return "this is no regular file"
    try:
        with open(file, "ab") as opened:
            opened.write(summary(text, opened.tell()))
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
