"""The runbook's queries return data on a real Prometheus, and the command line has the runbook's options."""

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
"""Metrics of traced runs; the runs of the fixture are not traced."""


@pytest.mark.parametrize("query", QUERIES)
def test_query_returns_data(filled: Filled, query: str) -> None:
    """Each query returns data for at least one of the evals."""
    assert len(QUERIES) > 20
    found = [filled.prometheus.query(query.replace("EVAL", name)) for name in filled.runs]
    assert any(found) != query.startswith(TRACED)


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_command_line_has_the_commands_and_options(command: str, helps: dict[str, str]) -> None:
    """The command and the options of each line are in the help."""
    words = shlex.split(command.removeprefix("python -m ").replace("otel_memeval", "otel-memeval"))[1:]
    help_text = helps["forget"] if words[0] == "forget" else helps["measure"]
    assert words[0] == "TARGET" or f"otel-memeval {words[0]}" in helps["measure"]
    unknown: list[Any] = [word for word in words if word.startswith("--") and not re.search(rf"{word}\b", help_text)]
    assert unknown == []


@pytest.fixture(scope="module")
def helps() -> dict[str, str]:
    """Return the output of ``--help``."""

    def help_of(*arguments: str) -> str:
        command = [sys.executable, "-m", "otel_memeval", *arguments, "--help"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout

    return {"measure": help_of(), "forget": help_of("forget")}
