"""Run the commands of the containers on this machine, with a small scenario and other addresses and folders."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy import cluster, compose
from tests.servers.pushgateway import Pushgateway
from tests.servers.server import free_port

EXPORTER = compose.services()["exporter"]
SERVICE_COMMANDS: dict[str, Callable[[], list[str]]] = {
    "compose": lambda: compose.arguments(EXPORTER),
    "kubernetes": lambda: dict(cluster.pods())["memeval-exporter"]["spec"]["containers"][0]["args"],
}
"""Functions, since kubectl builds the objects: no test needs that to be collected."""


@pytest.fixture
def replacements(tmp_path: Path) -> dict[str, str]:
    """Return the replacements for the targets, addresses and folders of a container."""
    (tmp_path / "agent.py").write_text("KEPT = []\n\n\ndef run():\n    KEPT.append(bytearray(5000))\n")
    port = free_port()
    return {
        "scenarios.team": str(tmp_path / "agent.py"),
        "0.0.0.0:9464": f"127.0.0.1:{port}",
        "127.0.0.1:9464": f"127.0.0.1:{port}",
        "/var/lib/otel-memeval": str(tmp_path),
    }


def translated(arguments: list[str], replacements: dict[str, str]) -> list[str]:
    for old, new in replacements.items():
        arguments = [argument.replace(old, new) for argument in arguments]
    return arguments


def start(arguments: list[str], replacements: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "otel_memeval", *translated(arguments, replacements)],
        env={**os.environ, "MEMEVAL_SPOOL": replacements["/var/lib/otel-memeval"] + "/spool"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def is_healthy(replacements: dict[str, str]) -> bool:
    """Return the result of compose's own health check."""
    test = translated(EXPORTER["healthcheck"]["test"], replacements)
    done = subprocess.run([sys.executable, *test[2:]], capture_output=True, check=False, timeout=30)
    return done.returncode == 0


@pytest.mark.parametrize("platform", SERVICE_COMMANDS)
def test_service_command_measures_serves_and_keeps_its_state(
    platform: str, replacements: dict[str, str], tmp_path: Path
) -> None:
    """The service measures, serves the gauges, is healthy until SIGTERM, and leaves a file with its state."""
    assert not is_healthy(replacements)
    process = start(SERVICE_COMMANDS[platform](), replacements)
    try:
        deadline, metrics = time.monotonic() + 60, ""
        while 'memeval_verdict{eval="agent",state="leaking"} 1.0' not in metrics:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, metrics
            time.sleep(0.2)
            if is_healthy(replacements):
                with urllib.request.urlopen(f"http://{replacements['0.0.0.0:9464']}/metrics", timeout=10) as answer:
                    metrics = answer.read().decode()
        assert 'memeval_expected_interval_seconds{eval="agent"} 900.0' in metrics
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert not is_healthy(replacements)
    assert (tmp_path / "state.json").is_file()


def test_failed_nightly_run_is_a_failed_job(replacements: dict[str, str], tmp_path: Path) -> None:
    """A failed run pushes its gauges and ends with status 1; its log ends with the verdict, which Kubernetes shows."""
    container = cluster.named("CronJob", "memeval-nightly")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][
        0
    ]
    with Pushgateway(tmp_path / "gateway") as gateway:
        process = start(container["args"], {**replacements, "http://memeval-pushgateway:9091": gateway.url})
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 1, output
        metrics = gateway.metrics()
        assert 'memeval_last_run_success{eval="agent"' in metrics
        assert re.search(r'memeval_expected_interval_seconds\{.*eval="agent".*\} 86400', metrics)
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert "leaking: keeps" in output[-2048:]  # Kubernetes shows this much of a log
