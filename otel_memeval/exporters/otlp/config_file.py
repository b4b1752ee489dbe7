"""Translate a declarative configuration file into the variables that would say the same.

https://opentelemetry.io/docs/specs/otel/configuration/: if ``OTEL_CONFIG_FILE`` is set, the file decides, and other
variables count only if the file names them. The SDK's package ``opentelemetry-configuration`` reads the file, if installed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from enum import Enum
from urllib.parse import quote

from otel_memeval.exporters.otlp.settings import SIGNALS, Signal

Node = Mapping[str, object]

_FILE_VARIABLES = ("OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE")
_PROVIDERS: dict[Signal, tuple[str, str]] = {
    "traces": ("tracer_provider", "processors"),
    "metrics": ("meter_provider", "readers"),
    "logs": ("logger_provider", "processors"),
}


def effective_environment(environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the variables that hold, and warnings about parts of the file that cannot be used."""
    name = next((name for name in _FILE_VARIABLES if environment.get(name)), "")
    if not name:
        return dict(environment), []
    path = environment[name]
    try:
        from opentelemetry.configuration import load_config_file
    except ImportError:
        remedy = "pip install opentelemetry-configuration"
        return dict(environment), [f"{name}={path}: the installed SDK reads no file, so the variables decide; {remedy}"]
    others = {name: value for name, value in environment.items() if not name.startswith("OTEL_")}
    others["OTEL_SDK_DISABLED"] = "true"
    try:
        plain = dataclasses.asdict(load_config_file(path))
    except Exception as error:  # noqa: BLE001 - any error in the file
        return others, [f"{name}={path}: {' '.join(str(error).split())[:300]}; nothing is sent"]
    variables, warnings = translate(plain)
    return {**others, "OTEL_SDK_DISABLED": "", **variables}, [f"{name}={path}: {line}" for line in warnings]


def translate(file: Node) -> tuple[dict[str, str], list[str]]:
    """Return the model of a file as variables, and warnings about exporters that this tool does not have."""
    variables = {"OTEL_SDK_DISABLED": "true" if file.get("disabled") else ""}
    warnings: list[str] = []
    for signal in SIGNALS:
        provider, members = _PROVIDERS[signal]
        kinds: list[str] = []
        for kind, exporter in _exporters(_node(file.get(provider)).get(members)):
            if kind == "console" or (kind in ("otlp_http", "otlp_grpc") and "otlp" not in kinds):
                kinds.append("console" if kind == "console" else "otlp")
                variables.update(_destination(signal, kind, exporter))
            else:
                warnings.append(
                    f"{signal}: {kind} is left out; this tool sends each signal to one OTLP receiver and to the console"
                )
        variables[f"OTEL_{signal.upper()}_EXPORTER"] = ",".join(kinds) or "none"
    tracer = _node(file.get("tracer_provider"))
    variables.update(_sampler(_node(tracer.get("sampler"))))
    variables.update(_limits(_node(file.get("attribute_limits")), _node(tracer.get("limits"))))
    variables["OTEL_RESOURCE_ATTRIBUTES"] = _resource(_node(file.get("resource")))
    return {name: value for name, value in variables.items() if value}, warnings


def _node(value: object) -> Node:
    return value if isinstance(value, Mapping) else {}


def _exporters(members: object) -> Iterator[tuple[str, Node]]:
    for member in members if isinstance(members, list) else ():
        for processor in _node(member).values():
            for kind, exporter in _node(_node(processor).get("exporter")).items():
                if exporter is not None:
                    yield kind, _node(exporter)


def _destination(signal: Signal, kind: str, exporter: Node) -> dict[str, str]:
    own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_"
    tls = _node(exporter.get("tls"))
    pairs = exporter.get("headers")
    headers = [
        f"{_node(pair).get('name')}={quote(str(_node(pair).get('value') or ''))}"
        for pair in (pairs if isinstance(pairs, list) else ())
    ]
    named = {
        "PROTOCOL": "grpc" if kind == "otlp_grpc" else "http/protobuf",
        "ENDPOINT": exporter.get("endpoint"),
        "HEADERS": ",".join([*headers, *filter(None, [str(exporter.get("headers_list") or "")])]),
        "COMPRESSION": exporter.get("compression"),
        "TIMEOUT": exporter.get("timeout"),
        "CERTIFICATE": tls.get("ca_file"),
        "CLIENT_KEY": tls.get("key_file"),
        "CLIENT_CERTIFICATE": tls.get("cert_file"),
        "INSECURE": "true" if tls.get("insecure") else None,
    }
    return {} if kind == "console" else {own + name: _text(value) for name, value in named.items() if value is not None}


def _sampler(sampler: Node) -> dict[str, str]:
    kind, content = next(((kind, _node(node)) for kind, node in sampler.items() if node is not None), ("", {}))
    if kind == "parent_based":
        root = _sampler(_node(content.get("root")))
        name = root.get("OTEL_TRACES_SAMPLER", "always_on")
        return {**root, "OTEL_TRACES_SAMPLER": f"parentbased_{name}"}
    if kind == "trace_id_ratio_based":
        return {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": _text(content.get("ratio", 1))}
    return {"OTEL_TRACES_SAMPLER": kind} if kind else {}


def _limits(common: Node, spans: Node) -> dict[str, str]:
    named = {
        "OTEL_ATTRIBUTE_COUNT_LIMIT": common.get("attribute_count_limit"),
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": common.get("attribute_value_length_limit"),
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": spans.get("attribute_count_limit"),
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": spans.get("attribute_value_length_limit"),
        "OTEL_SPAN_EVENT_COUNT_LIMIT": spans.get("event_count_limit"),
        "OTEL_SPAN_LINK_COUNT_LIMIT": spans.get("link_count_limit"),
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": spans.get("event_attribute_count_limit"),
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": spans.get("link_attribute_count_limit"),
    }
    return {name: _text(value) for name, value in named.items() if value is not None}


def _resource(resource: Node) -> str:
    given = resource.get("attributes")
    pairs = [
        f"{quote(str(_node(pair).get('name')))}={quote(_text(_node(pair).get('value')))}"
        for pair in (given if isinstance(given, list) else ())
    ]
    return ",".join([*filter(None, [str(resource.get("attributes_list") or "")]), *pairs])


def _text(value: object) -> str:
    return str(value.value if isinstance(value, Enum) else value)
