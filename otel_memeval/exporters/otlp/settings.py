"""Read the settings of the OTLP exporter from the ``OTEL_*`` variables, as the specification says. Pure.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
https://opentelemetry.io/docs/specs/otel/protocol/exporter/. A value that cannot be used is replaced by the default, with a
warning. An empty variable counts as not set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

from otel_memeval.redact import redact

Signal = Literal["traces", "metrics", "logs"]
SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")
Protocol = Literal["grpc", "http/protobuf"]
Compression = Literal["none", "gzip", "deflate"]
Choice = TypeVar("Choice", bound=str)

_PROTOCOLS: dict[str, Protocol] = {"grpc": "grpc", "http/protobuf": "http/protobuf"}
_COMPRESSIONS: dict[Protocol, dict[str, Compression]] = {
    "grpc": {"none": "none", "gzip": "gzip"},
    "http/protobuf": {"none": "none", "gzip": "gzip", "deflate": "deflate"},
}
_DEFAULT_ENDPOINTS: dict[Protocol, str] = {"grpc": "http://localhost:4317", "http/protobuf": "http://localhost:4318"}
DEFAULT_TIMEOUT_SECONDS = 10.0
"""For one request; the specification's default."""
DEFAULT_SPOOL_BYTES = 64 << 20
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


LONGEST_SECONDS = 86_400.0
"""A day; operating systems and Python refuse to wait for some longer times."""


class ReceiverAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Address of the receiver of one signal. ``endpoint`` is a complete URL over HTTP, and ``host:port`` over gRPC."""

    protocol: Protocol
    endpoint: str
    own_endpoint: bool = False
    """Whether the endpoint was named for this signal alone."""
    insecure: bool = False


class Destination(ReceiverAddress, frozen=True, kw_only=True):
    """Destination of one signal: an address, and how requests to it are made."""

    headers: tuple[tuple[str, str], ...] = ()
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    compression: Compression = "none"
    certificate: str = ""
    client_certificate: str = ""
    client_key: str = ""


class SpanSizeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Most attributes, events and links of a span, and most characters of a value (None: no limit)."""

    attributes: int = 128
    event_attributes: int = 128
    link_attributes: int = 128
    events: int = 128
    links: int = 128
    value_length: int | None = None


class OtlpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the OTLP exporter. A signal that is not sent is not in ``destinations``."""

    destinations: dict[Signal, Destination] = {}
    console: frozenset[Signal] = frozenset()
    sampler: str = "parentbased_always_on"
    sampler_argument: float = 1.0
    limits: SpanSizeLimits = SpanSizeLimits()
    batch: int = 128
    """Most items of a batch."""
    delay_seconds: float = 1.0
    """Longest time until an item is queued for sending."""
    delta: bool = False
    """Whether metrics are sent as changes since the last export, and not since the start."""
    exemplars: bool = True
    spool_bytes: int = DEFAULT_SPOOL_BYTES
    warnings: tuple[str, ...] = ()

    @property
    def signals(self) -> frozenset[Signal]:
        """Return the signals that are sent or written to the console."""
        return frozenset(self.destinations) | self.console


class _Reader:
    """Reads variables one at a time and collects warnings."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.warnings: list[str] = []

    @property
    def unique_warnings(self) -> tuple[str, ...]:
        """Return each warning once: a common variable is read for every signal."""
        return tuple(dict.fromkeys(self.warnings))

    def text(self, *names: str) -> tuple[str, str]:
        """Return name and value of the first variable that is set."""
        for name in names:
            value = self._environment.get(name, "").strip()
            if value:
                return name, value
        return names[-1], ""

    def warn(self, name: str, value: str, why: str) -> None:
        shown = redact(value, ())[:80]
        self.warnings.append(f"{name}={shown}: {why}")

    def number(self, name: str, default: int, least: int = 0) -> int:
        _, value = self.text(name)
        if not value:
            return default
        if value.isascii() and value.isdigit() and int(value[:18]) >= least:
            return int(value[:18])
        self.warn(name, value, f"not a whole number of {least} or more; {default} is used")
        return default

    def choice(self, names: tuple[str, ...], allowed: Mapping[str, Choice], default: Choice) -> Choice:
        name, value = self.text(*names)
        if not value:
            return default
        if value.lower() in allowed:
            return allowed[value.lower()]
        self.warn(name, value, f"not one of {', '.join(allowed)}; {default} is used")
        return default

    def true(self, *names: str) -> bool:
        name, value = self.text(*names)
        if value.lower() not in ("", "true", "false"):
            self.warn(name, value, "neither true nor false; false is used")
        return value.lower() == "true"


