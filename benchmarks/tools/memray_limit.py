"""pytest-memray's ``limit_leaks("1 KB")`` on a test that runs the iterations; the warm-up is done in a fixture.

Flagged when the test fails. 1 KB for all of the iterations together is the smallest limit that its documentation shows.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks.tools.answer import Answer, job, tell

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


class _Outcome:
    """Keeps what pytest reports of the test."""

    def __init__(self) -> None:
        self.failed = False
        self.text = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One stage of the test."""
        if report.failed:
            self.failed = True
            sections = dict(report.sections)
            self.text = sections.get("memray-leaked-memory", "") or str(report.longrepr)


def main() -> None:
    """Measure and answer."""
    task = job()
    here = Path.cwd()
    outcome = _Outcome()
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
        pytest.main([str(test), "--memray", "--stacks=20", *quiet], plugins=[outcome])
    place = re.search(r"(?P<file>[^\s:]*benchmarks/corpus/[^\s:]+\.py):(?P<line>\d+)", outcome.text)
    tell(
        Answer(
            flagged=outcome.failed,
            detail=json.dumps(outcome.text[:300]),
            file=place["file"] if place else "",
            line=int(place["line"]) if place else 0,
        )
    )


if __name__ == "__main__":
    main()
