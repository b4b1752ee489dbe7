"""Addresses that the spool keeps for a replay."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_memeval.exporters.otlp.delivery.addresses import FILE_NAME, kept_addresses, read_addresses, write_addresses
from otel_memeval.exporters.otlp.settings import read_otlp_settings

SECRET = "4cc83a1b9f"


@pytest.mark.parametrize(
    ("endpoint", "kept"),
    [
        ("http://receiver:4318", "http://receiver:4318/v1/traces"),
        ("http://receiver:4318/base/", "http://receiver:4318/base/v1/traces"),
        (f"https://me:{SECRET}@receiver:4318?key={SECRET}#x", "https://receiver:4318/v1/traces"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
        (f"http://receiver:4318/{SECRET}", ""),
    ],
)
def test_address_is_kept_without_secrets(endpoint: str, kept: str) -> None:
    """User, password and query are left out; an address with a known secret in its path is not kept."""
    found = kept_addresses(read_otlp_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}).destinations, [SECRET])
    assert (found["traces"].endpoint if "traces" in found else "") == kept


def test_kept_addresses_are_those_of_the_run(tmp_path: Path) -> None:
    """Protocol, address and the marks of both are read as they were written, and give the same destinations."""
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://one:4317",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://two:4318/logs",
        "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf",
    }
    destinations = read_otlp_settings(variables).destinations
    write_addresses(tmp_path, kept_addresses(destinations, ()))
    assert read_otlp_settings({}, read_addresses(tmp_path)).destinations == destinations


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_variable_goes_before_a_kept_address(variable: str) -> None:
    """The variable of the signal, and the variable of all signals."""
    of_run = read_otlp_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://kept:1"}).destinations
    found = read_otlp_settings({variable: "http://named:2/v1/traces"}, kept_addresses(of_run, ())).destinations
    assert found["traces"].endpoint.startswith("http://named:2/")
    assert found["logs"].endpoint.startswith("http://kept:1/" if "TRACES" in variable else "http://named:2/")


@pytest.mark.parametrize("text", ["", "[]", '{"traces": {}}', "[" * 10_000, '{"traces": null}', "\udcff"])
def test_damaged_file_names_no_address(tmp_path: Path, text: str) -> None:
    """The batches wait until somebody names a receiver."""
    (tmp_path / FILE_NAME).write_text(text, errors="surrogateescape")
    assert read_addresses(tmp_path) == {}
