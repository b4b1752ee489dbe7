"""A Prometheus of a test, its API and ``promtool``."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.servers.binaries import program
from tests.servers.server import Server


class Series(NamedTuple):
    """One series of the result of an instant query; ``labels`` has the metric's name as ``__name__``."""

    labels: dict[str, str]
    value: float


class Prometheus(Server):
    """A Prometheus; ``config`` is the text of its configuration, ``flags`` are options such as ``--web.enable-remote-write-
    receiver``.
    """

    def __init__(self, folder: Path, config: str = "", *flags: str) -> None:
        super().__init__(folder)
        self._config = self.folder / "prometheus.yml"
        self._config.write_text(config, encoding="utf-8")
        self._flags = flags

    def command(self, address: str) -> list[str]:
        """Return its command line: its data are in the folder, and it can read its configuration again."""
        return [
            str(program("prometheus")),
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={address}",
            "--web.enable-lifecycle",
            *self._flags,
        ]

    def reload(self, config: str) -> None:
        """Give it another configuration."""
        self._config.write_text(config, encoding="utf-8")
        request = urllib.request.Request(f"{self.url}/-/reload", method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def query(self, promql: str, at_seconds: float | None = None) -> list[Series]:
        """Return the series of an instant query, now or at a time in seconds since 1970."""
        asked = {"query": promql} if at_seconds is None else {"query": promql, "time": str(at_seconds)}
        return [Series(series["metric"], float(series["value"][1])) for series in self.api("query", **asked)["result"]]

    def wait_for(self, promql: str, until: Callable[[list[Series]], object] = bool, timeout: float = 30) -> list[Series]:
        """Return the series of a query as soon as ``until`` accepts them (default: as soon as there are any)."""
        deadline = time.monotonic() + timeout
        while not until(found := self.query(promql)):
            assert time.monotonic() < deadline, f"{promql} is {found} after {timeout} s\n{self.log[-2000:]}"
            time.sleep(0.1)
        return found

    def query_exemplars(self, promql: str, begin_seconds: float, end_seconds: float) -> list[dict[str, Any]]:
        """Return series with their exemplars; needs ``--enable-feature=exemplar-storage``."""
        found: list[dict[str, Any]] = self.api(
            "query_exemplars", query=promql, start=str(begin_seconds), end=str(end_seconds)
        )
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are pending or firing."""
        found: list[dict[str, Any]] = self.api("alerts")["alerts"]
        return found

    def targets(self) -> list[dict[str, Any]]:
        """Return the active targets: ``health``, ``lastError``, ``labels``."""
        found: list[dict[str, Any]] = self.api("targets")["activeTargets"]
        return found

    def api(self, path: str, **asked: str) -> Any:
        """Return the data of ``/api/v1/PATH``. Raise ``AssertionError`` with its error message."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(asked)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                said: Mapping[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{path} {asked}: {error.read().decode(errors='replace')}") from None
        assert said["status"] == "success", said
        return said["data"]


def promtool(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``promtool ARGUMENTS``."""
    command = [str(program("promtool")), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, encoding="utf-8", check=False, timeout=60)
