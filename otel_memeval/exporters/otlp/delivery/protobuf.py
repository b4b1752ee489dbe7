"""Encode batches as lines of OTLP's file format, and turn such lines, also those of other programs, into protobuf messages.

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

from otel_memeval.exporters.otlp.delivery.send_result import SendResult
from otel_memeval.exporters.otlp.settings import Signal
from otel_memeval.redact import shortened

ROOTS: dict[str, Signal] = {"resourceSpans": "traces", "resourceMetrics": "metrics", "resourceLogs": "logs"}
"""The only key of a line names its signal."""

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
_LONGEST_REASON = 300
"""Characters of a receiver's message that are kept."""
_SCOPES = {"traces": "scopeSpans", "metrics": "scopeMetrics", "logs": "scopeLogs"}


class Unreadable(Exception):
    """The line is no OTLP message."""


def wrap(signal: Signal, groups: Mapping[tuple[bytes, bytes], Sequence[msgspec.Raw]]) -> dict[str, object]:
    """Return one message with items by resource and scope, which are all encoded as JSON."""
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
    """Return a message as one line of a file."""
    return msgspec.json.encode(message) + b"\n"


def read_line(line: bytes) -> tuple[Signal, Message]:
    """Return the signal of a line and the message to send. Raises ``Unreadable``."""
    try:
        data = msgspec.json.decode(line)
        root = next(key for key in data if key in ROOTS)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, StopIteration, RecursionError):
        raise Unreadable("no OTLP message: neither resourceSpans nor resourceMetrics nor resourceLogs") from None
    signal = ROOTS[root]
    try:
        return signal, _REQUESTS[signal](**_fields(cast("Descriptor", _REQUESTS[signal].DESCRIPTOR), data))
    except Unreadable:
        raise
    except Exception as error:  # noqa: BLE001 - any error in a file of another program
        raise Unreadable(f"no OTLP message: {type(error).__name__}: {str(error)[:200]}") from None


def encode_message(message: Message) -> bytes:
    """Return the message in binary protobuf. Raises ``Unreadable``, such as for values nested a hundred deep."""
    try:
        return message.SerializeToString()
    except Exception as error:  # noqa: BLE001 - any error of the library
        raise Unreadable(f"it cannot be encoded: {type(error).__name__}: {str(error)[:200]}") from None


def of_response(signal: Signal, body: bytes, media_type: str = "") -> SendResult:
    """Return the result that a successful response stands for: it may reject a part of the items.

    A response that cannot be read is no delivery: a proxy or a login page answered, or a part of the response is missing. An
    empty one rejects nothing.
    """
    try:
        partial = _read_response(signal, body, media_type).partial_success  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - any body
        kind = f" but {media_type}" if media_type and not media_type.endswith("protobuf") else ", or only a part of one"
        return SendResult(outcome="refused", reason=shortened(f"the answer is no OTLP response{kind}", _LONGEST_REASON))
    reason = shortened(partial.error_message, _LONGEST_REASON)
    rejected = getattr(partial, _REJECTED[signal])
    if rejected > 0:
        return SendResult(outcome="rejected", rejected_items=rejected, reason=reason)
    return SendResult(outcome="delivered", reason=reason)


def _read_response(signal: Signal, body: bytes, media_type: str) -> Message:
    """Return a response in protobuf, or in JSON as some receivers answer. Raises an error for all other text."""
    message = _RESPONSES[signal]
    if media_type.endswith("json") and body:
        from google.protobuf.json_format import Parse

        if {"error", "errors"} & msgspec.json.decode(body, type=dict[str, object]).keys():
            raise ValueError("an error with a status of success")
        return Parse(body, message(), ignore_unknown_fields=True)
    if media_type.startswith("text/") and body:
        raise ValueError("text")
    return message.FromString(body)


class _FieldReader(msgspec.Struct, frozen=True):
    """Reads one field of the JSON."""

    name: str
    read: Callable[[object], object]
    repeated: bool


@functools.cache
def _field_readers(message: Descriptor) -> dict[str, _FieldReader]:
    """Return the readers by name in the JSON; protobuf's own reader of JSON takes three times as long as all the rest."""
    readers = {}
    for field in message.fields:
        repeated = field.is_repeated
        readers[field.json_name] = readers[field.name] = _FieldReader(field.name, _reader(field), repeated)
    return readers


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
    """Return the arguments that make the message; an unknown field is left out."""
    if not isinstance(data, dict):
        raise Unreadable(f"no OTLP message: {message.name} is {type(data).__name__}")
    readers = _field_readers(message)
    made: dict[str, object] = {}
    for key, value in data.items():
        field = readers.get(key)
        if field is not None and value is not None:
            made[field.name] = [field.read(item) for item in value] if field.repeated else field.read(value)
    return made
