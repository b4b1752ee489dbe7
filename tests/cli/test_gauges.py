"""Gauges of one-shot runs on real servers: Pushgateway, node_exporter, and a Prometheus that reads both."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from otel_memeval.exporters.prometheus.labels import label_value
from tests.servers.node_exporter import NodeExporter
from tests.servers.prometheus import Prometheus, promtool
from tests.servers.pushgateway import Pushgateway

if TYPE_CHECKING:
    from tests.cli.conftest import Done, Tool

SCENARIO = """
import os
from otel_memeval import PerformanceEval
KEPT = []

def work():
    if os.environ["MODE"] == "failing":
        raise ValueError("no luck")
    if os.environ["MODE"] == "leaking":
        KEPT.append(bytearray(50_000))
    bytearray(50_000)

EVAL = PerformanceEval(func=work, name=os.environ["NAME"])
"""
FAIL_ON = ("--fail-on", "leaking,failed")
SECONDS_BETWEEN_SCRAPES = 0.2


class Servers(NamedTuple):
    """The servers of this module."""

    push: Pushgateway
    texts: Path
    prometheus: Prometheus

    def where(self, name: str) -> tuple[str, ...]:
        """Return the options that send gauges to both, with a textfile of this name."""
        return ("--pushgateway", self.push.url, "--textfile", str(self.texts / f"{name}.prom"))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Start a Pushgateway, a node_exporter with a folder of textfiles, and a Prometheus that scrapes both."""
    folder = tmp_path_factory.mktemp("servers")
    (folder / "texts").mkdir()
    with Pushgateway(folder / "push") as push, NodeExporter(folder / "node", folder / "texts") as node:
        jobs = [
            {"job_name": name, "honor_labels": True, "static_configs": [{"targets": [server.url.partition("//")[2]]}]}
            for name, server in (("pushgateway", push), ("node", node))
        ]
        times = {"scrape_interval": f"{int(SECONDS_BETWEEN_SCRAPES * 1000)}ms", "scrape_timeout": "200ms"}
        with Prometheus(folder / "prometheus", json.dumps({"global": times, "scrape_configs": jobs})) as prometheus:
            prometheus.wait_for("up", lambda found: [series.value for series in found] == [1, 1])
            yield Servers(push, folder / "texts", prometheus)


def run(tool: Tool, servers: Servers, mode: str, name: str, *options: str) -> Done:
    """Run the scenario, and wait until its gauges are scraped."""
    began = time.time()
    environment = {"MODE": mode, "NAME": name}
    done = tool.measure(SCENARIO, *FAIL_ON, *servers.where(name), *options, environment=environment)
    scraped = f'memeval_last_run_timestamp_seconds{{eval="{name}"}} > {began}'
    servers.prometheus.wait_for(scraped, lambda found: len(found) == 2)
    return done


def values(servers: Servers, promql: str) -> dict[str, float]:
    """Return values by job: ``memeval`` for the Pushgateway, ``node`` for the textfile."""
    return {series.labels["job"]: series.value for series in servers.prometheus.query(promql)}


def test_leak_is_reported_until_a_passing_run(tool: Tool, servers: Servers) -> None:
    """The leak stays true after the process has ended; a passing run removes it and the sites of the leak."""
    leaking = 'memeval_verdict{eval="until", state="leaking"} == 1'
    sites = 'memeval_site_growth_bytes_per_iteration{eval="until"}'
    assert run(tool, servers, "leaking", "until", "--expected-every", "24h").status == 1
    assert values(servers, leaking) == {"memeval": 1, "node": 1}
    time.sleep(SECONDS_BETWEEN_SCRAPES * 5)
    assert values(servers, leaking) == {"memeval": 1, "node": 1}
    assert all(value > 50_000 for value in values(servers, sites).values())
    assert values(servers, 'memeval_expected_interval_seconds{eval="until"}') == {"memeval": 86_400, "node": 86_400}
    assert values(servers, 'memeval_last_success_timestamp_seconds{eval="until"}') == {}

    assert run(tool, servers, "clean", "until").status == 0
    assert values(servers, leaking) == {}
    assert values(servers, sites) == {}
    assert values(servers, 'memeval_holder_growth_items_per_iteration{eval="until"}') == {}
    assert len(values(servers, 'memeval_last_success_timestamp_seconds{eval="until"}')) == 2


