"""The Collector keeps telemetry on disk until it is delivered, and does not change the names of metrics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel_memeval import telemetry
from tests.deploy import compose
from tests.deploy.shipped import DEPLOY

CONFIG: dict[str, Any] = yaml.safe_load((DEPLOY / "collector" / "collector.yaml").read_text(encoding="utf-8"))
PIPELINES: dict[str, dict[str, list[str]]] = CONFIG["service"]["pipelines"]
SERVICE = compose.services()["otel-collector"]

# Suffixes that the translation of Prometheus and the Collector appends: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
UNITS = {"By": "bytes", "s": "seconds", "": ""}


def translated(metric: telemetry.Metric) -> str:
    """Return a metric's name in Prometheus: it includes the unit, and ends in ``total`` for a counter."""
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
def test_pipelines_use_every_configured_component(kind: str) -> None:
    """Every component is part of a pipeline, and all components of pipelines are configured."""
    used = {name for pipeline in PIPELINES.values() for name in pipeline[kind]}
    assert used == set(CONFIG[kind])


def test_service_starts_every_configured_extension() -> None:
    """The service starts all configured extensions, among them the storage of the exporters."""
    assert CONFIG["service"]["extensions"] == list(CONFIG["extensions"])
    assert {exporter["sending_queue"]["storage"] for exporter in CONFIG["exporters"].values()} <= set(CONFIG["extensions"])


@pytest.mark.parametrize("name", CONFIG["exporters"])
def test_queue_is_on_disk_and_retries_without_end(name: str) -> None:
    """Accepted telemetry is on disk with fsync and retried without end; batches are formed from the queue, not in memory."""
    queue = CONFIG["exporters"][name]["sending_queue"]
    assert queue["storage"] == "file_storage"
    assert queue["batch"]["min_size"] <= queue["batch"]["max_size"] <= queue["queue_size"]
    assert queue["sizer"] == queue["batch"]["sizer"]
    assert CONFIG["exporters"][name]["retry_on_failure"]["max_elapsed_time"] == "0s"
    assert CONFIG["extensions"]["file_storage"]["fsync"] is True
    assert PIPELINES["traces"]["processors"] == ["memory_limiter"]
    assert PIPELINES["metrics"]["processors"] == ["memory_limiter", "delta_to_cumulative"]  # none holds telemetry back


def test_queue_is_in_a_volume_that_its_user_may_write_to() -> None:
    """The queue is in the folder that the image creates for the user, on the volume that compose mounts there."""
    assert compose.named_volumes(SERVICE) == {"collector-data": "/var/lib/otelcol"}
    assert CONFIG["extensions"]["file_storage"]["directory"].startswith("/var/lib/otelcol/")
    dockerfile = (DEPLOY / "collector" / "Dockerfile").read_text(encoding="utf-8")
    assert f"chown {SERVICE['user']} /state/otelcol" in dockerfile
    assert "/state/ /var/lib/" in dockerfile


def test_memory_limits_are_below_the_limit_of_the_container() -> None:
    """The memory limiter's limit and Go's are below that of the container."""
    container = mebibytes(SERVICE["deploy"]["resources"]["limits"]["memory"])
    limiter = CONFIG["processors"]["memory_limiter"]
    assert limiter["spike_limit_mib"] < limiter["limit_mib"] <= container * 0.8
    assert mebibytes(SERVICE["environment"]["GOMEMLIMIT"]) <= container * 0.8


def test_ports_are_those_of_the_readme() -> None:
    """The table has the ports for OTLP, health and own metrics, and the ports of the exporters' targets."""
    protocols = CONFIG["receivers"]["otlp"]["protocols"]
    reader = CONFIG["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]
    listening = [protocols["grpc"]["endpoint"], protocols["http"]["endpoint"], f"{reader['host']}:{reader['port']}"]
    listening.append(CONFIG["extensions"]["health_check"]["endpoint"])
    assert [address.partition(":")[0] for address in listening] == ["0.0.0.0"] * 4  # within its container
    assert [int(address.partition(":")[2]) for address in listening] == compose.ports()["otel-collector"]
    assert listening[-1].rpartition(":")[2] in " ".join(SERVICE["healthcheck"]["test"])
    for name, exporter in CONFIG["exporters"].items():
        host, port = exporter["endpoint"].removeprefix("http://").partition("/")[0].split(":")
        assert host == name.partition("/")[2]
        assert int(port) in compose.ports()[host]


def required(name: str) -> dict[str, str]:
    """Return the versions of the modules that a program of the real stack requires."""
    text = (Path(__file__).parent / "stack" / name / "go.mod").read_text(encoding="utf-8")
    return dict(re.findall(r"^(?:require |\t)(\S+) (v\S+)", text, re.MULTILINE))


def test_programs_of_the_real_stack_have_the_versions_of_the_images() -> None:
    """The Collector and Prometheus are built in the versions that ``deploy/`` runs; Prometheus 3.13.2 is module 0.313.2."""
    collector = compose.bases(DEPLOY / "collector" / "Dockerfile")[-1].partition(":")[2]
    versions = required("collector")
    components = ("extension/healthcheckextension", "extension/storage/filestorage", "processor/deltatocumulativeprocessor")
    modules = [f"github.com/open-telemetry/opentelemetry-collector-contrib/{name}" for name in components]
    assert {versions[module] for module in [*modules, "go.opentelemetry.io/collector/otelcol"]} == {f"v{collector}"}
    major, minor, patch = compose.services()["prometheus"]["image"].partition(":v")[2].split(".")
    assert required("prometheus")["github.com/prometheus/prometheus"] == f"v0.{major}{minor:0>2}.{patch}"


@pytest.mark.parametrize("metric", telemetry.METRICS, ids=lambda metric: metric.name)
def test_metric_keeps_its_name_over_otlp(metric: telemetry.Metric) -> None:
    """A metric has the same name sent over OTLP and scraped: no unit and no ``_total`` is added or doubled."""
    assert translated(metric) == metric.name


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        (telemetry.Metric("a_size", "gauge", "By", (), ""), "a_size_bytes"),
        (telemetry.Metric("runs", "counter", "", (), ""), "runs_total"),
    ],
)
def test_translation_completes_a_name_without_unit_or_total(metric: telemetry.Metric, name: str) -> None:
    """The translation changes incomplete names, so the test above can fail."""
    assert translated(metric) == name


def test_tempo_listens_on_the_ports_of_the_readme_and_stores_on_its_volume() -> None:
    """Tempo listens on the ports that the Collector and Grafana's data source use, and stores traces on its volume."""
    tempo = yaml.safe_load((DEPLOY / "tempo" / "tempo.yaml").read_text(encoding="utf-8"))
    otlp = tempo["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert [tempo["server"]["http_listen_port"], int(otlp.partition(":")[2])] == compose.ports()["tempo"]
    (volume,) = compose.named_volumes(compose.services()["tempo"]).values()
    storage = tempo["storage"]["trace"]
    assert storage["wal"]["path"].startswith(f"{volume}/")
    assert storage["local"]["path"].startswith(f"{volume}/")
