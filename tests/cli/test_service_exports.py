"""The service with real servers: a Prometheus that scrapes it, and an OTLP receiver that is away for a while."""

from __future__ import annotations

import signal
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import bcrypt
import pytest
import trustme

from tests.cli.conftest import Tool
from tests.cli.receivers import PlannedResponse, Receiver
from tests.cli.service import service
from tests.servers.node_exporter import NodeExporter
from tests.servers.prometheus import Prometheus, promtool
from tests.servers.pushgateway import Pushgateway
from tests.servers.server import free_port

FINE = "def run():\n    return sorted(range(2000))\n"
SPANS = 3
"""Spans of a run: its own, and two iterations."""


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    """Close resources at the end of a test."""
    with ExitStack() as stack:
        yield stack


def exporting(port: int, spool: Path) -> dict[str, str]:
    """Return variables that send to this port."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "MEMEVAL_SPOOL": str(spool)}


def test_prometheus_scrapes_over_tls_with_password_and_exemplars(tool: Tool, closing: ExitStack, tmp_path: Path) -> None:
    """Prometheus has the series and exemplars, and the receiver has the trace of the exemplar."""
    there = Receiver()
    closing.callback(there.close)
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    client = authority.issue_cert("prometheus")
    client.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    hashed = bcrypt.hashpw(b"right word", bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(
        "tls_server_config: {cert_file: server.pem, key_file: server.pem, client_auth_type: RequireAndVerifyClientCert,"
        f" client_ca_file: ca.pem}}\nbasic_auth_users: {{alice: {hashed}}}\n"
    )
    tool.write("fine.py", FINE)
    environment = exporting(there.server_port, tmp_path / "spool")
    begun = time.time()
    with service(
        tool, "fine.py", "--every", "1s", "--web-config", str(tmp_path / "web.yml"), environment=environment
    ) as running:
        config = f"""
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
- job_name: memeval
  scheme: https
  basic_auth: {{username: alice, password: right word}}
  tls_config: {{ca_file: {tmp_path}/ca.pem, cert_file: {tmp_path}/client.pem, key_file: {tmp_path}/client.pem}}
  static_configs: [{{targets: ["{running.url.removeprefix("https://")}"]}}]
"""
        prometheus = closing.enter_context(Prometheus(tmp_path / "prometheus", config, "--enable-feature=exemplar-storage"))
        prometheus.wait_for('memeval_runs_total{eval="fine"} >= 2')
        assert [series.value for series in prometheus.query('up{job="memeval"}')] == [1]
        assert [series.value for series in prometheus.query('memeval_last_run_success{eval="fine"}')] == [1]
        assert [series.value for series in prometheus.query("memeval_expected_interval_seconds")] == [1]
        found: list[str] = []

        def exemplars() -> bool:
            for series in prometheus.query_exemplars(
                "memeval_iteration_duration_seconds_bucket", begun - 60, time.time() + 60
            ):
                found.extend(exemplar["labels"]["trace_id"] for exemplar in series["exemplars"])
            return bool(found)

        running.wait(exemplars)
        running.wait(lambda: set(found) <= {span.trace_id.hex() for span in there.spans})
        # A client without password and certificate gets nothing.
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        with pytest.raises(OSError, match=r"certificate required|EOF|reset|closed connection|401"):
            prometheus_without(running.url, context)
        running.end()


def prometheus_without(url: str, context: ssl.SSLContext) -> None:
    """Scrape with a client that trusts the certificate and has none of its own."""
    import urllib.request

    with urllib.request.urlopen(f"{url}/metrics", timeout=5, context=context) as answer:
        answer.read()


def test_promtool_accepts_the_metrics(tool: Tool) -> None:
    """A scrape after passed and failed runs has no problems."""
    tool.write("fine.py", FINE)
    with service(tool, "fine.py", "none.py", "--every", "1h") as running:
        running.wait_for_line("none.py: ")
        checked = promtool("check", "metrics", stdin=running.get("/metrics"))
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
        running.end()


def test_receiver_that_was_away_gets_every_span_once(tool: Tool, closing: ExitStack, tmp_path: Path) -> None:
    """A receiver that is away, then refuses, then accepts, gets every span of every run once, and counters of all runs. Log
    and metrics report the failures, and the spool is empty at the end.
    """
    port = free_port()
    tool.write("fine.py", FINE)
    with service(tool, "fine.py", "--every", "2500ms", environment=exporting(port, tmp_path / "spool")) as running:
        running.wait_for_line("not delivered to")
        failures = running.value("memeval_export_failures_total", exporter="otlp")
        assert failures
        assert running.value("memeval_spool_bytes")
        there = Receiver(always=PlannedResponse(status=401), port=port)
        closing.callback(there.close)
        running.wait_for_line("HTTP 401")
        there.always = PlannedResponse()
        running.wait_for_line("batches of earlier runs were delivered")
        assert running.value("memeval_spool_bytes") == 0
        assert (running.value("memeval_export_failures_total", exporter="otlp") or 0) > failures
        running.end()
        runs = sum(" fine: " in line for line in running.lines)
    assert set(there.times_taken.values()) == {1}
    assert len(there.times_taken) == SPANS * runs
    assert len({span.trace_id for span in there.spans}) == runs
    assert max(counted(there)) == runs


def counted(there: Receiver) -> Counter[int]:
    """Return all values of ``memeval_runs_total`` that were received."""
    return Counter(
        point.as_int
        for request in there.metrics
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "memeval_runs_total"
        for point in metric.sum.data_points
    )


def test_gauges_are_pushed_and_written_in_every_cycle(tool: Tool, closing: ExitStack, tmp_path: Path) -> None:
    """Counters increase from run to run in a Pushgateway and in a textfile that node_exporter reads. A Pushgateway that is
    gone gives one line per run and a counter, and the rest works as before.
    """
    tool.write("fine.py", FINE)
    (tmp_path / "textfiles").mkdir()
    gateway = closing.enter_context(Pushgateway(tmp_path / "gateway"))
    node = closing.enter_context(NodeExporter(tmp_path / "node", tmp_path / "textfiles"))
    textfile = str(tmp_path / "textfiles" / "memeval.prom")
    ways = ("--pushgateway", gateway.url, "--textfile", textfile)
    with service(tool, "fine.py", "none.py", "--every", "1s", *ways) as running:
        running.wait_for_line("none.py: ", times=2)
        for text in (gateway.metrics(), node.metrics()):
            assert max(runs_in(text, "fine")) >= 2
            assert max(runs_in(text, "none.py")) >= 2
            assert 'memeval_expected_interval_seconds{eval="fine"' in text
        assert running.value("memeval_export_failures_total", exporter="pushgateway") == 0
        gateway.stop()
        running.wait(lambda: running.value("memeval_export_failures_total", exporter="pushgateway"))
        running.wait_for_line("gauges were not pushed")
        before = max(runs_in(node.metrics(), "fine"))
        running.wait(lambda: max(runs_in(node.metrics(), "fine")) > before)
        assert running.value("memeval_export_failures_total", exporter="textfile") == 0
        running.end()


def runs_in(text: str, name: str) -> list[float]:
    """Return all values of ``memeval_runs_total`` of an eval."""
    lines = [line for line in text.splitlines() if line.startswith("memeval_runs_total{") and f'eval="{name}"' in line]
    return [float(line.split()[-1]) for line in lines]


def test_service_stops_at_once_although_the_receiver_hangs(tool: Tool, closing: ExitStack, tmp_path: Path) -> None:
    """It is stopped in the middle of a run, and the telemetry is in the spool."""
    there = Receiver(always=PlannedResponse(seconds=30))
    closing.callback(there.close)
    begun = tool.event("begun")
    tool.write("slow.py", f"import time\ndef run():\n    open({str(begun)!r}, 'w').write('begun')\n    time.sleep(60)\n")
    tool.write("fine.py", FINE)
    with service(
        tool, "fine.py", "slow.py", "--every", "1h", environment=exporting(there.server_port, tmp_path / "spool")
    ) as running:
        tool.wait_for(begun)
        assert running.end(signal.SIGTERM) < 5
    assert list((tmp_path / "spool").glob("*/*.traces.jsonl"))
