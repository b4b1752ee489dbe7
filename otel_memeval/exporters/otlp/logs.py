"""Make log records as OTLP-JSON: the verdict, and events that are sent as records. Pure."""

from __future__ import annotations

from otel_memeval import telemetry
from otel_memeval.exporters.otlp.attributes import Attributes
from otel_memeval.exporters.otlp.otlp_json import Json, any_value, key_values
from otel_memeval.records import Result
from otel_memeval.tracing.otlp_span import nanoseconds
from otel_memeval.verdicts import PROPERTIES

_INFO, _WARN, _ERROR = (9, "INFO"), (13, "WARN"), (17, "ERROR")
"""https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber"""


def event_record(event_name: str, at_ns: int, trace_id: str, span_id: str, attributes: Attributes) -> Json:
    """Return an event as a record, with the name and the attributes that it has on a span."""
    return _record(event_name, at_ns, trace_id, span_id, event_name, attributes, _INFO)


def verdict_record(result: Result, at_ns: int, trace_id: str, span_id: str, attributes: Attributes, *, passed: bool) -> Json:
    """Return the verdict in one sentence: an error if the run does not pass, a warning if the verdict is one."""
    severity = _ERROR if not passed else _WARN if PROPERTIES[result.verdict.state].severity == "warning" else _INFO
    body = f"{result.eval.name}: {result.verdict.state}: {result.verdict.summary}"
    return _record(telemetry.VERDICT_EVENT, at_ns, trace_id, span_id, body, attributes, severity)


def _record(
    event_name: str,
    at_ns: int,
    trace_id: str,
    span_id: str,
    body: str,
    attributes: Attributes,
    severity: tuple[int, str],
) -> Json:
    return {
        "timeUnixNano": nanoseconds(at_ns),
        "observedTimeUnixNano": nanoseconds(at_ns),
        "severityNumber": severity[0],
        "severityText": severity[1],
        "eventName": event_name,
        "body": any_value(body),
        "attributes": key_values(attributes),
        "traceId": trace_id,
        "spanId": span_id,
    }
