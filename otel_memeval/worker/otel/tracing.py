"""The scenario's own OpenTelemetry spans: taken while it runs, sent after the reading, then forgotten.

Only with ``--trace-scenario``: nothing imports this file otherwise. The OpenTelemetry that is used is the scenario's own. A
span is written down at the moment it ends, into a buffer that was there before tracing began: its objects die when they
would have died anyway, and nothing that is kept here grows. What the scenario keeps through OpenTelemetry is seen as ever.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from ..target import TargetProblem
from .span_json import ReadableSpan, SpanWriter

BUFFER_BYTES = 8 * 1024 * 1024
"""For the spans of one iteration, about a thousand bytes each; those that do not fit are counted and dropped."""

RUN = "run"
"""The span that set-up, tear-down and whatever else is outside of an iteration belong to."""

SendLines = Callable[["memoryview[int]"], None]


def span_id(run_id: str, name: str) -> str:
    """As in ``otel_memeval.tracing.ids``, which cannot be imported here; a test holds the two together."""
    digest = sha256(f"{run_id}/{name}".encode()).hexdigest()
    return next(part for part in (digest[:16], digest[16:32]) if int(part, 16))


class Buffer:
    """Lines of one iteration. Written to from any thread, and from a finalizer in the middle of being written to."""

    def __init__(self, size: int) -> None:
        self._bytes = bytearray(b"\n") * size  # every page is touched now: none of it looks like growth later
        self._used = 0
        self._dropped = 0
        self._lock = threading.RLock()
        self.is_full = False
        """A line did not fit: whatever comes until it is emptied is dropped, and need not be written down."""

    def add(self, line: bytes) -> None:
        """Keep a line, if there is room for it."""
        with self._lock:
            start = self._used
            end = start + len(line)
            if end > len(self._bytes):
                self._dropped += 1
                self.is_full = True
                return
            self._used = end  # taken before it is written to
            self._bytes[start:end] = line

    def drop(self) -> None:
        """Count a span that could not be written down."""
        with self._lock:
            self._dropped += 1

    def empty(self, send_lines: SendLines) -> int:
        """Send all lines and forget them; how many were dropped since the last time."""
        with self._lock:
            used, dropped = self._used, self._dropped
            if used:
                with memoryview(self._bytes) as whole, whole[:used] as lines:
                    send_lines(lines)
            left = self._used - used
            self._bytes[:left] = self._bytes[used : self._used]
            self._used, self._dropped, self.is_full = left, 0, False
            return dropped


class Tracing:
    """Spans of one run. ``trace_id`` is in hexadecimal; ``wanted`` as in ``otel_memeval.wire.trace_command``."""

    def __init__(self, run_id: str, trace_id: str, wanted: str) -> None:
        self._run_id = run_id
        self._trace_id = int(trace_id, 16)
        words = wanted.split(",")
        self._sampled = "sampled" in words
        self._writer = SpanWriter(in_spans="span-contents" in words, in_events="event-contents" in words)
        self._buffer = Buffer(BUFFER_BYTES)
        self._process = os.getpid()
        self._current = self._before = span_id(run_id, RUN)
        self._since_ns = 0
        self._trace: Any = None
        self._context: Any = None
        self._flags: Any = None
        self._processor: Any = None
        self._own_provider: Any = None
        self._seen_provider: Any = None

    def install(self) -> None:
        """After the scenario's import: take part in its tracer provider, or be one. Raises ``TargetProblem``.

        A provider that the scenario sets later takes the place of ours, and is taken part in from the next call on.
        """
        try:
            self._trace = importlib.import_module("opentelemetry.trace")
            self._context = importlib.import_module("opentelemetry.context")
            sdk = importlib.import_module("opentelemetry.sdk.trace")
        except ImportError as error:
            remedy = f"install it: {sys.executable} -m pip install opentelemetry-sdk, or leave the option out"
            raise TargetProblem(f"--trace-scenario needs opentelemetry-sdk by the scenario ({error}); {remedy}") from None
        self._flags = self._trace.TraceFlags(1 if self._sampled else 0)
        self._processor = _processor(sdk, self._ended)
        provider = self._trace.get_tracer_provider()
        if hasattr(provider, "add_span_processor"):
            self._take_part()
        elif isinstance(provider, self._trace.ProxyTracerProvider):  # none is set
            self._be_provider(sdk)
        else:
            kind = f"{type(provider).__module__}.{type(provider).__qualname__}"
            raise TargetProblem(
                f"--trace-scenario: the scenario's tracer provider, a {kind}, takes no span processor; leave the option out"
            )

    def _be_provider(self, sdk: Any) -> None:
        """Be the provider until the scenario sets its own.

        Ours is put in place without ``set_tracer_provider``, which works only once and is the scenario's to call.
        """
        sampling = importlib.import_module("opentelemetry.sdk.trace.sampling")
        resources = importlib.import_module("opentelemetry.sdk.resources")
        decision = sampling.Decision.RECORD_AND_SAMPLE if self._sampled else sampling.Decision.RECORD_ONLY
        self._own_provider = self._seen_provider = sdk.TracerProvider(
            sampler=sampling.StaticSampler(decision),
            resource=resources.Resource.get_empty(),
            id_generator=_id_generator(self._trace_id),
            shutdown_on_exit=False,
        )
        self._own_provider.add_span_processor(self._processor)
        self._trace._TRACER_PROVIDER = self._own_provider

    def _take_part(self) -> None:
        """Have the spans of the provider that is set now, if it is a new one."""
        provider = self._trace.get_tracer_provider()
        if provider is not self._seen_provider and hasattr(provider, "add_span_processor"):
            self._seen_provider = provider
            provider.add_span_processor(self._processor)

    def prime(self, times: int) -> None:
        """What OpenTelemetry allocates once, before tracing starts; not by way of the scenario's provider: it may export."""
        # As scenarios have it that ask for a tracer on import.
        tracer = None if self._own_provider is None else self._trace.ProxyTracer("otel_memeval")
        for _ in range(times):
            with self.around(RUN):
                if tracer is not None:
                    with tracer.start_as_current_span("prime", attributes={"a": 1}) as span:
                        span.set_attribute("b", "c")
                        span.add_event("d", {"e": 1.5})
                        tracer.start_span("prime", kind=self._trace.SpanKind.CLIENT).end()
        self.forget()

    def forget(self) -> None:
        """Forget the spans that have ended since the last time: of iterations that are not measured."""
        self._buffer.empty(_not_sent)

    def around(self, name: str) -> Around:
        """Makes the span of this name the current one. ``name`` as in ``otel_memeval.tracing.ids``."""
        self._take_part()
        identity = span_id(self._run_id, name)
        if identity != self._current:
            self._before, self._current = self._current, identity
        self._since_ns = time.time_ns()
        span_context = self._trace.SpanContext(self._trace_id, int(identity, 16), True, self._flags)
        if isinstance(span_context, tuple):
            span_context = tuple.__new__(type(span_context), span_context)  # made in this file: see below
        context = self._trace.set_span_in_context(self._trace.NonRecordingSpan(span_context))
        # A span that is kept has the first as its parent, a task has the second: neither is the scenario's growth.
        return Around(self._context, type(context)(context) if isinstance(context, dict) else context)

    def send(self, send_lines: SendLines) -> int:
        """Send the spans that have ended since the last time; how many had to be dropped."""
        return self._buffer.empty(send_lines)

    def _ended(self, span: ReadableSpan) -> None:
        """A span has ended, in whatever thread: write it down. Nothing may be raised into the scenario."""
        if os.getpid() != self._process:
            return
        if self._buffer.is_full:
            self._buffer.drop()
            return
        try:
            parent = ""
            if span.parent is None and span.context.trace_id == self._trace_id:
                # Made outside of the iteration's context, as in a thread of a pool.
                parent = self._current if (span.start_time or 0) >= self._since_ns else self._before
            self._buffer.add(self._writer.line(span, parent))
        except Exception:
            self._buffer.drop()


