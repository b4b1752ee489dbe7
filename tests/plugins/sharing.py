"""Tell pytest-xdist which tests stay together in one test process, and which begin first."""

from __future__ import annotations

import pytest

SHARED_FIXTURES = ("filled",)
"""Fixtures of the whole session that take many seconds to set up: their tests share one test process."""


def group_of(item: pytest.Item) -> str | None:
    """Return the group of a test: its file if it has a fixture of the module, the fixture if that is shared by all."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = {} if info is None else info.name2fixturedefs
    for name in SHARED_FIXTURES:
        if name in definitions:
            return name
    scopes = {found.scope for found in (chosen[-1] for chosen in definitions.values()) if found.baseid}
    return str(item.path.relative_to(item.config.rootpath)) if scopes & {"module", "class", "package"} else None


def is_parallel(config: pytest.Config) -> bool:
    """Return whether this process is one of several test processes."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Group the tests, and put servers first, then processes: what takes long must not begin last."""
    if not is_parallel(config):
        return
    for item in items:
        if group := group_of(item):
            item.add_marker(pytest.mark.xdist_group(group))
    order = {"server": 0, "process": 1}
    items.sort(key=lambda item: min((rank for name, rank in order.items() if item.get_closest_marker(name)), default=2))