def read_otlp_settings(environment: Mapping[str, str], kept: Mapping[str, ReceiverAddress] = {}) -> OtlpSettings:
    """Return the settings; ``destinations`` and ``console`` are empty if nothing is configured, or the SDK is disabled.

    A signal for which no variable names an endpoint has its ``kept`` address.
    """
    reader = _Reader(environment)
    if reader.true("OTEL_SDK_DISABLED"):
        return OtlpSettings(warnings=reader.unique_warnings)
    destinations: dict[Signal, Destination] = {}
    console = set()
    for signal in SIGNALS:
        exporters = _exporters(reader, signal, signal in kept)
        if "console" in exporters:
            console.add(signal)
        if "otlp" in exporters:
            found = _destination(reader, signal, kept.get(signal))
            if found is not None:
                destinations[signal] = found
    if not destinations and not console:
        return OtlpSettings(warnings=reader.unique_warnings)
    sampler, argument = _sampler(reader)
    return OtlpSettings(
        destinations=destinations,
        console=frozenset(console),
        sampler=sampler,
        sampler_argument=argument,
        limits=_limits(reader),
        batch=reader.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 128, least=1),
        delay_seconds=min(reader.number("OTEL_BSP_SCHEDULE_DELAY", 1000) / 1000, LONGEST_SECONDS),
        delta=_is_delta(reader),
        exemplars=_exemplars(reader),
        spool_bytes=reader.number("MEMEVAL_SPOOL_BYTES", DEFAULT_SPOOL_BYTES),
        warnings=reader.unique_warnings,
    )


