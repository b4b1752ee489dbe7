"""Tell pytest-xdist which tests share a test process, and which begin first.

The groups are found by the text of the test file: the process that hands the tests out does not collect them. The marks of
``pytest-xdist`` 3.8 for this have no effect with pytest 9.2, whose tests no longer take the name of a group into their id.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest

SHARED_FIXTURES = ("filled",)
"""Fixtures of the session that take many seconds to set up: the files that use one of them share one test process."""

_FIXTURE_OF_MODULE = re.compile(r'fixture\(scope="(?:module|class)"|\btogether: Together\b')
"""A file with such a fixture is run by one test process, which sets it up once; ``together`` is that of tests/cli."""


@functools.cache
def group_of_file(path: Path) -> str | None:
    """Return the group of the tests in a file; None if they share nothing."""
    text = path.read_text(encoding="utf-8")
    for name in SHARED_FIXTURES:
        if re.search(rf"\b{name}: ", text):
            return name
    return str(path) if _FIXTURE_OF_MODULE.search(text) else None


def group_of(root: Path, test_id: str) -> str:
    """Return the group of a test: that of its file, else the test alone."""
    return group_of_file(root / test_id.partition("::")[0]) or test_id


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole groups with ``--dist loadgroup``."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc] # has no types
        """The groups of ``group_of``, in the order of collection."""

        def _split_scope(self, nodeid: str) -> str:
            return group_of(config.rootpath, nodeid)

    return GroupScheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests of servers first, then those of processes: what takes long must not begin last."""
    if hasattr(config, "workerinput"):
        order = {"server": 0, "process": 1}
        items.sort(key=lambda item: min((rank for name, rank in order.items() if item.get_closest_marker(name)), default=2))
