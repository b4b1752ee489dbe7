"""Give the tests a home folder and a state folder of their own, apart from those of the user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_REMOVED_PREFIXES = ("MEMEVAL_", "OTEL_", "GITHUB_", "GITLAB_")
"""Variables that change what the tool does, where it sends to, or what it prints."""


def cache_folder() -> Path:
    """Return the user's own cache folder: downloads in it are shared by all test runs."""
    folder = os.environ.get("XDG_CACHE_HOME", "")
    return Path(folder) if os.path.isabs(folder) else Path.home() / ".cache"


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Point HOME and the XDG folders to an empty folder, and remove the tool's own variables."""
    home = tmp_path_factory.mktemp("home")
    folders = {
        "HOME": home,
        "XDG_STATE_HOME": home / ".local" / "state",
        "XDG_DATA_HOME": home / ".local" / "share",
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_CACHE_HOME": cache_folder(),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_REMOVED_PREFIXES):
                patch.delenv(name)
        for name, folder in folders.items():
            patch.setenv(name, str(folder))
        yield home
