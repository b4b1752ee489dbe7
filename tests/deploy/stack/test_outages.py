"""Telemetry outlives a killed Collector and a full queue, and arrives once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.deploy.stack.servers import Jaeger, OtelCollector, StackPrometheus, built
from tests.servers.server import free_port

SERVICE = "outage"
ITERATIONS = 8
SPANS = ITERATIONS + 2
"""Of a run: one for each iteration, one for the warm-up, one for the run."""


@pytest.fixture
def jaeger(tmp_path: Path) -> Jaeger:
    """Return a trace store that is not running yet, at a known address."""
    built("jaeger")
    return Jaeger(tmp_path / "jaeger")


def command(collector: OtelCollector, folder: Path, *arguments: str, **variables: str) -> int:
    """Run the command line with the Collector as receiver; return its exit status."""
    (folder / "agent.py").write_text("def run():\n    return bytearray(1000)\n", encoding="utf-8")
    environment = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.http}",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_SERVICE_NAME": SERVICE,
        "MEMEVAL_SPOOL": str(folder / "spool"),
        **variables,
    }
    done = subprocess.run(
        [sys.executable, "-m", "otel_memeval", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode


def measure(collector: OtelCollector, folder: Path, **variables: str) -> int:
    """Measure a small function; return the exit status."""
    options = ["--iterations", str(ITERATIONS), "--warmup", "1", "--fail-on", "never"]
    return command(collector, folder, "agent.py", *options, **variables)


def waiting_batches(folder: Path) -> list[Path]:
    return sorted((folder / "spool").rglob("*.jsonl"))


def wait_for_spans(jaeger: Jaeger, number: int) -> None:
    """Wait until the store has this number of spans, each once."""
    deadline = time.monotonic() + 60
    while len(found := jaeger.spans(SERVICE)) < number:
        assert time.monotonic() < deadline, len(found)
        time.sleep(0.2)
    assert len({span["spanID"] for span in found}) == len(found) == number


def test_queue_of_a_killed_collector_is_delivered_after_its_restart(tmp_path: Path, jaeger: Jaeger) -> None:
    """While both receivers are away, the Collector accepts a run and is killed; restarted, it delivers all of it once."""
    prometheus = StackPrometheus(tmp_path / "prometheus")
    prometheus.port = free_port()
    collector = OtelCollector(tmp_path / "collector", f"127.0.0.1:{prometheus.port}", jaeger.otlp)
    try:
        collector.start()
        assert measure(collector, tmp_path) == 0
        assert waiting_batches(tmp_path) == []
        collector.kill()
        with prometheus, jaeger:
            assert prometheus.query("memeval_last_run_success") == []
            collector.start()
            wait_for_spans(jaeger, SPANS)
            (success,) = prometheus.wait_for(f'memeval_last_run_success{{job="{SERVICE}"}}')
            assert success.labels["eval"] == "agent"
            assert prometheus.query(f'memeval_runs_total{{job="{SERVICE}"}}') == []  # a counter of one run says nothing
    finally:
        collector.stop()


def test_telemetry_refused_by_a_full_queue_waits_in_the_spool_and_is_replayed(tmp_path: Path, jaeger: Jaeger) -> None:
    """The queue takes one batch of four spans; the others wait in the spool until the receiver is there again."""
    collector = OtelCollector(tmp_path / "collector", "127.0.0.1:9", jaeger.otlp, queue_items=6)
    batches = {"OTEL_METRICS_EXPORTER": "none", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
    try:
        collector.start()
        assert measure(collector, tmp_path, **batches) == 4
        assert waiting_batches(tmp_path)
        with jaeger:
            deadline = time.monotonic() + 60
            while command(collector, tmp_path, "replay", **batches) != 0:
                assert time.monotonic() < deadline
                time.sleep(0.5)
            assert waiting_batches(tmp_path) == []
            wait_for_spans(jaeger, SPANS)
    finally:
        collector.stop()