def _exporters(reader: _Reader, signal: Signal, is_kept: bool) -> set[str]:
    """Return ``otlp``, ``console``, both or none; without a variable ``otlp`` if an endpoint for this signal is known."""
    name, value = reader.text(f"OTEL_{signal.upper()}_EXPORTER")
    if not value:
        _, endpoint = reader.text(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
        return {"otlp"} if endpoint or is_kept else set()
    named = {part.strip().lower() for part in value.split(",") if part.strip()}
    unknown = named - {"otlp", "console", "none"}
    if unknown:
        reader.warn(name, value, "this tool has otlp, console and none; the others are left out")
    return named - {"none"}


def _names(signal: Signal, end: str) -> tuple[str, str]:
    """Return the names of a variable for this signal alone, and for all signals."""
    return f"OTEL_EXPORTER_OTLP_{signal.upper()}_{end}", f"OTEL_EXPORTER_OTLP_{end}"


def _destination(reader: _Reader, signal: Signal, kept: ReceiverAddress | None) -> Destination | None:
    is_named = reader.text(*_names(signal, "ENDPOINT"))[1]
    address = kept if kept is not None and not is_named else _address(reader, signal)
    if address is None:
        return None
    compression: Compression = reader.choice(_names(signal, "COMPRESSION"), _COMPRESSIONS[address.protocol], "none")
    return Destination(
        **{name: getattr(address, name) for name in ReceiverAddress.__struct_fields__},
        headers=_headers(reader, *_names(signal, "HEADERS")),
        timeout_seconds=_timeout(reader, *_names(signal, "TIMEOUT")),
        compression=compression,
        certificate=reader.text(*_names(signal, "CERTIFICATE"))[1],
        client_certificate=reader.text(*_names(signal, "CLIENT_CERTIFICATE"))[1],
        client_key=reader.text(*_names(signal, "CLIENT_KEY"))[1],
    )


def _address(reader: _Reader, signal: Signal) -> ReceiverAddress | None:
    """Return the address that the variables name, else the default; None for a text that is no address."""
    protocol: Protocol = reader.choice(_names(signal, "PROTOCOL"), _PROTOCOLS, "http/protobuf")
    name, endpoint = reader.text(*_names(signal, "ENDPOINT"))
    own = name == _names(signal, "ENDPOINT")[0]
    url = _url(endpoint or _DEFAULT_ENDPOINTS[protocol], protocol)
    if url is None:
        reader.warn(name, endpoint, f"not an address; {signal} are not sent. Write http://HOST:PORT")
        return None
    insecure = False
    if protocol == "grpc":
        insecure = url.startswith("http:") or ("://" not in url and reader.true(*_names(signal, "INSECURE")))
        url = urlsplit(url).netloc.rpartition("@")[2] if url.startswith("http") else url
    elif not own:
        parts = urlsplit(url)
        url = parts._replace(path=f"{parts.path.rstrip('/')}/v1/{signal}").geturl()
    return ReceiverAddress(protocol=protocol, endpoint=url, own_endpoint=own, insecure=insecure)


def _url(endpoint: str, protocol: Protocol) -> str | None:
    """Return the endpoint if it is an address; over gRPC also ``host:port`` and other schemes of gRPC, such as ``unix:``."""
    try:
        parts = urlsplit(endpoint)
        if parts.scheme in ("http", "https"):
            return endpoint if parts.hostname and (parts.port is None or parts.port) else None
    except ValueError:
        return None
    return endpoint if protocol == "grpc" and not re.search(r"\s", endpoint) else None


def _timeout(reader: _Reader, own: str, common: str) -> float:
    """Return seconds; the variable is in milliseconds."""
    name, value = reader.text(own, common)
    seconds = reader.number(name, int(DEFAULT_TIMEOUT_SECONDS * 1000), least=1) / 1000 if value else DEFAULT_TIMEOUT_SECONDS
    return min(seconds, LONGEST_SECONDS)


def _headers(reader: _Reader, own: str, common: str) -> tuple[tuple[str, str], ...]:
    """Return the headers in ``key=value,key=value``, percent-encoded as in W3C Baggage."""
    headers: dict[str, str] = {}
    name, value = reader.text(own, common)
    for part in filter(None, (part.strip() for part in value.split(","))):
        key, equals, content = part.partition("=")
        key, content = unquote(key).strip().lower(), unquote(content).strip()
        if not equals or not _HEADER_NAME.fullmatch(key) or not content.isascii() or not content.isprintable():
            # The part itself is not shown: it may be a key.
            reader.warnings.append(f"{name}: a part of it is not key=value (percent-encoded) and is left out")
            continue
        headers[key] = content
    return tuple(headers.items())


def _sampler(reader: _Reader) -> tuple[str, float]:
    known = ("always_on", "always_off", "traceidratio")
    names = {name: name for base in known for name in (base, f"parentbased_{base}")}
    sampler = reader.choice(("OTEL_TRACES_SAMPLER",), names, "parentbased_always_on")
    name, value = reader.text("OTEL_TRACES_SAMPLER_ARG")
    if not value or not sampler.endswith("traceidratio"):
        return sampler, 1.0
    try:
        argument = float(value)
    except ValueError:
        argument = -1.0
    if 0 <= argument <= 1:
        return sampler, argument
    reader.warn(name, value, "not a number from 0 to 1; 1 is used")
    return sampler, 1.0


def _limits(reader: _Reader) -> SpanSizeLimits:
    everywhere = reader.number("OTEL_ATTRIBUTE_COUNT_LIMIT", 128)
    lengths = [
        reader.number(name, -1) for name in ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")
    ]
    return SpanSizeLimits(
        attributes=reader.number("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", everywhere),
        event_attributes=reader.number("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", everywhere),
        link_attributes=reader.number("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", everywhere),
        events=reader.number("OTEL_SPAN_EVENT_COUNT_LIMIT", 128),
        links=reader.number("OTEL_SPAN_LINK_COUNT_LIMIT", 128),
        value_length=next((length for length in lengths if length >= 0), None),
    )


def _is_delta(reader: _Reader) -> bool:
    names = {"cumulative": "cumulative", "delta": "delta", "lowmemory": "delta"}
    chosen = reader.choice(("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",), names, "cumulative")
    return chosen == "delta"


def _exemplars(reader: _Reader) -> bool:
    names = {"trace_based": "trace_based", "always_on": "trace_based", "always_off": "always_off"}
    return reader.choice(("OTEL_METRICS_EXEMPLAR_FILTER",), names, "trace_based") != "always_off"


def shown_address(endpoint: str) -> str:
    """Return scheme, host and port of an endpoint; user, password, query and path may hold secrets."""
    parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" if parts.scheme else host
