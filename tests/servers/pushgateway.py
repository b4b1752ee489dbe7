"""A Pushgateway of a test."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.servers.binaries import program
from tests.servers.server import Server


class Pushgateway(Server):
    """A Pushgateway; ``web_config`` is the text of its web configuration: users with bcrypt hashes, certificates (then
    ``tls=True``).
    """

    def __init__(self, folder: Path, *flags: str, web_config: str = "", tls: bool = False) -> None:
        super().__init__(folder, scheme="https" if tls else "http")
        self._flags = list(flags)
        if web_config:
            path = self.folder / "web.yml"
            path.write_text(web_config, encoding="utf-8")
            self._flags.append(f"--web.config.file={path}")

    def command(self, address: str) -> list[str]:
        """Return its command line: it keeps nothing after its end unless a flag says otherwise."""
        return [str(program("pushgateway")), f"--web.listen-address={address}", "--persistence.file=", *self._flags]

    def metrics(self) -> str:
        """Return its metrics in the text format."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def groups(self) -> list[dict[str, Any]]:
        """Return its groups: ``labels``, and each metric by name."""
        with urllib.request.urlopen(f"{self.url}/api/v1/metrics", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]
            return found