class Around:
    """A context of OpenTelemetry's, current inside of ``with``."""

    __slots__ = ("_api", "_context", "_token")

    def __init__(self, api: Any, context: object) -> None:
        self._api = api
        self._context = context
        self._token: object = None

    def __enter__(self) -> None:
        self._token = self._api.attach(self._context)

    def __exit__(self, *_: object) -> None:
        self._api.detach(self._token)
        self._token = self._context = None


def _not_sent(_: memoryview[int]) -> None:
    return None


def _processor(sdk: Any, ended: Callable[[ReadableSpan], None]) -> object:
    """A span processor of this SDK's that hands over what has ended."""

    class Processor(sdk.SpanProcessor):  # type: ignore[misc]
        def on_end(self, span: ReadableSpan) -> None:
            ended(span)

    return Processor()


def _id_generator(trace_id: int) -> object:
    """Ids for spans: a span without a parent is in the run's trace, and the scenario's random numbers stay its own."""
    base = importlib.import_module("opentelemetry.sdk.trace.id_generator").IdGenerator

    class Ids(base):  # type: ignore[misc, valid-type]
        def generate_trace_id(self) -> int:
            return trace_id

        def generate_span_id(self) -> int:
            return int.from_bytes(os.urandom(8), "big") or 1

    return Ids()
