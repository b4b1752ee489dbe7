"""What the runbook tells people to type works: queries on a real Prometheus, options on the real command line."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import Any

import pytest

from otel_memeval.telemetry import GENAI_METRICS
from tests.deploy.conftest import Filled
from tests.deploy.shipped import RUNBOOK

CODE = sorted(set(re.findall(r"`([^`\n]+)`", RUNBOOK.read_text(encoding="utf-8"))))
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
QUERIES = [text for text in CODE if re.match(r"(time|increase|memeval_|eval:|up\b)", text)]
COMMANDS = [
    text for text in (*CODE, *"".join(BLOCKS).splitlines()) if re.match(r"(python -m otel_memeval|otel-memeval) ", text)
]
TRACED = tuple(metric.name for metric in GENAI_METRICS)
"""The runs of the fixture are not."""


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_has_data(filled: Filled, query: str) -> None:
    """For one of the evals, with its name filled in."""
    assert len(QUERIES) > 20
    found = [filled.prometheus.query(query.replace("EVAL", name)) for name in filled.runs]
    assert any(found) != query.startswith(TRACED)


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_the_command_line_knows_what_a_command_uses(command: str, helps: dict[str, str]) -> None:
    """Its options stand in the help, and its command too."""
    words = shlex.split(command.removeprefix("python -m ").replace("otel_memeval", "otel-memeval"))[1:]
    help_text = helps["forget"] if words[0] == "forget" else helps["measure"]
    assert words[0] == "TARGET" or f"otel-memeval {words[0]}" in helps["measure"]
    unknown: list[Any] = [word for word in words if word.startswith("--") and not re.search(rf"{word}\b", help_text)]
    assert unknown == []


@pytest.fixture(scope="module")
def helps() -> dict[str, str]:
    """What ``--help`` says."""

    def said(*arguments: str) -> str:
        command = [sys.executable, "-m", "otel_memeval", *arguments, "--help"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout

    return {"measure": said(), "forget": said("forget")}
