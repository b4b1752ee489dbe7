"""Make the tool's own spans through the SDK (its sampler, its limits, its parents), with given ids, as OTLP-JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import msgspec
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, StatusCode, TraceFlags, TraceState, set_span_in_context

from otel_memeval import telemetry
from otel_memeval.exporters.otlp.attributes import Attributes, ErrorAttributes
from otel_memeval.exporters.otlp.otlp_json import Json, key_values
from otel_memeval.exporters.otlp.settings import OtlpSettings, SpanSizeLimits
from otel_memeval.tracing.ids import Parent
from otel_memeval.tracing.otlp_span import nanoseconds, valid_text
from otel_memeval.version import __version__

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200
"""Flags of OTLP: it is known whether the parent is remote; it is."""
_LONGEST_SECONDS = 10.0**9
"""Of a span: longer durations are errors of the clock, and do not fit into 64 bits of nanoseconds."""


class TelemetryEvent(msgspec.Struct, frozen=True):
    """An event of a span, and the log record of the same name."""

    name: str
    attributes: Attributes
    at_ns: int
    """Nanoseconds since 1970."""


class _GivenIds(IdGenerator):
    """Generates the ids that were set before."""

    def __init__(self) -> None:
        self.trace_id = ""
        self.span_id = ""

    def generate_span_id(self) -> int:
        return int(self.span_id, 16)

    def generate_trace_id(self) -> int:
        return int(self.trace_id, 16)

    def is_trace_id_random(self) -> bool:
        """Return True: a run's id is a random UUID, and its last 56 bits are all random."""
        return True


class _LastSpan(SpanProcessor):
    """Keeps the sampled span that ended last, as OTLP-JSON."""

    def __init__(self) -> None:
        self.span: Json | None = None

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self.span = span_json(span)


class SpanFactory:
    """Makes the tool's spans with a tracer provider of its own."""

    def __init__(self, settings: OtlpSettings) -> None:
        self._ids = _GivenIds()
        self._last = _LastSpan()
        provider = TracerProvider(
            sampler=_sampler(settings),
            resource=Resource({}),
            shutdown_on_exit=False,
            id_generator=self._ids,
            span_limits=_span_limits(settings.limits),
        )
        provider.add_span_processor(self._last)
        self._tracer = provider.get_tracer(telemetry.SCOPE, __version__)

    def begin(
        self, name: str, trace_id: str, span_id: str, start_ns: int, attributes: Attributes, parent: Context | None
    ) -> Span:
        """Start a span at ``start_ns`` (nanoseconds since 1970)."""
        self._ids.trace_id, self._ids.span_id = trace_id, span_id
        return self._tracer.start_span(
            valid_text(name),
            context=Context() if parent is None else parent,
            attributes=_sdk_attributes(attributes),
            start_time=start_ns,
        )

    def end(self, span: Span, end_ns: int, events: Sequence[TelemetryEvent], error: ErrorAttributes | None) -> Json | None:
        """End a span and return it as OTLP-JSON; None if it is not sampled."""
        for event in events:
            span.add_event(event.name, _sdk_attributes(event.attributes), event.at_ns)
        if error is not None:
            span.set_attribute(telemetry.ERROR_TYPE, valid_text(error[0]) or "_OTHER")
            span.set_status(StatusCode.ERROR, valid_text(error[1]))
        self._last.span = None
        span.end(end_ns)
        return self._last.span


def remote_parent(parent: Parent | None, tracestate: str) -> Context | None:
    """Return the context of the span that a CI system names as the parent of the run."""
    if parent is None:
        return None
    context = SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT),
        trace_state=TraceState.from_header([tracestate]) if tracestate else None,
    )
    return set_span_in_context(NonRecordingSpan(context), Context())


def child_of(span: Span) -> Context:
    """Return the context in which a span becomes a child of ``span``."""
    return set_span_in_context(span, Context())


def unix_nanoseconds(time: str, default: int) -> int:
    """Return nanoseconds since 1970 of an RFC 3339 time; ``default`` if it is none."""
    try:
        passed = datetime.fromisoformat(time) - _EPOCH
    except (ValueError, TypeError, OverflowError):
        return default
    return max(((passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1000, 0)


def add_seconds(start_ns: int, seconds: float) -> int:
    """Return a time plus a duration; a duration that is not a number counts as none."""
    return start_ns + int(min(max(seconds, 0.0), _LONGEST_SECONDS) * 1e9) if seconds == seconds else start_ns


def _sdk_attributes(attributes: Attributes) -> dict[str, str | int | float | list[str]]:
    """Return the attributes that every SDK takes: no None, integers within 64 bits, valid text."""
    found: dict[str, str | int | float | list[str]] = {}
    for key, value in attributes.items():
        if isinstance(value, str):
            found[key] = valid_text(value)
        elif isinstance(value, int):
            found[key] = value if -(1 << 63) <= value < 1 << 63 else valid_text(str(value)[:400])
        elif isinstance(value, float):
            found[key] = value
        elif isinstance(value, list):
            found[key] = [valid_text(str(item)) for item in value]
    return found


def is_sampled(settings: OtlpSettings, trace_id: str, parent: Parent | None) -> bool:
    """Return whether the sampler keeps the trace of a run; no sampler here depends on names or attributes."""
    decided = _sampler(settings).should_sample(remote_parent(parent, ""), int(trace_id, 16), "")
    return decided.decision is Decision.RECORD_AND_SAMPLE


def _sampler(settings: OtlpSettings) -> Sampler:
    name = settings.sampler.removeprefix("parentbased_")
    root: Sampler = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}.get(name) or TraceIdRatioBased(
        settings.sampler_argument
    )
    return ParentBased(root) if settings.sampler.startswith("parentbased_") else root


def _span_limits(limits: SpanSizeLimits) -> SpanLimits:
    length = SpanLimits.UNSET if limits.value_length is None else limits.value_length
    return SpanLimits(
        max_attributes=limits.event_attributes,
        max_events=limits.events,
        max_links=limits.links,
        max_span_attributes=limits.attributes,
        max_event_attributes=limits.event_attributes,
        max_link_attributes=limits.link_attributes,
        max_attribute_length=length,
        max_span_attribute_length=length,
    )


def span_json(span: ReadableSpan) -> Json:
    """Return a finished span of the SDK as OTLP-JSON."""
    context = span.context
    assert context is not None
    data: Json = {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": nanoseconds(span.start_time or 0),
        "endTimeUnixNano": nanoseconds(span.end_time or 0),
        "attributes": key_values(span.attributes or {}),
        "flags": int(context.trace_flags) | _HAS_IS_REMOTE | (_IS_REMOTE if span.parent and span.parent.is_remote else 0),
    }
    if span.parent is not None:
        data["parentSpanId"] = f"{span.parent.span_id:016x}"
    if context.trace_state:
        data["traceState"] = context.trace_state.to_header()
    if span.dropped_attributes:
        data["droppedAttributesCount"] = span.dropped_attributes
    if span.events:
        data["events"] = [
            {
                "name": valid_text(event.name),
                "timeUnixNano": nanoseconds(event.timestamp),
                "attributes": key_values(event.attributes or {}),
            }
            for event in span.events
        ]
    if span.dropped_events:
        data["droppedEventsCount"] = span.dropped_events
    if span.status.status_code is StatusCode.ERROR:
        data["status"] = {"code": 2, "message": span.status.description or ""}
    return data
