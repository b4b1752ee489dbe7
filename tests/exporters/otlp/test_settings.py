"""What the OTEL_* variables ask for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval.exporters.otlp.settings import Destination, OtlpSettings, read_otlp_settings, shown_address

HERE = "http://localhost:4318"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def traces(**variables: str) -> Destination:
    """Where spans go, with an endpoint that is set."""
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
def test_nothing_is_sent_unless_somebody_says_where(environment: dict[str, str]) -> None:
    """Without an endpoint, disabled, or with all exporters none, no signal is made."""
    assert read_otlp_settings(environment).signals == frozenset()


def test_one_endpoint_takes_all_signals_over_http() -> None:
    """The default protocol is http/protobuf, and each signal has its path below the endpoint."""
    found = read_otlp_settings({ENDPOINT: "https://collector.example:4318/base/"})
    assert {signal: one.endpoint for signal, one in found.destinations.items()} == {
        "traces": "https://collector.example:4318/base/v1/traces",
        "metrics": "https://collector.example:4318/base/v1/metrics",
        "logs": "https://collector.example:4318/base/v1/logs",
    }
    assert {one.protocol for one in found.destinations.values()} == {"http/protobuf"}
    assert found.warnings == ()


def test_a_signals_own_endpoint_is_used_as_it_is() -> None:
    """No path is added to it, and the other signals stay at home."""
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
def test_grpc_has_a_host_and_a_port(endpoint: str, insecure: str, address: str, is_insecure: bool) -> None:
    """The scheme says whether it is secure; without one it is, unless OTEL_EXPORTER_OTLP_INSECURE says not."""
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
    """Protocol, headers (percent-encoded), timeout in milliseconds, compression, certificates."""
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


def test_a_signals_own_variable_goes_before_the_common_one() -> None:
    """Each of them, and an empty one is not set."""
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
def test_a_value_that_cannot_be_used_is_told_in_one_line_and_ignored(variable: str, value: str) -> None:
    """The settings are as if it had not been set, and one line names the variable."""
    with_it, without = read_otlp_settings({ENDPOINT: HERE, variable: value}), read_otlp_settings({ENDPOINT: HERE})
    told = {*with_it.warnings}
    assert len(told) == 1
    assert variable in told.pop()
    assert with_it.destinations == without.destinations
    assert (with_it.limits, with_it.sampler, with_it.batch) == (without.limits, without.sampler, without.batch)


def test_an_endpoint_that_is_none_sends_nothing_and_says_so() -> None:
    """A line for each signal that would have gone there."""
    for endpoint in ("not an address", "ftp://h:1", "http://", "http://h:99999"):
        found = read_otlp_settings({ENDPOINT: endpoint})
        assert found.destinations == {}, endpoint
        assert "traces are not sent" in found.warnings[0]


def test_a_header_that_is_wrong_is_not_shown() -> None:
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
def test_samplers(sampler: str, argument: str, expected: tuple[str, float]) -> None:
    """By the specification's names, with a ratio from 0 to 1."""
    found = read_otlp_settings({ENDPOINT: HERE, "OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument})
    assert (found.sampler, found.sampler_argument) == expected


def test_limits_have_common_values_and_values_of_their_own() -> None:
    """OTEL_SPAN_* goes before OTEL_ATTRIBUTE_*."""
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
    """One signal, or beside OTLP."""
    assert read_otlp_settings({"OTEL_TRACES_EXPORTER": "console"}).console == {"traces"}
    both = read_otlp_settings({"OTEL_TRACES_EXPORTER": "console,otlp"})
    assert both.console == {"traces"}
    assert both.destinations["traces"].endpoint == "http://localhost:4318/v1/traces"


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    """No user, password, path or query."""
    assert shown_address("https://user:pass@h.example:4318/key/v1/traces?token=x") == "https://h.example:4318"
    assert shown_address("h:4317") == "h:4317"


NAMES = [
    ENDPOINT, "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_SPAN_EVENT_COUNT_LIMIT",
]  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=30)))
def test_no_value_is_an_error(environment: dict[str, str]) -> None:
    """Whatever the variables hold, settings come out."""
    assert isinstance(read_otlp_settings(environment), OtlpSettings)
