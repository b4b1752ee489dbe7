"""Two environments in turn: their iterations, their comparison, the exit status of the second one."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from tests.cli.conftest import Call, Tool

SCENARIO = """
    import os, time
    KEPT = []
    def run():
        name = os.environ.get("ENVIRONMENT_NAME", "A")
        with open(os.environ["ORDER"], "a") as file:
            file.write(name)
        if name == "B":
            KEPT.append(bytearray(20_000))
        time.sleep(float(os.environ.get("PAUSE", "0")))
"""


def second_python(tool: Tool) -> str:
    """Return an interpreter whose scenarios have another variable."""
    path = tool.write("../second-python", f'#!/bin/sh\nENVIRONMENT_NAME=B exec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.process
def test_iterations_are_in_turn_and_the_second_run_is_compared_with_the_first(tool: Tool, call: Call) -> None:
    """The table and the result say what the second environment brings; its verdict is the exit status."""
    tool.write("scenario.py", SCENARIO)
    order = tool.folder.parent / "order"
    os.environ["ORDER"] = str(order)
    try:
        done = call("scenario.py", "--compare-python", second_python(tool), "--iterations", "6", "--warmup", "1")
    finally:
        del os.environ["ORDER"]
    assert done.status == 1, done.text
    assert order.read_text().startswith("AB" * 7)
    before, after = done.runs
    assert (before.verdict.state, after.verdict.state) == ("stable", "leaking")
    assert before.baseline_comparison is None
    assert after.baseline_comparison is not None
    assert after.baseline_comparison.outcome == "regressed"
    assert [leak.status for leak in after.baseline_comparison.leaks] == ["new"]
    assert "retained memory per iteration" in done.stdout
    assert f"the run of Python {before.run.python} ({sys.executable})" in done.stdout


@pytest.mark.process
def test_interruption_ends_both_runs_and_reports_them(tool: Tool) -> None:
    """Each has the iterations that it has done; nothing is left."""
    tool.write("scenario.py", SCENARIO)
    order = tool.folder.parent / "order"
    options = ("--iterations", "50", "--warmup", "0", "--compare-python", second_python(tool))
    command = tool.start("scenario.py", *options, environment={"ORDER": str(order), "PAUSE": "0.2"})
    deadline = time.monotonic() + 30
    while not (order.exists() and order.read_text().count("B") >= 2):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    command.process.send_signal(signal.SIGINT)
    done = command.finish()
    assert done.status == 130, done.text
    assert [result.failure is not None and result.failure.type for result in done.runs] == ["Interrupted"] * 2
    assert all(1 <= len(result.iterations) < 10 for result in done.runs)
    assert tool.processes() == []


@pytest.mark.parametrize("other", [["--in-process"], ["--bisect"], ["--baseline", "latest"], ["--ray", "local"]])
def test_other_ways_to_measure_are_refused(other: list[str], tool: Tool, call: Call) -> None:
    """Status 2 (125 with ``--bisect``), and one line that names both options."""
    tool.write("scenario.py", "def run(): pass\n")
    done = call("scenario.py", "--compare-python", sys.executable, *other)
    assert done.status == (125 if other == ["--bisect"] else 2)
    assert f"--compare-python with {other[0]}" in done.stderr
