"""Run pytest-memray's ``limit_leaks("1 KB")`` on a test that runs the iterations; the warm-up runs in a fixture.

Flagged if the test fails. 1 KB for all iterations together is the smallest limit in its documentation.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks.tools.answer import ToolAnswer, job, print_answer

_TEST = """
import pytest
from benchmarks.corpus.{module} import {name}
from benchmarks.tools.answer import caller


@pytest.fixture(scope="module")
def call():
    call = caller({name})
    for _ in range({warmup}):
        call()
    return call


@pytest.mark.limit_leaks("1 KB")
def test_iterations(call):
    for _ in range({iterations}):
        call()
"""


class _TestReports:
    """Keeps the failure that pytest reports."""

    def __init__(self) -> None:
        self.failed = False
        self.text = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the report of one stage of the test."""
        if report.failed:
            self.failed = True
            sections = dict(report.sections)
            self.text = sections.get("memray-leaked-memory", "") or str(report.longrepr)


def main() -> None:
    """Measure and answer."""
    task = job()
    here = Path.cwd()
    reports = _TestReports()
    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder) / "test_leaks.py"
        test.write_text(
            _TEST.format(
                module=task.scenario.module, name=task.scenario.name, warmup=task.warmup, iterations=task.iterations
            ),
            encoding="utf-8",
        )
        sys.path.insert(0, str(here))
        quiet = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", folder]
        pytest.main([str(test), "--memray", "--stacks=20", *quiet], plugins=[reports])
    location = re.search(r"(?P<file>[^\s:]*benchmarks/corpus/[^\s:]+\.py):(?P<line>\d+)", reports.text)
    print_answer(
        ToolAnswer(
            flagged=reports.failed,
            detail=json.dumps(reports.text[:300]),
            file=location["file"] if location else "",
            line=int(location["line"]) if location else 0,
        )
    )


if __name__ == "__main__":
    main()
