"""Settings of the OTLP exporter from the OTEL_* variables."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval.exporters.otlp.settings import Destination, OtlpSettings, read_otlp_settings, shown_address

HERE = "http://localhost:4318"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def traces(**variables: str) -> Destination:
    """Return the destination of spans, with a common endpoint."""
    return read_otlp_settings({ENDPOINT: HERE, **variables}).destinations["traces"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {ENDPOINT: "", "OTEL_TRACES_EXPORTER": " "},
        {ENDPOINT: HERE, "OTEL_SDK_DISABLED": "TRUE"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", ENDPOINT: HERE},
        {"OTEL_EXPORTER_OTLP_HEADERS": "a=b", "OTEL_SERVICE_NAME": "x"},
    ],
)
def test_no_signal_is_sent_without_an_endpoint(environment: dict[str, str]) -> None:
    """The same holds for a disabled SDK and for exporters set to none."""
    assert read_otlp_settings(environment).signals == frozenset()


def test_common_endpoint_serves_all_signals_over_http() -> None:
    """The default protocol is http/protobuf, and each signal has its path below the endpoint."""
    found = read_otlp_settings({ENDPOINT: "https://collector.example:4318/base/"})
    assert {signal: destination.endpoint for signal, destination in found.destinations.items()} == {
        "traces": "https://collector.example:4318/base/v1/traces",
        "metrics": "https://collector.example:4318/base/v1/metrics",
        "logs": "https://collector.example:4318/base/v1/logs",
    }
    assert {destination.protocol for destination in found.destinations.values()} == {"http/protobuf"}
    assert found.warnings == ()


def test_endpoint_of_a_signal_is_used_unchanged() -> None:
    """No path is added to it, and the other signals are not sent there."""
    found = read_otlp_settings({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a:1/x"})
    assert found.destinations == {
        "traces": Destination(protocol="http/protobuf", endpoint="http://a:1/x", own_endpoint=True)
    }
    both = read_otlp_settings({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a:1/x", ENDPOINT: HERE})
    assert both.destinations["traces"].endpoint == "http://a:1/x"
    assert both.destinations["logs"].endpoint == f"{HERE}/v1/logs"


@pytest.mark.parametrize(
    ("endpoint", "insecure", "address", "is_insecure"),
    [
        ("http://h:4317", "", "h:4317", True),
        ("https://h:4317", "true", "h:4317", False),
        ("h:4317", "", "h:4317", False),
        ("h:4317", "true", "h:4317", True),
        ("http://u:p@h:4317/path", "", "h:4317", True),
        ("", "", "localhost:4317", True),
    ],
)
def test_grpc_endpoint_is_host_and_port(endpoint: str, insecure: str, address: str, is_insecure: bool) -> None:
    """The scheme decides whether the channel is secure; without a scheme OTEL_EXPORTER_OTLP_INSECURE does."""
    found = read_otlp_settings(
        {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            ENDPOINT: endpoint,
            "OTEL_EXPORTER_OTLP_INSECURE": insecure,
        }
    ).destinations["traces"]
    assert (found.endpoint, found.insecure) == (address, is_insecure)


def test_every_variable_of_a_destination_is_read() -> None:
    """Headers are percent-encoded, and the timeout is in milliseconds."""
    found = traces(
        OTEL_EXPORTER_OTLP_HEADERS="Authorization=Basic%20abc%3D%3D, x-a = b=c,",
        OTEL_EXPORTER_OTLP_TIMEOUT="2500",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_EXPORTER_OTLP_CERTIFICATE="ca.pem",
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="c.pem",
        OTEL_EXPORTER_OTLP_CLIENT_KEY="k.pem",
    )
    assert found.headers == (("authorization", "Basic abc=="), ("x-a", "b=c"))
    assert found.timeout_seconds == 2.5
    assert found.compression == "gzip"
    assert (found.certificate, found.client_certificate, found.client_key) == ("ca.pem", "c.pem", "k.pem")


def test_variable_of_a_signal_overrides_the_common_variable() -> None:
    """An empty variable counts as not set."""
    found = traces(
        OTEL_EXPORTER_OTLP_TRACES_HEADERS="a=1",
        OTEL_EXPORTER_OTLP_HEADERS="b=2",
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="",
        OTEL_EXPORTER_OTLP_TIMEOUT="1000",
        OTEL_EXPORTER_OTLP_TRACES_COMPRESSION="deflate",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
    )
    assert (found.headers, found.timeout_seconds, found.compression) == ((("a", "1"),), 1.0, "deflate")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no-equals-sign"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "many"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"),
        ("OTEL_SDK_DISABLED", "yes"),
        ("OTEL_TRACES_EXPORTER", "otlp,zipkin"),
    ],
)
def test_unusable_value_is_ignored_with_one_warning(variable: str, value: str) -> None:
    """The settings are those without the variable, and the warning names it."""
    with_it, without = read_otlp_settings({ENDPOINT: HERE, variable: value}), read_otlp_settings({ENDPOINT: HERE})
    (warning,) = set(with_it.warnings)
    assert variable in warning
    assert with_it.destinations == without.destinations
    assert (with_it.limits, with_it.sampler, with_it.batch) == (without.limits, without.sampler, without.batch)


def test_endpoint_that_is_no_address_sends_nothing() -> None:
    """There is a warning for each signal."""
    for endpoint in ("not an address", "ftp://h:1", "http://", "http://h:99999"):
        found = read_otlp_settings({ENDPOINT: endpoint})
        assert found.destinations == {}, endpoint
        assert "traces are not sent" in found.warnings[0]


def test_invalid_header_is_not_shown() -> None:
    """It may hold a key."""
    found = read_otlp_settings({ENDPOINT: HERE, "OTEL_EXPORTER_OTLP_HEADERS": "my secret value"})
    assert "secret value" not in " ".join(found.warnings)
    assert found.warnings


@pytest.mark.parametrize(
    ("sampler", "argument", "expected"),
    [
        ("traceidratio", "0.25", ("traceidratio", 0.25)),
        ("parentbased_traceidratio", "0", ("parentbased_traceidratio", 0.0)),
        ("traceidratio", "1.5", ("traceidratio", 1.0)),
        ("traceidratio", "nan", ("traceidratio", 1.0)),
        ("ALWAYS_OFF", "7", ("always_off", 1.0)),
    ],
)
def test_sampler_has_a_ratio_from_0_to_1(sampler: str, argument: str, expected: tuple[str, float]) -> None:
    """Names are those of the specification, in any case."""
    found = read_otlp_settings({ENDPOINT: HERE, "OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument})
    assert (found.sampler, found.sampler_argument) == expected


def test_limit_of_spans_overrides_the_common_limit() -> None:
    """OTEL_SPAN_* overrides OTEL_ATTRIBUTE_*."""
    found = read_otlp_settings(
        {
            ENDPOINT: HERE,
            "OTEL_ATTRIBUTE_COUNT_LIMIT": "10",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "5",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "40",
            "OTEL_SPAN_EVENT_COUNT_LIMIT": "0",
        }
    ).limits
    assert (found.attributes, found.event_attributes, found.events, found.value_length) == (5, 10, 0, 40)


def test_console_needs_no_endpoint() -> None:
    """The console serves one signal, alone or beside OTLP."""
    assert read_otlp_settings({"OTEL_TRACES_EXPORTER": "console"}).console == {"traces"}
    both = read_otlp_settings({"OTEL_TRACES_EXPORTER": "console,otlp"})
    assert both.console == {"traces"}
    assert both.destinations["traces"].endpoint == "http://localhost:4318/v1/traces"


def test_address_is_shown_without_secrets() -> None:
    """User, password, path and query are left out."""
    assert shown_address("https://user:pass@h.example:4318/key/v1/traces?token=x") == "https://h.example:4318"
    assert shown_address("h:4317") == "h:4317"


NAMES = [
    ENDPOINT, "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_SPAN_EVENT_COUNT_LIMIT",
]  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=30)))
def test_any_values_give_settings(environment: dict[str, str]) -> None:
    """No text in a variable raises an error."""
    assert isinstance(read_otlp_settings(environment), OtlpSettings)
