"""Start the programs of the real stack with the configuration of ``deploy/``, in which only addresses are replaced."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.deploy import compose
from tests.deploy.shipped import DEPLOY, PROMETHEUS
from tests.deploy.stack import build
from tests.servers.prometheus import Prometheus
from tests.servers.server import Server, free_port


def built(name: str) -> str:
    """Return the path of a built program; the test is left out, by name, if the program has not been built."""
    if shutil.which("go") is None:
        pytest.skip(f"left out: {name} is built by Go, which is not installed")
    path = build.path_of(name)
    if not path.exists():
        pytest.skip(f"left out: {name} has not been built; sh tests/deploy/stack/run.sh builds it")
    return str(path)


def replaced(text: str, replacements: Mapping[str, str]) -> str:
    """Return a text with each key replaced by its value. Raises ``AssertionError`` if a key is not in the text."""
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


class StackPrometheus(Prometheus):
    """Prometheus 3 with the options of ``compose.yaml``.

    It starts with the shipped file as it is, so that an error in it is found; ``reload`` then gives it the tests' addresses.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, (PROMETHEUS / "prometheus.yaml").read_text(encoding="utf-8"))
        (self.folder / "rules").symlink_to(PROMETHEUS / "rules")

    def command(self, address: str) -> list[str]:
        """Return the command line: the options of compose, except for paths and the time that data are kept."""
        options = [
            option
            for option in compose.services()["prometheus"]["command"]
            if ".enable-" in option or "enable-feature" in option
        ]
        files = [f"--config.file={self._config}", f"--storage.tsdb.path={self.folder / 'data'}"]
        return [built("prometheus"), *files, f"--web.listen-address={address}", "--web.enable-lifecycle", *options]


class Jaeger(Server):
    """The trace store; ``otlp`` is its address for OTLP over gRPC."""

    ready_path = "/"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.otlp = f"127.0.0.1:{free_port()}"
        self._grpc = f"127.0.0.1:{free_port()}"

    def command(self, address: str) -> list[str]:
        """Return the command line; ``address`` is that of the API."""
        text = (build.FOLDER / "jaeger" / "config.yaml").read_text(encoding="utf-8")
        path = self.folder / "config.yaml"
        words = {"ADDRESS_HTTP": address, "ADDRESS_GRPC": self._grpc, "ADDRESS_OTLP": self.otlp}
        path.write_text(replaced(text, words), encoding="utf-8")
        return [built("jaeger"), f"--config={path}"]

    def stop(self) -> None:
        """End it at once: it stores nothing, and would wait ten seconds for its clients."""
        self.kill()

    def spans(self, service: str) -> list[dict[str, Any]]:
        """Return all spans of a service; one that was stored twice is there twice."""
        with urllib.request.urlopen(f"{self.url}/api/traces?service={service}&limit=1000", timeout=10) as answer:
            traces = json.load(answer)["data"] or []
        return [span for trace in traces for span in trace["spans"]]


class OtelCollector(Server):
    """The Collector with the components of ``collector.yaml``; ``prometheus`` and ``traces`` are addresses (host:port).

    ``queue_items``: size of the queue, if not the shipped one.
    """

    ready_path = "/"

    def __init__(self, folder: Path, prometheus: str, traces: str, queue_items: int | None = None) -> None:
        super().__init__(folder)
        self.grpc, self.http, self.metrics = (f"127.0.0.1:{free_port()}" for _ in range(3))
        self._prometheus, self._traces, self._queue_items = prometheus, traces, queue_items

    def command(self, address: str) -> list[str]:
        """Return the command line; ``address`` is that of the health check."""
        text = (DEPLOY / "collector" / "collector.yaml").read_text(encoding="utf-8")
        host, _, port = self.metrics.partition(":")
        addresses = {
            "0.0.0.0:4317": self.grpc,
            "0.0.0.0:4318": self.http,
            "0.0.0.0:13133": address,
            "host: 0.0.0.0": f"host: {host}",
            "port: 8888": f"port: {port}",
            "tempo:4317": self._traces,
            "prometheus:9090": self._prometheus,
            "/var/lib/otelcol/queue": str(self.folder / "queue"),
        }
        if self._queue_items is not None:
            addresses |= {"queue_size: 100000": f"queue_size: {self._queue_items}", "min_size: 1000": "min_size: 1"}
            addresses |= {"max_size: 5000": f"max_size: {self._queue_items}"}
        path = self.folder / "collector.yaml"
        path.write_text(replaced(text, addresses), encoding="utf-8")
        return [built("collector"), f"--config={path}"]
