"""A declarative configuration file in the place of the variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_memeval.exporters.otlp.config_file import effective_environment
from otel_memeval.exporters.otlp.resource import named_attributes
from otel_memeval.exporters.otlp.settings import Destination, read_otlp_settings

pytest.importorskip("opentelemetry.configuration", reason="the extra config-file is not installed")

FILE = """
file_format: "1.0"
resource:
  attributes_list: "a=b"
  attributes:
    - {name: service.name, value: "my agent, really"}
tracer_provider:
  sampler: {parent_based: {root: {trace_id_ratio_based: {ratio: 0.5}}}}
  limits: {event_count_limit: 7}
  processors:
    - batch:
        exporter:
          otlp_http:
            endpoint: https://collector.example/v1/traces
            headers: [{name: api-key, value: "${SOME_KEY}"}]
            compression: gzip
            timeout: 3000
            tls: {ca_file: ca.pem}
    - simple: {exporter: {console: {}}}
meter_provider:
  readers:
    - periodic: {exporter: {otlp_grpc: {endpoint: "http://localhost:4317"}}}
"""


def test_file_overrides_the_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Destinations, headers from variables that the file names, sampler, limits and resource are the file's."""
    path = tmp_path / "otel.yaml"
    path.write_text(FILE)
    monkeypatch.setenv("SOME_KEY", "a b")
    given = {"OTEL_CONFIG_FILE": str(path), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://other:1", "HOME": "x"}
    environment, warnings = effective_environment(given)
    found = read_otlp_settings(environment)
    assert warnings == []
    assert found.destinations == {
        "traces": Destination(
            protocol="http/protobuf",
            endpoint="https://collector.example/v1/traces",
            own_endpoint=True,
            headers=(("api-key", "a b"),),
            timeout_seconds=3.0,
            compression="gzip",
            certificate="ca.pem",
        ),
        "metrics": Destination(protocol="grpc", endpoint="localhost:4317", own_endpoint=True, insecure=True),
    }
    assert found.console == {"traces"}
    assert (found.sampler, found.sampler_argument) == ("parentbased_traceidratio", 0.5)
    assert found.limits.events == 7
    assert named_attributes(environment) == {"a": "b", "service.name": "my agent, really"}
    assert environment["HOME"] == "x"


@pytest.mark.parametrize("text", ["file_format: '1.0'\ndisabled: true\n" + FILE.split("\n", 2)[2], "nonsense: [", ""])
def test_disabled_or_broken_file_sends_nothing(tmp_path: Path, text: str) -> None:
    """The specification does not fall back to the variables; a broken file has one warning."""
    path = tmp_path / "otel.yaml"
    path.write_text(text)
    environment, warnings = effective_environment(
        {"OTEL_CONFIG_FILE": str(path), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://other:1"}
    )
    assert read_otlp_settings(environment).signals == frozenset()
    assert len(warnings) == ("disabled" not in text)
    assert not any("\n" in line for line in warnings)


def test_variables_are_unchanged_without_a_file() -> None:
    """Nothing is added or removed."""
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other:1", "HOME": "x"}
    assert effective_environment(given) == (given, [])
