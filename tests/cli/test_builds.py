"""Files and lines for build systems, from the command line."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.conftest import Call, Tool

LEAK = """
    from otel_memeval import PerformanceEval
    KEPT = []
    def work():
        KEPT.append(bytearray(50_000))
    LEAK = PerformanceEval(work, name="a\\n::error::obey|<script>]]>", num_iterations=8, warmup_runs=1)
"""
RAISES = "def run():\n    raise ValueError('\\n::error::obey')\n"


@pytest.mark.process
def test_github_shows_each_failing_eval_at_its_line(tool: Tool, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder below the root of the checkout: annotations, the summary of the step, and one file for all targets."""
    out = tool.folder.parent / "out"
    out.mkdir()
    subprocess.run(["git", "init", "-q", str(tool.folder.parent)], check=True)
    tool.write("leak.py", LEAK)
    tool.write("raises.py", RAISES)
    summary = out / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    names = {option: out / f"result.{option}" for option in ("junit", "markdown", "sarif", "code-quality")}
    paths = [argument for option, path in names.items() for argument in (f"--{option}", str(path))]
    done = call("leak.py", "raises.py", *paths)
    assert done.status == 3, done.text
    first, second = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert first.startswith(
        "::error file=work/leak.py,line=5,title=a\\n%3A%3Aerror%3A%3Aobey|<script>]]>%3A leaking::a\\n::"
    )
    assert second.startswith("::error file=work/raises.py,line=2,title=raises%3A failed::raises: ")
    markdown = names["markdown"].read_text(encoding="utf-8")
    assert summary.read_text(encoding="utf-8") == f"before\n{markdown}"
    assert markdown.startswith("### Memory: 2 of 2 fail\n")
    (suite,) = ET.parse(names["junit"]).getroot()
    assert [child.tag for case in suite for child in case] == ["failure", "system-out", "error", "system-out"]
    found = json.loads(names["sarif"].read_bytes())["runs"][0]["results"]
    assert [(result["ruleId"], result["level"]) for result in found] == [("leaking", "error"), ("failed", "error")]
    entries = json.loads(names["code-quality"].read_bytes())
    assert [entry["location"] for entry in entries] == [
        {"path": "work/leak.py", "lines": {"begin": 5}},
        {"path": "work/raises.py", "lines": {"begin": 2}},
    ]


@pytest.mark.process
def test_gitlab_folds_reports_and_a_file_that_is_not_written_is_status_4(
    tool: Tool, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passing eval has a closed section; the verdict stands in its heading. The other files are written."""
    tool.write("scenario.py", "def run():\n    bytearray(100_000)\n")
    monkeypatch.setenv("GITLAB_CI", "true")
    junit = tool.folder.parent / "result.xml"
    done = call("scenario.py", "--iterations", "3", "--sarif", "/dev/full", "--junit", str(junit))
    assert done.status == 4
    assert done.stderr.splitlines()[-1] == "otel-memeval: --sarif /dev/full was not written: No space left on device"
    assert ET.parse(junit).getroot().get("tests") == "1"
    (begin,) = re.findall(r"\x1b\[0Ksection_start:\d+:(\w+)\[collapsed=true\]\r\x1b\[0Kscenario: (\w[\w-]+)\n", done.stdout)
    assert begin[1] == done.result.verdict.state
    assert re.search(rf"\x1b\[0Ksection_end:\d+:{begin[0]}\r\x1b\[0K\n$", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--junit", "nowhere/x"], "--junit nowhere/x: its folder does not exist; create the folder first"),
        (["--markdown", "."], "--markdown .: this is a folder; name a file in it"),
        (["--sarif", "-"], "--sarif -: only --json can be standard output; name a file"),
        (["--sarif", "x", "--junit", "./x"], "--junit and --sarif name the same file, x; name a file for each"),
        (
            ["--every", "1h", "--output-format", "github"],
            "--every with --output-format github; leave one out: a service is no build job",
        ),
    ],
)
def test_unusable_options_are_refused(tool: Tool, call: Call, arguments: list[str], problem: str) -> None:
    """One line, before anything is measured."""
    tool.write("scenario.py", "from pathlib import Path\nPath('was_here').touch()\ndef run(): pass\n")
    done = call("scenario.py", *arguments, json_file=False)
    assert (done.status, done.stderr) == (2, f"otel-memeval: {problem}\n")


def test_summary_that_cannot_be_written_fails_no_run(tmp_path: Path) -> None:
    """A folder, a folder that does not exist, and a device: the reason is returned; a missing file is made."""
    from otel_memeval.cli.job_log import _append_summary

    assert _append_summary(str(tmp_path), "text\n") == "this is no regular file"
    assert _append_summary(str(tmp_path / "no" / "file"), "text\n") == "No such file or directory"
    for _ in range(2):
        assert _append_summary(str(tmp_path / "file"), "text\n") == ""
    assert (tmp_path / "file").read_text(encoding="utf-8") == "text\ntext\n"
