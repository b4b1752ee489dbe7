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


def test_forget_deletes_groups_and_series(tool: Tool, tmp_path: Path) -> None:
    """Evals are deleted by name, then all at once; metrics of other tools stay."""
    text = tmp_path / "a.prom"
    text.write_text("foreign 1\n")
    with Pushgateway(tmp_path / "push") as push:
        where = ("--pushgateway", push.url, "--textfile", str(text))
        assert tool.measure(SOURCE, "--fail-on", "failed", "-q", *where).status == 0
        assert len(push.groups()) == 6  # each eval has a second group for its last success
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
        ([], "forget needs either names of evals or --all; name the evals"),
        (["a", "--all"], "forget needs either names of evals or --all"),
        (["a"], "name a Pushgateway (--pushgateway) or a textfile (--textfile) to delete from"),
        (["a", "--textfile", "a.txt"], "end in .prom"),
    ],
)
def test_forget_refuses_wrong_usage(tool: Tool, arguments: list[str], words: str) -> None:
    """Wrong usage gives status 2 and one line."""
    done = forget(tool, *arguments)
    assert (done.status, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert words in done.stderr


def test_forget_reports_failed_deletions(tool: Tool, tmp_path: Path) -> None:
    """Without a gateway the status is 4, and the textfile is changed all the same."""
    text = tmp_path / "a.prom"
    text.write_text('memeval_x{eval="a"} 1\n')
    done = forget(tool, "a", "--pushgateway", "http://me:open-sesame@127.0.0.1:9", "--textfile", str(text))
    assert done.status == 4
    assert done.stdout == f"{text}: deleted: a\n"
    assert done.stderr.startswith("otel-memeval: http://127.0.0.1:9: not all was deleted: ")
    assert "open-sesame" not in done.text
    assert text.read_text() == ""


def test_metrics_command_prints_every_metric(tool: Tool) -> None:
    """The table is printed in 80 columns, as JSON, and as Markdown like the documentation."""
    plain = tool.run("metrics", json_file=False).stdout
    names = [line.split()[0] for line in plain.splitlines() if line.startswith("memeval_")]
    assert names == [metric.name for metric in METRICS]
    assert max(map(len, plain.splitlines())) <= 80
    for metric in METRICS:
        assert metric.help.split(".")[0].split(":")[0] in " ".join(plain.split())
    read = msgspec.convert(json.loads(tool.run("metrics", "--json", json_file=False).stdout), tuple[Metric, ...])
    assert read == METRICS
    assert tool.run("metrics", "--markdown", json_file=False).stdout in (ROOT / "docs" / "metrics.md").read_text()


@pytest.mark.parametrize("command", [[], ["forget"], ["metrics"]])
def test_help_fits_80_columns_and_imports_little(command: list[str]) -> None:
    """``--help`` imports neither an HTTP client nor prometheus-client."""
    ask = "import sys; from otel_memeval.cli.main import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", ask, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert not {"requests", "prometheus_client", "rich", "msgspec"} & set(done.stderr.split())
