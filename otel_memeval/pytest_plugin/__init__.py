"""The pytest plugin: the marker ``memeval``, the fixture ``memeval``, and a section of the terminal summary.

pytest imports this module at each start, so that it imports nothing but pytest. Everything else is imported when a test is
measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from otel_memeval.pytest_plugin.fixture import Memeval

_MARKER = (
    "memeval(iterations=20, warmup=3, max_growth=None, max_peak_growth=None, fail_on=None, ignore=(), in_process=True): "
    "call the test again and again with the fixtures it was given, and fail it if its memory keeps growing."
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test whose marker says so in a process of its own."""
    marker = item.get_closest_marker("memeval")
    if marker is None or marker.kwargs.get("in_process", True) is not False:
        return None
    from otel_memeval.pytest_plugin.own_process import report_elsewhere, runs_elsewhere

    if not runs_elsewhere(item):
        return None
    report_elsewhere(item, nextitem)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure a test that has the marker."""
    marker = item.get_closest_marker("memeval")
    if marker is None or not isinstance(item, pytest.Function):
        yield
        return
    from otel_memeval.pytest_plugin.marked_test import MarkedTest

    test = MarkedTest(item, marker)
    with test.replaced_function():
        yield
    test.judge()


@pytest.fixture
def memeval(request: pytest.FixtureRequest) -> Memeval:
    """Measure a part of a test: ``memeval(func)`` returns the result, ``memeval.check(func)`` fails the test as well.

    In an async test: ``await memeval.arun(func)`` and ``await memeval.acheck(func)``.
    """
    from otel_memeval.pytest_plugin.fixture import Memeval

    return Memeval(request.node)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the measured tests with their verdicts; with xdist those of all workers."""
    lines = {
        f"{report.nodeid}: {text}": None
        for reports in list(terminalreporter.stats.values())
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
        for name, text in report.user_properties
        if name == "memeval"
    }
    if lines:
        terminalreporter.section("memory of measured tests (memeval)")
    for line in sorted(lines):
        terminalreporter.write_line(line)
