"""Log records as OTLP-JSON: verdicts, and events where they are wanted as records. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from otel_memeval import telemetry
from otel_memeval.exporters.otlp.attributes import Values
from otel_memeval.exporters.otlp.otlp_json import Json, any_value, attributes
from otel_memeval.records import Result
from otel_memeval.tracing.otlp_span import nanoseconds
from otel_memeval.verdicts import PROPERTIES

_INFO, _WARN, _ERROR = (9, "INFO"), (13, "WARN"), (17, "ERROR")


def record(
    event_name: str, at: int, trace_id: str, span_id: str, body: str, values: Mapping[str, object], severity: tuple[int, str]
) -> Json:
    """One record, at a time in nanoseconds since 1970, within a span."""
    return {
        "timeUnixNano": nanoseconds(at),
        "observedTimeUnixNano": nanoseconds(at),
        "severityNumber": severity[0],
        "severityText": severity[1],
        "eventName": event_name,
        "body": any_value(body),
        "attributes": attributes(values),
        "traceId": trace_id,
        "spanId": span_id,
    }


def event_record(event_name: str, at: int, trace_id: str, span_id: str, values: Values) -> Json:
    """An event as a record: the same name and attributes that it has on a span."""
    return record(event_name, at, trace_id, span_id, event_name, values, _INFO)


def verdict_record(result: Result, at: int, trace_id: str, span_id: str, values: Values, *, passed: bool) -> Json:
    """The verdict in a sentence; an error if the run does not pass, a warning if it leaves something open."""
    severity = _ERROR if not passed else _WARN if PROPERTIES[result.verdict.state].severity == "warning" else _INFO
    body = f"{result.eval.name}: {result.verdict.state}: {result.verdict.summary}"
    return record(telemetry.VERDICT_EVENT, at, trace_id, span_id, body, values, severity)
