"""A node_exporter of a test that reads textfiles only."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from tests.servers.binaries import program
from tests.servers.server import Server


class NodeExporter(Server):
    """A node_exporter that reads ``*.prom`` in ``textfiles`` at every scrape."""

    ready_path = "/"

    def __init__(self, folder: Path, textfiles: Path) -> None:
        super().__init__(folder)
        self._textfiles = textfiles

    def command(self, address: str) -> list[str]:
        """Return its command line, without other collectors."""
        return [
            str(program("node_exporter")),
            f"--web.listen-address={address}",
            "--collector.disable-defaults",
            "--web.disable-exporter-metrics",
            "--collector.textfile",
            f"--collector.textfile.directory={self._textfiles}",
        ]

    def metrics(self) -> str:
        """Return its metrics in the text format."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
            return text
