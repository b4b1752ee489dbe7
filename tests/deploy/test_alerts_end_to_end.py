"""A leaking line leads to a notification that names it, and a clean run resolves it: real runs, Prometheus, Alertmanager.

The shipped files are used. Only waiting times are shortened, and the receiver ``people`` has an address (``shipped``).
"""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deploy.shipped import RULES, RUNBOOK, config, routing_to, with_short_waits
from tests.deploy.webhook import Alert, Webhook
from tests.servers.alertmanager import Alertmanager
from tests.servers.prometheus import Prometheus
from tests.servers.pushgateway import Pushgateway
from tests.servers.server import free_port

CLEAN = textwrap.dedent(
    """
    from otel_memeval import PerformanceEval

    ANSWERS = []


    def ask():
        answer = bytearray(64 * 1024)
        return len(answer)


    weather = PerformanceEval(func=ask, name="Weather agent", num_iterations=8, warmup_runs=1)
    """
)
LEAKING = CLEAN.replace("return len(answer)", "ANSWERS.append(answer)")
FIRING = 'ALERTS{alertname="MemevalRetainedGrowth", alertstate="firing"}'
GROWTH = "64."
"""KiB per iteration, and a few bytes for the list."""


def write_agent(folder: Path, source: str) -> None:
    """Replace the source of the agent."""
    (folder / "weather.py").write_text(source, encoding="utf-8")


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "otel_memeval", "weather.py", *options]


def assert_names_all(alert: Alert) -> None:
    """Assert that the alert names the eval, its growth, the line, the holder, the target and the runbook."""
    assert alert["labels"]["eval"] == "Weather agent"
    assert alert["labels"]["severity"] == "critical"
    assert alert["labels"]["target"] == "weather.py:weather"
    line = LEAKING.splitlines().index("    answer = bytearray(64 * 1024)") + 1
    assert alert["labels"]["site"] == f"weather.py:{line}"
    assert alert["labels"]["holder"] == "weather.ANSWERS"
    description = alert["annotations"]["description"]
    assert description.startswith(f"Weather agent (memeval) keeps {GROWTH}")
    assert description.endswith(f"kiB more with every iteration, allocated at weather.py:{line}, held by weather.ANSWERS.")
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    assert page.endswith("/deploy/runbook.md")
    assert f"\n## {anchor}\n" in RUNBOOK.read_text(encoding="utf-8").lower()


def test_pushed_leak_is_notified_and_resolved_by_a_clean_run(tmp_path: Path) -> None:
    """A leak that a one-shot run pushed is notified, and resolved when a clean run has pushed.

    No notification is sent for the exceeded limit, because that of the leak includes it.
    """
    with Pushgateway(tmp_path / "pushgateway") as gateway, Webhook() as webhook:

        def run(source: str) -> int:
            write_agent(tmp_path, source)
            options = ["--pushgateway", gateway.url, "--max-growth", "16KiB"]
            done = subprocess.run(command(*options), cwd=tmp_path, capture_output=True, check=False, timeout=60)
            return done.returncode

        with Alertmanager(tmp_path / "alertmanager", routing_to(webhook.url)) as alertmanager:
            services = {"pushgateway": gateway.url, "alertmanager": alertmanager.url}
            with Prometheus(tmp_path / "prometheus", config(with_short_waits(tmp_path / "rules"), services)) as prometheus:
                assert run(LEAKING) == 1
                assert_names_all(webhook.wait_for("MemevalRetainedGrowth", "firing"))
                # Without further runs the alert keeps firing.
                before = time.time()
                prometheus.wait_for(f"timestamp({FIRING}) > {before + 3}")
                assert prometheus.query('ALERTS{alertname="MemevalGrowthLimitExceeded", alertstate="firing"}')
                assert webhook.names("resolved") == set()

                assert run(CLEAN) == 0
                resolved = webhook.wait_for("MemevalRetainedGrowth", "resolved", before)
                assert resolved["labels"]["eval"] == "Weather agent"
                assert prometheus.query("ALERTS") == []
                assert webhook.names("firing") == {"MemevalRetainedGrowth"}


@contextmanager
def running_service(folder: Path, port: int) -> Iterator[None]:
    """Run the service with a measurement every second; at the end, stop it with SIGTERM."""
    options = ["--every", "1s", "--serve", str(port), "--state", str(folder / "state.json")]
    with (folder / "exporter.log").open("ab") as log:
        process = subprocess.Popen(command(*options), cwd=folder, stdout=log, stderr=log)
    try:
        yield
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    finally:
        process.kill()
        process.wait()


def test_leak_is_held_while_the_service_is_down_and_resolved_by_a_clean_run(tmp_path: Path) -> None:
    """A leak is notified, keeps firing while the service is down, and resolves after the restarted service's clean run."""
    port = free_port()
    with Webhook() as webhook, Alertmanager(tmp_path / "alertmanager", routing_to(webhook.url)) as alertmanager:
        services = {"memeval": f"127.0.0.1:{port}", "alertmanager": alertmanager.url}
        write_agent(tmp_path, LEAKING)
        with Prometheus(tmp_path / "prometheus", config(with_short_waits(tmp_path / "rules"), services)) as prometheus:
            with running_service(tmp_path, port):
                assert_names_all(webhook.wait_for("MemevalRetainedGrowth", "firing"))
            down = time.time()
            webhook.wait_for("MemevalExporterDown", "firing", down)
            assert prometheus.query("memeval_verdict") == []
            assert prometheus.query(FIRING)
            assert "MemevalRetainedGrowth" not in webhook.names("resolved")

            write_agent(tmp_path, CLEAN)
            with running_service(tmp_path, port):
                webhook.wait_for("MemevalRetainedGrowth", "resolved", down)
                webhook.wait_for("MemevalExporterDown", "resolved", down)


def test_only_waiting_times_differ_from_the_shipped_rules(tmp_path: Path) -> None:
    """The rules in these tests differ from the shipped ones in ``for`` and ``interval`` only."""
    for path, copy in zip(RULES, map(Path, with_short_waits(tmp_path)), strict=True):
        lines, now = (file.read_text(encoding="utf-8").splitlines() for file in (path, copy))
        changed = [(old.split()[0], new.split()) for old, new in zip(lines, now, strict=True) if old != new]
        assert changed
        assert all(new == [key, "500ms"] and key in {"for:", "interval:"} for key, new in changed)
