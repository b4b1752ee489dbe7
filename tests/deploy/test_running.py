"""The commands that containers are started with, run here: a small scenario, this machine's addresses and folders."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.deploy import cluster, stack
from tests.servers.pushgateway import Pushgateway
from tests.servers.server import free_port

EXPORTER = stack.services()["exporter"]
STANDING = {
    "compose": stack.arguments(EXPORTER),
    "kubernetes": dict(cluster.pods())["memeval-exporter"]["spec"]["containers"][0]["args"],
}


@pytest.fixture
def here(tmp_path: Path) -> dict[str, str]:
    """What is elsewhere in a container, and where it is in this test."""
    (tmp_path / "agent.py").write_text("KEPT = []\n\n\ndef run():\n    KEPT.append(bytearray(5000))\n")
    port = free_port()
    return {
        "scenarios.team": str(tmp_path / "agent.py"),
        "0.0.0.0:9464": f"127.0.0.1:{port}",
        "127.0.0.1:9464": f"127.0.0.1:{port}",
        "/var/lib/otel-memeval": str(tmp_path),
    }


def translated(arguments: list[str], here: dict[str, str]) -> list[str]:
    for there, place in here.items():
        arguments = [argument.replace(there, place) for argument in arguments]
    return arguments


def start(arguments: list[str], here: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "otel_memeval", *translated(arguments, here)],
        env={**os.environ, "MEMEVAL_SPOOL": here["/var/lib/otel-memeval"] + "/spool"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def is_healthy(here: dict[str, str]) -> bool:
    """What compose's own check says."""
    test = translated(EXPORTER["healthcheck"]["test"], here)
    done = subprocess.run([sys.executable, *test[2:]], capture_output=True, check=False, timeout=30)
    return done.returncode == 0


@pytest.mark.parametrize("place", STANDING)
def test_the_exporter_starts_as_it_is_started(place: str, here: dict[str, str], tmp_path: Path) -> None:
    """It measures, serves what it measured, is healthy until it is told to end, and leaves its state."""
    assert not is_healthy(here)
    process = start(STANDING[place], here)
    try:
        deadline, told = time.monotonic() + 60, ""
        while 'memeval_verdict{eval="agent",state="leaking"} 1.0' not in told:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, told
            time.sleep(0.2)
            if is_healthy(here):
                with urllib.request.urlopen(f"http://{here['0.0.0.0:9464']}/metrics", timeout=10) as answer:
                    told = answer.read().decode()
        assert 'memeval_expected_interval_seconds{eval="agent"} 900.0' in told
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert not is_healthy(here)
    assert (tmp_path / "state.json").is_file()


def test_a_nightly_run_that_fails_is_a_failed_job(here: dict[str, str], tmp_path: Path) -> None:
    """Its gauges are pushed, its status is 1, and the verdict ends its log, which Kubernetes shows of a failed pod."""
    container = cluster.named("CronJob", "memeval-nightly")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][
        0
    ]
    with Pushgateway(tmp_path / "gateway") as gateway:
        process = start(container["args"], {**here, "http://memeval-pushgateway:9091": gateway.url})
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 1, said
        told = gateway.metrics()
        assert 'memeval_last_run_success{eval="agent"' in told
        assert re.search(r'memeval_expected_interval_seconds\{.*eval="agent".*\} 86400', told)
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert "leaking: keeps" in said[-2048:]  # so much of a log is shown
