"""From OTLP-JSON to the bytes that are sent. Reads what the OTLP file format says, its own files and others'.

https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from otel_memeval.exporters.otlp.signals import Signal

ROOTS: dict[str, Signal] = {"resourceSpans": "traces", "resourceMetrics": "metrics", "resourceLogs": "logs"}
"""The one key of a line says which signal it is."""

_REQUESTS: dict[Signal, type[Message]] = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}
_RESPONSES: dict[Signal, type[Message]] = {
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}
_REJECTED = {"traces": "rejected_spans", "metrics": "rejected_data_points", "logs": "rejected_log_records"}
_ITEMS = {"traces": "spans", "metrics": "metrics", "logs": "logRecords"}
_SCOPES = {"traces": "scopeSpans", "metrics": "scopeMetrics", "logs": "scopeLogs"}


class Unreadable(Exception):
    """A line that is no OTLP message."""


def wrap(signal: Signal, groups: Mapping[tuple[bytes, bytes], Sequence[msgspec.Raw]]) -> dict[str, object]:
    """One message: items by resource and scope, all as JSON already."""
    root = next(key for key, of in ROOTS.items() if of == signal)
    return {
        root: [
            {
                "resource": msgspec.Raw(resource),
                _SCOPES[signal]: [{"scope": msgspec.Raw(scope), _ITEMS[signal]: list(items)}],
            }
            for (resource, scope), items in groups.items()
        ]
    }


def encode_line(message: Mapping[str, object]) -> bytes:
    """One line of a file."""
    return msgspec.json.encode(message) + b"\n"


def read_line(line: bytes) -> tuple[Signal, Message, int]:
    """A line's signal, the message to send, and how many spans, metrics or records are in it. Raises ``Unreadable``."""
    try:
        data = msgspec.json.decode(line)
        root = next(key for key in data if key in ROOTS)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, StopIteration):
        raise Unreadable("no OTLP message: neither resourceSpans nor resourceMetrics nor resourceLogs") from None
    signal = ROOTS[root]
    try:
        message = _REQUESTS[signal](**_fields(cast("Descriptor", _REQUESTS[signal].DESCRIPTOR), data))
    except Unreadable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with somebody's file
        raise Unreadable(f"no OTLP message: {type(error).__name__}: {str(error)[:200]}") from None
    count = sum(len(scope.get(_ITEMS[signal], ())) for group in data[root] for scope in group.get(_SCOPES[signal], ()))
    return signal, message, count


def rejected(signal: Signal, body: bytes) -> tuple[int, str]:
    """How many items the receiver's answer says were rejected, and why. An answer that cannot be read rejects none."""
    try:
        answer = _RESPONSES[signal].FromString(body)
    except Exception:  # noqa: BLE001 - a proxy's "ok" in the place of an answer
        return 0, ""
    partial = answer.partial_success  # type: ignore[attr-defined]
    return getattr(partial, _REJECTED[signal]), partial.error_message


class _Field(msgspec.Struct, frozen=True):
    """How one field of the JSON is read."""

    name: str
    read: Callable[[object], object]
    repeated: bool


@functools.cache
def _plan(message: Descriptor) -> dict[str, _Field]:
    """By the field's name in the JSON; protobuf's own reader of JSON takes three times as long as all the rest."""
    plan = {}
    for field in message.fields:
        repeated = field.is_repeated
        plan[field.json_name] = plan[field.name] = _Field(field.name, _reader(field), repeated)
    return plan


def _reader(field: FieldDescriptor) -> Callable[[object], object]:
    if field.message_type is not None:
        below = field.message_type
        return lambda value: _fields(below, value)
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return float  # type: ignore[return-value]
    if field.type == FieldDescriptor.TYPE_BYTES:
        return bytes.fromhex if field.json_name.endswith(("Id", "id")) else base64.b64decode  # type: ignore[return-value]
    if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BOOL):
        return lambda value: value
    return int  # type: ignore[return-value]


def _fields(message: Descriptor, data: object) -> dict[str, object]:
    """The arguments that make the message; a field that it does not know is left out."""
    if not isinstance(data, dict):
        raise Unreadable(f"no OTLP message: {message.name} is {type(data).__name__}")
    plan = _plan(message)
    made: dict[str, object] = {}
    for key, value in data.items():
        field = plan.get(key)
        if field is not None and value is not None:
            made[field.name] = [field.read(one) for one in value] if field.repeated else field.read(value)
    return made
