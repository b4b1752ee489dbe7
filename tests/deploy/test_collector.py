"""``deploy/collector``: what comes in is on disk until it is delivered, and metrics keep their names on the way."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from otel_memeval import telemetry
from tests.deploy import stack
from tests.deploy.shipped import DEPLOY

CONFIG: dict[str, Any] = yaml.safe_load((DEPLOY / "collector" / "collector.yaml").read_text(encoding="utf-8"))
PIPELINES: dict[str, dict[str, list[str]]] = CONFIG["service"]["pipelines"]
SERVICE = stack.services()["otel-collector"]

# What Prometheus' and the Collector's translation append: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
UNITS = {"By": "bytes", "s": "seconds", "": ""}


def translated(metric: telemetry.Metric) -> str:
    """A metric's name in Prometheus: its unit is appended unless a part of the name is it, a counter ends in ``total``."""
    parts = metric.name.split("_")
    unit = UNITS[metric.unit]
    if unit and unit not in parts:
        parts.append(unit)
    if metric.kind == "counter":
        parts = [*(part for part in parts if part != "total"), "total"]
    return "_".join(parts)


def mebibytes(text: str) -> int:
    return int(text.removesuffix("MiB").removesuffix("M"))


@pytest.mark.parametrize("kind", ["receivers", "processors", "exporters"])
def test_what_is_configured_is_used(kind: str) -> None:
    """Every component stands in a pipeline, and every pipeline's components are configured."""
    used = {name for pipeline in PIPELINES.values() for name in pipeline[kind]}
    assert used == set(CONFIG[kind])


def test_extensions_are_started() -> None:
    """All that are configured, and those that exporters store in."""
    assert CONFIG["service"]["extensions"] == list(CONFIG["extensions"])
    assert {one["sending_queue"]["storage"] for one in CONFIG["exporters"].values()} <= set(CONFIG["extensions"])


@pytest.mark.parametrize("name", CONFIG["exporters"])
def test_nothing_taken_is_lost(name: str) -> None:
    """Queues are on disk, written through, and never given up; batches are made behind them, none in memory before."""
    queue = CONFIG["exporters"][name]["sending_queue"]
    assert queue["storage"] == "file_storage"
    assert queue["batch"]["min_size"] <= queue["batch"]["max_size"] <= queue["queue_size"]
    assert queue["sizer"] == queue["batch"]["sizer"]
    assert CONFIG["exporters"][name]["retry_on_failure"]["max_elapsed_time"] == "0s"
    assert CONFIG["extensions"]["file_storage"]["fsync"] is True
    assert all(pipeline["processors"] == ["memory_limiter"] for pipeline in PIPELINES.values())


def test_the_queue_lies_in_a_volume_that_its_user_may_write_to() -> None:
    """In the folder that the image makes for that user, on the volume that compose mounts there."""
    assert stack.named_volumes(SERVICE) == {"collector-data": "/var/lib/otelcol"}
    assert CONFIG["extensions"]["file_storage"]["directory"].startswith("/var/lib/otelcol/")
    made = (DEPLOY / "collector" / "Dockerfile").read_text(encoding="utf-8")
    assert f"chown {SERVICE['user']} /state/otelcol" in made
    assert "/state/ /var/lib/" in made


def test_memory_is_refused_before_it_is_taken() -> None:
    """The limiter's limit, and Go's, are below the container's."""
    container = mebibytes(SERVICE["deploy"]["resources"]["limits"]["memory"])
    limiter = CONFIG["processors"]["memory_limiter"]
    assert limiter["spike_limit_mib"] < limiter["limit_mib"] <= container * 0.8
    assert mebibytes(SERVICE["environment"]["GOMEMLIMIT"]) <= container * 0.8


def test_ports_are_those_of_the_readme() -> None:
    """What it listens on, its health and its own metrics included, stands in the table; where it sends to does as well."""
    protocols = CONFIG["receivers"]["otlp"]["protocols"]
    reader = CONFIG["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]
    listening = [protocols["grpc"]["endpoint"], protocols["http"]["endpoint"], f"{reader['host']}:{reader['port']}"]
    listening.append(CONFIG["extensions"]["health_check"]["endpoint"])
    assert [place.partition(":")[0] for place in listening] == ["0.0.0.0"] * 4  # in its container
    assert [int(place.partition(":")[2]) for place in listening] == stack.ports()["otel-collector"]
    assert listening[-1].rpartition(":")[2] in " ".join(SERVICE["healthcheck"]["test"])
    for name, exporter in CONFIG["exporters"].items():
        host, port = exporter["endpoint"].removeprefix("http://").partition("/")[0].split(":")
        assert host == name.partition("/")[2]
        assert int(port) in stack.ports()[host]


@pytest.mark.parametrize("metric", telemetry.METRICS, ids=lambda metric: metric.name)
def test_a_metric_keeps_its_name(metric: telemetry.Metric) -> None:
    """Sent over OTLP it is called as it is when scraped: no unit and no ``_total`` is doubled or added."""
    assert translated(metric) == metric.name


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        (telemetry.Metric("a_size", "gauge", "By", (), ""), "a_size_bytes"),
        (telemetry.Metric("runs", "counter", "", (), ""), "runs_total"),
    ],
)
def test_a_name_that_lacks_its_unit_would_change(metric: telemetry.Metric, name: str) -> None:
    """So the test above can fail."""
    assert translated(metric) == name


def test_traces_are_kept_where_grafana_asks() -> None:
    """Tempo listens where the Collector sends and where Grafana's data source reads, and stores on its volume."""
    tempo = yaml.safe_load((DEPLOY / "tempo" / "tempo.yaml").read_text(encoding="utf-8"))
    otlp = tempo["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert [tempo["server"]["http_listen_port"], int(otlp.partition(":")[2])] == stack.ports()["tempo"]
    (volume,) = stack.named_volumes(stack.services()["tempo"]).values()
    storage = tempo["storage"]["trace"]
    assert storage["wal"]["path"].startswith(f"{volume}/")
    assert storage["local"]["path"].startswith(f"{volume}/")
