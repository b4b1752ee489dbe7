"""The servers of the tests start from the programs of this machine, work, and leave no process."""

from __future__ import annotations

import json
import socket
import urllib.request
from pathlib import Path

import pytest

from tests.servers.alertmanager import Alertmanager, amtool
from tests.servers.node_exporter import NodeExporter
from tests.servers.prometheus import Prometheus, promtool
from tests.servers.pushgateway import Pushgateway
from tests.servers.server import Server

ROUTE = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


def scraping(*servers: Server) -> str:
    """Return a configuration that scrapes these servers ten times a second."""
    jobs = [
        {"job_name": f"job{index}", "honor_labels": True, "static_configs": [{"targets": [server.url.partition("//")[2]]}]}
        for index, server in enumerate(servers)
    ]
    return json.dumps({"global": {"scrape_interval": "100ms", "scrape_timeout": "100ms"}, "scrape_configs": jobs})


def test_prometheus_scrapes_a_pushgateway_and_a_textfile(tmp_path: Path) -> None:
    """A query returns values that were pushed and values of a textfile."""
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one.prom").write_text("from_file 2\n")
    with Pushgateway(tmp_path / "push") as push, NodeExporter(tmp_path / "node", tmp_path / "texts") as node:
        request = urllib.request.Request(f"{push.url}/metrics/job/a", b"pushed 1\n", method="PUT")
        urllib.request.urlopen(request, timeout=10).close()
        assert [group["labels"] for group in push.groups()] == [{"job": "a"}]
        assert "from_file 2" in node.metrics()
        with Prometheus(tmp_path / "prometheus", scraping(push, node)) as prometheus:
            assert prometheus.wait_for("pushed")[0].value == 1
            assert prometheus.wait_for("from_file")[0].value == 2
            assert prometheus.alerts() == []
            assert [item["health"] for item in prometheus.targets()] == ["up", "up"]
            with pytest.raises(AssertionError, match="parse error"):
                prometheus.query("not promql")


def test_alertmanager_takes_an_alert(tmp_path: Path) -> None:
    """It starts without being installed, and lists the alert."""
    with Alertmanager(tmp_path, ROUTE) as alertmanager:
        alert = json.dumps([{"labels": {"alertname": "A"}}]).encode()
        headers = {"content-type": "application/json"}
        urllib.request.urlopen(
            urllib.request.Request(f"{alertmanager.url}/api/v2/alerts", alert, headers), timeout=10
        ).close()
        assert [item["labels"] for item in alertmanager.alerts()] == [{"alertname": "A"}]


def test_tools_accept_correct_input_and_refuse_wrong_input(tmp_path: Path) -> None:
    """Promtool and amtool run and find errors."""
    (tmp_path / "right.yml").write_text(ROUTE)
    (tmp_path / "wrong.yml").write_text("route: {}\n")
    assert amtool("check-config", str(tmp_path / "right.yml")).returncode == 0
    assert amtool("check-config", str(tmp_path / "wrong.yml")).returncode == 1
    assert promtool("check", "metrics", stdin="# HELP a_bytes A.\n# TYPE a_bytes gauge\na_bytes 1\n").stderr == ""
    assert "no help text" in promtool("check", "metrics", stdin="# TYPE a_bytes gauge\na_bytes 1\n").stderr


def test_server_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    """The error has the server's own words, and no process is left."""
    server = Prometheus(tmp_path, "no_such_setting: 1\n")
    with pytest.raises(AssertionError, match="no_such_setting not found"):
        server.start()
    assert server._process is None


def test_server_tries_another_port_if_its_port_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The port stays with the process that was first."""
    with socket.create_server(("127.0.0.1", 0)) as owner:
        free = iter([owner.getsockname()[1]])
        from tests.servers import server

        really = server.free_port
        monkeypatch.setattr(server, "free_port", lambda: next(free, None) or really())
        with Pushgateway(tmp_path) as push:
            assert push.port != owner.getsockname()[1]


def test_restarted_server_keeps_its_address(tmp_path: Path) -> None:
    """After the end nothing listens."""
    push = Pushgateway(tmp_path)
    with push:
        port = push.port
        push.stop()
        assert push.start().port == port
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1)
