"""From a leaking line to a message that names it, and back: real runs, Prometheus and Alertmanager with the shipped files.

Only waiting times are shortened (``hurried``, ``config`` and ``routed`` in ``shipped``), and ``people`` have an address.
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

from tests.deploy.shipped import RULES, RUNBOOK, config, hurried, routed
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
"""KiB an iteration, and a few bytes of the list."""


def written(folder: Path, source: str) -> None:
    """The agent, as it is from now on."""
    (folder / "weather.py").write_text(source, encoding="utf-8")


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "otel_memeval", "weather.py", *options]


def assert_tells_all(alert: Alert) -> None:
    """The eval, its growth, the line, who holds it, what to run again, and where to read on."""
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


def test_one_shot_runs(tmp_path: Path) -> None:
    """A leaking run pushes and is gone; people are told, and told again when a clean run has pushed.

    That a limit was passed is not told beside the leak, which says it already.
    """
    with Pushgateway(tmp_path / "pushgateway") as gateway, Webhook() as webhook:

        def run(source: str) -> int:
            written(tmp_path, source)
            options = ["--pushgateway", gateway.url, "--max-growth", "16KiB"]
            done = subprocess.run(command(*options), cwd=tmp_path, capture_output=True, check=False, timeout=60)
            return done.returncode

        with Alertmanager(tmp_path / "alertmanager", routed(webhook.url)) as alertmanager:
            services = {"pushgateway": gateway.url, "alertmanager": alertmanager.url}
            with Prometheus(tmp_path / "prometheus", config(hurried(tmp_path / "rules"), services)) as prometheus:
                assert run(LEAKING) == 1
                assert_tells_all(webhook.wait_for("MemevalRetainedGrowth", "firing"))
                # Nobody runs any more; it goes on firing.
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
def standing(folder: Path, port: int) -> Iterator[None]:
    """The exporter, measuring every second; at the end it is asked to end, and does."""
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


def test_a_standing_exporter(tmp_path: Path) -> None:
    """A leak is told while it runs, held while the exporter is down, and taken back when it is back with a clean run."""
    port = free_port()
    with Webhook() as webhook, Alertmanager(tmp_path / "alertmanager", routed(webhook.url)) as alertmanager:
        services = {"memeval": f"127.0.0.1:{port}", "alertmanager": alertmanager.url}
        written(tmp_path, LEAKING)
        with Prometheus(tmp_path / "prometheus", config(hurried(tmp_path / "rules"), services)) as prometheus:
            with standing(tmp_path, port):
                assert_tells_all(webhook.wait_for("MemevalRetainedGrowth", "firing"))
            down = time.time()
            webhook.wait_for("MemevalExporterDown", "firing", down)
            assert prometheus.query("memeval_verdict") == []
            assert prometheus.query(FIRING)
            assert "MemevalRetainedGrowth" not in webhook.names("resolved")

            written(tmp_path, CLEAN)
            with standing(tmp_path, port):
                webhook.wait_for("MemevalRetainedGrowth", "resolved", down)
                webhook.wait_for("MemevalExporterDown", "resolved", down)


def test_waiting_times_are_all_that_is_changed(tmp_path: Path) -> None:
    """The rules that these tests use differ from the shipped ones in ``for`` and ``interval`` only."""
    for path, copy in zip(RULES, map(Path, hurried(tmp_path)), strict=True):
        lines, now = (one.read_text(encoding="utf-8").splitlines() for one in (path, copy))
        changed = [(old.split()[0], new.split()) for old, new in zip(lines, now, strict=True) if old != new]
        assert changed
        assert all(new == [key, "500ms"] and key in {"for:", "interval:"} for key, new in changed)