def test_failed_run_keeps_the_last_good_values(tool: Tool, servers: Servers) -> None:
    """After a run that raised, only the verdict and the times change."""
    assert run(tool, servers, "leaking", "kept", "--fail-on", "never").status == 0
    names = "growth_bytes_per_iteration|site_growth_bytes_per_iteration|holder_growth_items_per_iteration"
    names += "|retained_bytes|peak_bytes|rss_bytes|last_success_timestamp_seconds"
    kept = f'{{__name__=~"memeval_({names})", eval="kept"}}'
    before = [(sorted(series.labels.items()), series.value) for series in servers.prometheus.query(kept)]
    assert len({dict(labels)["__name__"] for labels, _ in before}) == 7
    assert run(tool, servers, "failing", "kept").status == 3
    after = [(sorted(series.labels.items()), series.value) for series in servers.prometheus.query(kept)]
    assert sorted(after) == sorted(before)
    assert values(servers, 'memeval_verdict{eval="kept", state="failed"}') == {"memeval": 1, "node": 1}
    assert values(servers, 'memeval_last_run_success{eval="kept"}') == {"memeval": 0, "node": 0}


ODD = ['"quoted" \\', "new\nline", "../c", "\u202eleft\u2066", "x" * 10_240, "half \ud800"]


def test_unusual_names_reach_prometheus(tool: Tool, servers: Servers) -> None:
    """Quotes, line ends, slashes, marks of direction, 10 kB and half a character give different labels in Prometheus."""
    made = "".join(f"E{n} = PerformanceEval(func=work, name=NAMES[{n}])\n" for n in range(len(ODD)))
    source = f"from otel_memeval import PerformanceEval\nNAMES = {ODD!a}\ndef work():\n    bytearray(50_000)\n{made}"
    done = tool.measure(source, *FAIL_ON, *servers.where("odd"), "-q", "--iterations", "1")
    assert (done.status, done.stderr) == (0, "")
    expected = {label_value(name.encode("utf-8", "replace").decode()) for name in ODD}  # as the worker writes it down
    assert len(expected) == len(ODD)

    odd = 'memeval_last_run_success{eval!~"until|kept"}'
    found = servers.prometheus.wait_for(odd, lambda found: len(found) == 2 * len(ODD))
    assert {series.labels["eval"] for series in found} == expected
    assert servers.prometheus.query("node_textfile_scrape_error")[0].value == 0
    for text in (servers.push.metrics(), (servers.texts / "odd.prom").read_text()):
        assert promtool("check", "metrics", stdin=text).stderr == ""


def test_eval_has_at_most_48_series(tool: Tool, servers: Servers) -> None:
    """A leak of ten sites in ten holders, with all options, has as many sites as fit."""
    lists = "".join(f"    K[{n}].append(bytearray(9_000))\n" for n in range(10))
    source = f"K = [[] for _ in range(10)]\ndef run():\n{lists}"
    done = tool.measure(
        source, *servers.where("many"), "--top", "10", "--expected-every", "1h", "--max-growth", "1GiB", file="many.py"
    )
    assert done.status == 1
    assert len(done.result.sites) == 10
    counts = 'count by (job) ({__name__=~"memeval_.*", eval="many"})'
    found = servers.prometheus.wait_for(counts, lambda found: len(found) == 2)
    assert all(41 <= series.value <= 48 for series in found), found
    assert len(servers.prometheus.query('memeval_site_growth_bytes_per_iteration{eval="many"}')) >= 8


def test_failed_exports_are_counted(tool: Tool, servers: Servers, tmp_path: Path) -> None:
    """Without an OTLP receiver, the gauges have the failed exports and the size of the spool."""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "MEMEVAL_SPOOL": str(tmp_path / "spool")}
    done = tool.measure("def run():\n    bytearray(50_000)\n", *FAIL_ON, *servers.where("both"), environment=environment)
    assert done.status == 4
    failures = 'memeval_export_failures_total{exporter="otlp"} > 0'
    servers.prometheus.wait_for(failures, lambda found: len(found) == 2)
    spooled = sum(path.stat().st_size for path in (tmp_path / "spool").rglob("*.jsonl"))
    assert {series.value for series in servers.prometheus.query('memeval_spool_bytes{eval="scenario"}')} == {spooled}
    assert "memeval_spool_bytes" in (servers.texts / "both.prom").read_text()


def test_in_process_runs_send_gauges_too(tool: Tool, servers: Servers) -> None:
    """A run without a worker process has the same metrics."""
    source = "def run():\n    bytearray(50_000)\n"
    done = tool.measure(source, *FAIL_ON, *servers.where("inside"), "--in-process", file="inside.py")
    assert done.status == 0, done
    servers.prometheus.wait_for('memeval_last_run_success{eval="inside"} == 1', lambda found: len(found) == 2)
