"""Lines for the log of a job: annotations, the summary of a step, sections."""

from __future__ import annotations

import re

import pytest

from otel_memeval.exporters.builds.findings import Finding, findings
from otel_memeval.exporters.builds.job_log import annotation, output_format, section_end, section_start, summary
from otel_memeval.redact import visible
from tests.exporters.builds.hostile import NAMES, MakeResult, hostile

COMMAND = re.compile(r"::(error|warning) (?:file=([^,:]*),line=(\d+),)?title=([^,:]*)::(.*)")
"""A workflow command as GitHub's runner splits it: properties have no colon and no comma."""


def unescaped(text: str) -> str:
    """Return a text as GitHub shows it."""
    for code, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, character)
    return text


def test_annotation_has_file_line_and_title(make_result: MakeResult) -> None:
    """The sentence of the verdict is at the line that grows."""
    (finding,) = findings(make_result(), ("leaking",), "sub/{}".format)
    expected = "::error file=sub/m.py,line=3,title=An eval%3A leaking::An eval: keeps 4.00 KiB more every iteration"
    assert annotation(finding) == expected
    (warning,) = findings(make_result(), (), lambda _: "")
    assert annotation(warning).startswith("::warning title=An eval%3A leaking::An eval: ")


def test_annotation_is_escaped_as_github_does() -> None:
    """Percent and line ends in the message; colons and commas in properties too."""
    finding = Finding(eval="a,b:c%\r\n", rule="leaking", level="error", message="a,b:c%\r\n", file="a,b:c", line=1)
    expected = "::error file=a%2Cb%3Ac,line=1,title=a%2Cb%3Ac%25%0D%0A%3A leaking::a,b:c%25%0D%0A"
    assert annotation(finding) == expected


@pytest.mark.parametrize("name", NAMES)
def test_names_give_no_further_command(name: str, make_result: MakeResult) -> None:
    """An annotation is one line that GitHub splits as it was made."""
    (finding,) = findings(hostile(make_result, name), ("leaking",), lambda file: file)
    line = annotation(finding)
    assert line.isprintable()
    match = COMMAND.fullmatch(line)
    assert match is not None
    assert unescaped(match[4]) == f"{finding.eval}: leaking"
    assert unescaped(match[5]) == finding.message
    assert unescaped(match[2] or "") == visible(finding.file)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "plain"),
        ({"GITHUB_ACTIONS": "true"}, "github"),
        ({"GITLAB_CI": "true"}, "gitlab"),
        ({"GITHUB_ACTIONS": "false", "GITLAB_CI": ""}, "plain"),
    ],
)
def test_format_is_found_by_the_variable(environment: dict[str, str], expected: str) -> None:
    """A format that was given goes before the variables."""
    assert output_format(None, environment) == expected
    assert output_format("plain", environment) == "plain"
    assert output_format("gitlab", environment) == "gitlab"


def test_summary_stays_below_the_limit_of_a_step() -> None:
    """Whole lines are left out, and a line says so."""
    assert summary("line\n", 0) == b"line\n"
    long = "x" * 99 + "\n"
    for before in (0, 500_000, (1 << 20) - 10, 1 << 20, 2 << 20):
        data = summary(long * 20_000, before)
        assert len(data) <= max(0, (1 << 20) - before)
        lines = data.decode().splitlines()
        assert not data or lines[-1] == "(the rest does not fit into the summary of a step)"
        assert set(lines[:-3]) <= {long.strip()}


def test_section_has_the_form_that_gitlab_reads() -> None:
    """Both markers have the name, and the heading cannot end the section."""
    start = section_start("memeval_1", "An eval\r\x1b[0K\nsection_end:1:memeval_1: stable", 1700000000.4, collapsed=True)
    assert start.startswith("\x1b[0Ksection_start:1700000000:memeval_1[collapsed=true]\r\x1b[0KAn eval\\r\\nsection_end")
    assert start.count("\n") == 1
    assert section_end("memeval_1", 1700000001.0) == "\x1b[0Ksection_end:1700000001:memeval_1\r\x1b[0K\n"
    assert "collapsed" not in section_start("memeval_1", "An eval", 1.0, collapsed=False)
