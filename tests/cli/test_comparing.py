"""``--baseline`` and ``compare``: a run is compared with earlier ones, and a regression fails the build."""

from __future__ import annotations

import json
from pathlib import Path

from otel_memeval.history.folder import FolderHistory
from otel_memeval.history.store import RunQuery
from tests.cli.conftest import Call, Tool
from tests.cli.test_bisect import git

STABLE = "KEPT = []\ndef run():\n    KEPT[:] = [bytearray(50_000)]\n"
LEAK = "KEPT = []\ndef run():\n    KEPT.append(bytearray(50_000))\n"
SHORT = ("--iterations", "6", "--warmup", "1", "--no-follow-up")


def commit(tool: Tool, source: str) -> str:
    """Commit the scenario, and return the commit."""
    tool.write("agent.py", source)
    git(tool.folder, "add", "agent.py")
    git(tool.folder, "commit", "-q", "--allow-empty", "-m", "change")
    return git(tool.folder, "rev-parse", "HEAD").strip()


def test_regression_fails_the_build_names_its_beginning_and_is_found_again(tool: Tool, call: Call, tmp_path: Path) -> None:
    """The report, every file, the status and the history have the comparison; ``compare`` makes it again."""
    kept = ("--history", str(tmp_path / "kept"))
    git(tool.folder, "init", "-q", "-b", "main")
    commit(tool, STABLE)
    done = call("agent.py", *SHORT, *kept)
    assert done.status == 0
    assert "agent: not compared: no earlier run of main that passed has this eval and its settings" in done.text
    leaking = commit(tool, LEAK)
    markdown, junit, sarif = (tmp_path / name for name in ("r.md", "r.xml", "r.sarif"))
    files = ("--markdown", str(markdown), "--junit", str(junit), "--sarif", str(sarif))
    done = call("agent.py", *SHORT, *kept, *files, "--fail-on", "regressed", "--output-format", "github")
    assert done.status == 1
    comparison = done.result.baseline_comparison
    assert comparison is not None
    assert (comparison.outcome, comparison.baseline) == ("regressed", "1 run of main that passed")
    assert comparison.since is not None
    assert comparison.since.commit == leaking
    assert [leak.status for leak in comparison.leaks] == ["new"]
    for text in (done.text, *(" ".join(path.read_text().split()) for path in (markdown, junit, sarif))):
        assert f"regressed since {leaking[:7]}" in text
        assert "new leak: agent.py:3 (run)" in text
    assert "::error file=agent.py,line=3" in done.stdout

    history = FolderHistory(kept[1], print)
    (summary, _) = history.runs(RunQuery(), 10)
    assert (summary.passed, history.result(summary.run_id)) == (False, done.result)
    found = call("compare", "HEAD~1", "HEAD", *kept, "--fail-on", "regressed", json_file=False)
    assert found.status == 1
    assert "new: agent.py:3 (run), +48.9 KiB per iteration" in found.text
    assert "level of the peak" in found.text
    printed = call("compare", "HEAD", "HEAD~1", *kept, "--json", "-", json_file=False)
    (compared,) = json.loads(printed.stdout)["evals"]
    assert (printed.status, compared["comparison"]["outcome"]) == (0, "improved")
    assert "#### `agent`" in call("compare", "latest", summary.run_id, *kept, "--markdown", "-", json_file=False).stdout


def test_comparison_that_cannot_be_made_is_refused_before_anything_is_measured(
    tool: Tool, call: Call, tmp_path: Path
) -> None:
    """One line and status 2 for references that name nothing; a bisection skips the commit."""
    tool.write("agent.py", "raise SystemExit(9)\n")
    tool.write("bad.json", "{")
    for arguments, problem in (
        (("--baseline", "bad.json"), "bad.json: this is no result file"),
        (("--baseline", "auto"), "'auto' is no file, and no history is named to look for it in"),
        (("--baseline", "v1", "--history", str(tmp_path / "kept")), "and no git ref"),
        (("--fail-on", "regresed"), "did you mean regressed?"),
        (("--fail-on", "idle,regressed"), "--fail-on regressed without a baseline"),
    ):
        done = call("agent.py", *arguments)
        assert (done.status, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert problem in line
    for references, problem in (
        (("bad.json", "bad.json"), "bad.json: this is no result file"),
        (("a", "b"), "'a' is no file, and no history is named to look for it in"),
        (("a", "b", "--history", "none"), "there is no history in none"),
        (("a", "b", "--json", "-", "--markdown", "-"), "name a file for one of them"),
    ):
        done = call("compare", *references, json_file=False)
        assert done.status == 2
        assert problem in done.stderr
