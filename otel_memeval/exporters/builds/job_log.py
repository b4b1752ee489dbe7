"""Write for the log of a job: annotations and a summary on GitHub, collapsible sections on GitLab. Pure.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands, which Gitea and Forgejo obey too, and
https://docs.gitlab.com/ci/jobs/job_logs/#create-custom-collapsible-sections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from otel_memeval.exporters.builds.findings import Finding
from otel_memeval.exporters.terminal.text import shown
from otel_memeval.redact import visible

OutputFormat = Literal["plain", "github", "gitlab"]

_VARIABLES: dict[str, OutputFormat] = {"GITHUB_ACTIONS": "github", "GITLAB_CI": "gitlab"}
"""Variables that are ``true`` in a job of a build system."""

_MOST_SUMMARY_BYTES = 1 << 20
"""GitHub refuses the summary of a step above 1 MiB."""

_CUT = "\n\n(the rest does not fit into the summary of a step)\n"


def output_format(given: OutputFormat | None, environment: Mapping[str, str]) -> OutputFormat:
    """Return the format that was given, else that of the build system whose variable is set, else ``plain``."""
    found = [found for name, found in _VARIABLES.items() if environment.get(name, "").lower() == "true"]
    return given or (found[0] if found else "plain")


def annotation(finding: Finding) -> str:
    """Return the workflow command that shows a finding at its line."""
    properties = {"title": f"{finding.eval}: {finding.rule}"}
    if finding.file:
        properties = {"file": visible(finding.file), "line": str(finding.line), **properties}
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{finding.level} {listed}::{_data(finding.message)}"


def _data(text: str) -> str:
    """Return a message as GitHub's own toolkit escapes it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def summary(text: str, size_before_bytes: int) -> bytes:
    """Return what is appended to the summary of a step, whole lines that fit beside what it has already."""
    data = text.encode("utf-8", "replace")
    room = _MOST_SUMMARY_BYTES - size_before_bytes
    if len(data) <= room:
        return data
    kept = data[: max(0, room - len(_CUT))]
    return kept[: kept.rfind(b"\n") + 1] + _CUT.encode() if kept else b""


def section_start(name: str, heading: str, at_seconds: float, *, collapsed: bool) -> str:
    """Return the marker that begins a section; its end has the same ``name``, and ``at_seconds`` are times since 1970."""
    option = "[collapsed=true]" if collapsed else ""
    return f"\x1b[0Ksection_start:{at_seconds:.0f}:{name}{option}\r\x1b[0K{shown(heading)}\n"


def section_end(name: str, at_seconds: float) -> str:
    """Return the marker that ends a section."""
    return f"\x1b[0Ksection_end:{at_seconds:.0f}:{name}\r\x1b[0K\n"
