"""Mark the tests that start a process or a server, and let no unmarked test start one.

The quick half of the tests is ``pytest -m "not process and not server"``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent

MARKS_BY_FOLDER = {"cli": "process", "deploy": "server", "faults": "process", "scenarios": "server", "servers": "server"}
"""Every test in the folder has the mark."""

MARKS_BY_FIXTURE = {"run_python": "process"}
"""Every test that uses the fixture has the mark."""

STARTING_EVENTS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec", "os.system"})
"""Audit events of a new process: https://docs.python.org/3/library/audit_events.html."""

ALLOWED_PROGRAMS = frozenset({"git", "uname", "ldconfig"})
"""Small programs that the tool and the standard library ask for facts; they end at once."""


def marks_for(item: pytest.Item) -> set[str]:
    """Return the marks that a test's folder and fixtures stand for."""
    folder = item.path.relative_to(TESTS).parts[0]
    marks = {MARKS_BY_FOLDER[folder]} if folder in MARKS_BY_FOLDER else set()
    return marks | {MARKS_BY_FIXTURE[name] for name in getattr(item, "fixturenames", ()) if name in MARKS_BY_FIXTURE}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add the marks before pytest selects tests by ``-m``."""
    for item in items:
        for name in sorted(marks_for(item)):
            item.add_marker(name)


class StartedPrograms:
    """The programs that the running test has started without a mark for it."""

    def __init__(self) -> None:
        self.watching = False
        self.programs: list[str] = []

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        """Take an audit event: note the program of a new process."""
        if not self.watching or event not in STARTING_EVENTS:
            return
        program = os.path.basename(str(arguments[0])) if arguments else event
        if program not in ALLOWED_PROGRAMS:
            self.programs.append(program)


_STARTED = pytest.StashKey[StartedPrograms]()


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the interpreter's audit events, once a process: an audit hook cannot be removed."""
    started = StartedPrograms()
    config.stash[_STARTED] = started
    sys.addaudithook(started.hear)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that starts a process and has neither mark."""
    started = item.config.stash[_STARTED]
    started.programs = []
    started.watching = not any(item.get_closest_marker(name) for name in ("process", "server"))
    try:
        yield
    finally:
        started.watching = False
    if started.programs:
        pytest.fail(f"the test starts {', '.join(started.programs)}: mark it with pytest.mark.process or pytest.mark.server")
