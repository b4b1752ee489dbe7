"""``otel-memeval forget`` and ``otel-memeval metrics``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from otel_memeval.telemetry import METRICS, Metric
from tests.servers.pushgateway import Pushgateway

if TYPE_CHECKING:
    from tests.cli.conftest import Done, Tool

ROOT = Path(__file__).resolve().parents[2]
ODD = "a/b\n\u202ec"
SOURCE = f"""
from otel_memeval import PerformanceEval
def run():
    bytearray(50_000)
A = PerformanceEval(func=run, name="plain")
B = PerformanceEval(func=run, name={ODD!a})
C = PerformanceEval(func=run, name="other")
"""


def forget(tool: Tool, *arguments: str) -> Done:
    return tool.run("forget", *arguments, json_file=False)


def test_an_eval_is_forgotten(tool: Tool, tmp_path: Path) -> None:
    """Its groups and its lines go, by name or label, the others' stay; then all go, and what is not this tool's stays."""
    text = tmp_path / "a.prom"
    text.write_text("foreign 1\n")
    with Pushgateway(tmp_path / "push") as push:
        where = ("--pushgateway", push.url, "--textfile", str(text))
        assert tool.measure(SOURCE, "--fail-on", "failed", "-q", *where).status == 0
        assert len(push.groups()) == 6  # of each eval, one more for its last success
        done = forget(tool, ODD, "nobody", *where)
        assert done.status == 0
        shown = "a/b\\n\\u202ec"
        assert done.stdout == "".join(
            f"{destination}: deleted: {shown}; not found: nobody\n" for destination in (push.url, text)
        )
        assert {group["labels"]["eval"] for group in push.groups()} == {"plain", "other"}
        assert shown.replace("\\", "\\\\") not in text.read_text()
        assert 'eval="other"' in text.read_text()
        assert forget(tool, "--all", *where).status == 0
        assert push.groups() == []
        assert "eval=" not in text.read_text()
        assert "foreign 1.0" in text.read_text()
        assert forget(tool, "--all", *where).stdout.count(": no evals found\n") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "which evals are to be forgotten is not clear; name some, or say --all"),
        (["a", "--all"], "which evals are to be forgotten is not clear"),
        (["a"], "there is nowhere to forget them; say --pushgateway URL or --textfile PATH"),
        (["a", "--textfile", "a.txt"], "end in .prom"),
    ],
)
def test_wrong_usage_of_forget(tool: Tool, arguments: list[str], words: str) -> None:
    """Status 2 and one line."""
    done = forget(tool, *arguments)
    assert (done.status, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert words in done.stderr


def test_what_cannot_be_forgotten_is_told(tool: Tool, tmp_path: Path) -> None:
    """Without a gateway status 4, and the textfile is taken care of all the same."""
    text = tmp_path / "a.prom"
    text.write_text('memeval_x{eval="a"} 1\n')
    done = forget(tool, "a", "--pushgateway", "http://me:open-sesame@127.0.0.1:9", "--textfile", str(text))
    assert done.status == 4
    assert done.stdout == f"{text}: deleted: a\n"
    assert done.stderr.startswith("otel-memeval: http://127.0.0.1:9: not all was deleted: ")
    assert "open-sesame" not in done.text
    assert text.read_text() == ""


def test_metrics_are_printed(tool: Tool) -> None:
    """All of the table's, in 80 columns, as JSON, and as the documentation has them."""
    plain = tool.run("metrics", json_file=False).stdout
    assert [line.split()[0] for line in plain.splitlines() if line.startswith("memeval_")] == [one.name for one in METRICS]
    assert max(map(len, plain.splitlines())) <= 80
    for one in METRICS:
        assert one.help.split(".")[0].split(":")[0] in " ".join(plain.split())
    read = msgspec.convert(json.loads(tool.run("metrics", "--json", json_file=False).stdout), tuple[Metric, ...])
    assert read == METRICS
    assert tool.run("metrics", "--markdown", json_file=False).stdout in (ROOT / "docs" / "metrics.md").read_text()


@pytest.mark.parametrize("command", [[], ["forget"], ["metrics"]])
def test_help_is_narrow_and_light(command: list[str]) -> None:
    """--help fits 80 columns, and imports neither a HTTP client nor what speaks to Prometheus."""
    ask = "import sys; from otel_memeval.cli.main import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", ask, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert not {"requests", "prometheus_client", "rich", "msgspec"} & set(done.stderr.split())
