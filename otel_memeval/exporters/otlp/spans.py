"""Spans through the SDK (its sampler, its limits, its parents), with ids that are worked out, as OTLP-JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone

import msgspec
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from otel_memeval import telemetry
from otel_memeval.exporters.otlp.otlp_json import Json, attributes
from otel_memeval.exporters.otlp.settings import OtlpSettings, SpanSizeLimits
from otel_memeval.tracing.ids import Parent
from otel_memeval.tracing.otlp_span import nanoseconds, valid_text
from otel_memeval.version import __version__

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MOST_SECONDS = 10.0**9
_HAS_IS_REMOTE = 0x100
_IS_REMOTE = 0x200

Values = Mapping[str, object]


class Event(msgspec.Struct, frozen=True):
    """An event of a span, or a log record of the same name."""

    name: str
    values: Values
    at: int
    """Nanoseconds since 1970."""


class Ids(IdGenerator):
    """Hands out the ids it was told."""

    def __init__(self) -> None:
        self.trace_id = ""
        self.span_id = ""

    def generate_span_id(self) -> int:
        """The next span's."""
        return int(self.span_id, 16)

    def generate_trace_id(self) -> int:
        """The next trace's."""
        return int(self.trace_id, 16)

    def is_trace_id_random(self) -> bool:
        """A run's id is a random UUID, and its last 56 bits are all random."""
        return True


class _HandOn(SpanProcessor):
    """A finished span, as OTLP-JSON, to whoever wants it."""

    def __init__(self, take: Callable[[Json], None]) -> None:
        self._take = take

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self._take(span_json(span))


class Spans:
    """Makes spans, each whole at once; ``take`` gets those that are sampled."""

    def __init__(self, settings: OtlpSettings, take: Callable[[Json], None]) -> None:
        self._ids = Ids()
        self._take = take
        self._provider = TracerProvider(
            sampler=_sampler(settings),
            resource=Resource({}),
            shutdown_on_exit=False,
            id_generator=self._ids,
            span_limits=_limits(settings.limits),
        )
        self._provider.add_span_processor(_HandOn(lambda span: self._take(span)))
        self._tracer = self._provider.get_tracer(telemetry.SCOPE, __version__)

    def hand_to(self, take: Callable[[Json], None]) -> None:
        """Another one gets the spans from now on."""
        self._take = take

    def begin(self, name: str, trace_id: str, span_id: str, start: int, values: Values, parent: Context | None) -> Span:
        """Start a span at ``start`` (nanoseconds since 1970)."""
        self._ids.trace_id, self._ids.span_id = trace_id, span_id
        return self._tracer.start_span(
            valid_text(name),
            context=Context() if parent is None else parent,
            attributes=_fit(values),
            start_time=start,
        )

    def end(self, span: Span, end: int, events: Sequence[Event], error: tuple[str, str] | None) -> None:
        """Finish a span; ``error`` is its type and description."""
        for event in events:
            span.add_event(event.name, _fit(event.values), event.at)
        if error is not None:
            span.set_attribute(telemetry.ERROR_TYPE, valid_text(error[0]) or "_OTHER")
            span.set_status(StatusCode.ERROR, valid_text(error[1]))
        span.end(end)


def remote_parent(parent: Parent | None, tracestate: str) -> Context | None:
    """The context of the span that a CI system names."""
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
    """The context of what happens within ``span``."""
    return set_span_in_context(span, Context())


def at(started_at: str, default: int = 0) -> int:
    """Nanoseconds since 1970 of an RFC 3339 time; ``default`` for what is none."""
    try:
        passed = datetime.fromisoformat(started_at) - _EPOCH
    except (ValueError, TypeError, OverflowError):
        return default
    return max(((passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1000, 0)


def later(start: int, seconds: float) -> int:
    """``start`` and a duration."""
    return start + int(min(max(seconds, 0.0), _MOST_SECONDS) * 1e9) if seconds == seconds else start


def _fit(values: Values) -> dict[str, str | int | float | list[str]]:
    """Attributes that every SDK takes: no None, integers within 64 bits, valid text."""
    fitting: dict[str, str | int | float | list[str]] = {}
    for key, value in values.items():
        if isinstance(value, str):
            fitting[key] = valid_text(value)
        elif isinstance(value, int):
            fitting[key] = value if -(1 << 63) <= value < 1 << 63 else valid_text(str(value)[:400])
        elif isinstance(value, float):
            fitting[key] = value
        elif isinstance(value, list):
            fitting[key] = [valid_text(str(one)) for one in value]
    return fitting


def samples(settings: OtlpSettings, trace_id: str, parent: Parent | None) -> bool:
    """Whether the sampler keeps the trace of a run: none of those there are looks at names or attributes."""
    decided = _sampler(settings).should_sample(remote_parent(parent, ""), int(trace_id, 16), "")
    return decided.decision is Decision.RECORD_AND_SAMPLE


def _sampler(settings: OtlpSettings) -> Sampler:
    name = settings.sampler.removeprefix("parentbased_")
    root: Sampler = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}.get(name) or TraceIdRatioBased(
        settings.sampler_argument
    )
    return ParentBased(root) if settings.sampler.startswith("parentbased_") else root


def _limits(limits: SpanSizeLimits) -> SpanLimits:
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
    """A finished span of the SDK's as OTLP-JSON."""
    context = span.context
    assert context is not None
    data: Json = {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": nanoseconds(span.start_time or 0),
        "endTimeUnixNano": nanoseconds(span.end_time or 0),
        "attributes": attributes(span.attributes or {}),
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
                "name": valid_text(one.name),
                "timeUnixNano": nanoseconds(one.timestamp),
                "attributes": attributes(one.attributes or {}),
            }
            for one in span.events
        ]
    if span.dropped_events:
        data["droppedEventsCount"] = span.dropped_events
    if span.status.status_code is StatusCode.ERROR:
        data["status"] = {"code": 2, "message": span.status.description or ""}
    return data
