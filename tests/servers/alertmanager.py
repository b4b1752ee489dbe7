"""An Alertmanager of a test, and ``amtool``."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from tests.servers.binaries import program
from tests.servers.server import Server


class Alertmanager(Server):
    """An Alertmanager; ``config`` is the text of its configuration."""

    def __init__(self, folder: Path, config: str, *flags: str) -> None:
        super().__init__(folder)
        self._config = self.folder / "alertmanager.yml"
        self._config.write_text(config, encoding="utf-8")
        self._flags = flags

    def command(self, address: str) -> list[str]:
        """Return its command line, without a cluster."""
        return [
            str(program("alertmanager")),
            f"--config.file={self._config}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
            *self._flags,
        ]

    def working_folder(self) -> Path:
        """Return the folder in which unpacked programs find their templates."""
        return _beside_templates(program("alertmanager")) or self.folder

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that it holds: ``labels``, ``annotations``, ``status``."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
            return found


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``amtool ARGUMENTS``; paths are absolute."""
    path = program("amtool")
    return subprocess.run(
        [str(path), *arguments], cwd=_beside_templates(path), capture_output=True, text=True, check=False, timeout=60
    )


def _beside_templates(path: Path) -> Path | None:
    folder = path.parent.parent / "share" / "prometheus"
    return folder if (folder / "alertmanager").is_dir() else None
