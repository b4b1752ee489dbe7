"""Start a Prometheus with the shipped rules and gauges of real runs: pushed twice, scraped, and a week old."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client import start_http_server

from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.exporters.prometheus.families import snapshot_registry
from otel_memeval.records import Result, to_json
from tests.deploy.real_runs import measured, without_leak
from tests.deploy.shipped import config, with_short_waits
from tests.servers.prometheus import Prometheus, promtool
from tests.servers.pushgateway import Pushgateway

DAY = 86400


class Filled(NamedTuple):
    """A Prometheus, the Pushgateway that it scrapes, and the last runs by eval: clean, leaking, creeping, failing."""

    prometheus: Prometheus
    pushgateway: Pushgateway
    runs: dict[str, Result]


def past_week(folder: Path, clean: Result) -> None:
    """Write blocks of recorded series from a week in which the eval that leaks today was clean, a run every six hours."""
    assert clean.growth.retained is not None
    assert clean.growth.peak is not None
    measures = {"retained growth": clean.growth.retained, "peak growth": clean.growth.peak}
    labels = 'job="memeval",eval="leaking"'
    lines = []
    begin = time.time() - 7 * DAY
    for at in range(int(begin), int(begin) + 6 * DAY - 3600, 240):
        lines += [
            f'eval:memeval_compared_bytes:held{{{labels},measure="{measure}"}} {growth.bytes_per_iteration} {at}'
            for measure, growth in measures.items()
        ]
        lines.append(f"eval:memeval_last_run_timestamp_seconds:decided{{{labels}}} {at - at % (DAY // 4)} {at}")
    path = folder / "past.txt"
    path.write_text("\n".join([*lines, "# EOF", ""]), encoding="utf-8")
    done = promtool("tsdb", "create-blocks-from", "openmetrics", str(path), str(folder / "data"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Start the Prometheus, and push two runs of each eval, so that alerts that require two runs fire."""
    folder = tmp_path_factory.mktemp("filled")
    board = Board()
    server, _ = start_http_server(0, addr="127.0.0.1", registry=snapshot_registry(board.snapshot))
    try:
        with Pushgateway(folder / "pushgateway") as gateway:
            options = ["--pushgateway", gateway.url, "--max-growth", "16KiB", "--max-peak-growth", "16KiB"]
            first = measured(folder, *options)
            board.add_run(first["clean"], time.time(), passed=True, interval_seconds=900)
            board.add_skip("clean")
            board.add_failures("otlp", 0)
            board.set_spool_bytes(0)
            board.set_overdue(is_overdue=False)
            services = {
                "pushgateway": gateway.url,
                "memeval": f"127.0.0.1:{server.server_port}",
                "otel-collector": "127.0.0.1:9",  # nothing listens on this port
            }
            (folder / "prometheus").mkdir()
            past_week(folder / "prometheus", first["clean"])
            with Prometheus(folder / "prometheus", config(with_short_waits(folder / "rules"), services)) as prometheus:
                prometheus.wait_for("eval:memeval_regression:bool == 1")
                baseline = folder / "baseline.json"
                baseline.write_bytes(to_json([without_leak(first["leaking"])]))
                runs = measured(folder, *options, "--baseline", str(baseline))
                prometheus.wait_for('ALERTS{alertname="MemevalRegressed", alertstate="firing"}')
                prometheus.wait_for('ALERTS{alertname="MemevalRegression", alertstate="firing"}')
                prometheus.wait_for('ALERTS{alertname="MemevalEvalFailing", alertstate="firing"}')
                yield Filled(prometheus, gateway, runs)
    finally:
        server.shutdown()
        server.server_close()
