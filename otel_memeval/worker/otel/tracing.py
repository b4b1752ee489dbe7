"""Collect the scenario's own OpenTelemetry spans while it runs, and send them after the reading.

Only with ``--trace-scenario``: otherwise nothing imports this file. The scenario's own OpenTelemetry is used. A span is
written as text when it ends, into a buffer that existed before tracing began: the span's objects are freed as they would be
without this file, nothing kept here grows, and objects that the scenario keeps through OpenTelemetry are measured as usual.
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
"""Buffer for the spans of an iteration, about 1,000 bytes each; spans that do not fit are counted and dropped."""

RUN = "run"
"""Name of the span around set-up, tear-down and everything else outside an iteration."""

SendLines = Callable[["memoryview[int]"], None]


def span_id(run_id: str, name: str) -> str:
    """Return the id of a span as ``otel_memeval.tracing.ids`` does, which cannot be imported here (a test compares both)."""
    digest = sha256(f"{run_id}/{name}".encode()).hexdigest()
    return next(part for part in (digest[:16], digest[16:32]) if int(part, 16))


class SpanBuffer:
    """Lines of an iteration; any thread adds to it, and a finalizer may do so while a line is being added."""

    def __init__(self, size: int) -> None:
        self._bytes = bytearray(b"\n") * size  # every page is touched now, so that none is taken for growth later
        self._used = 0
        self._dropped = 0
        self._lock = threading.RLock()
        self.is_full = False
        """Whether a line did not fit: later spans are dropped until the buffer is emptied, and need not be written."""

    def add(self, line: bytes) -> None:
        """Append a line if there is room for it."""
        with self._lock:
            start = self._used
            end = start + len(line)
            if end > len(self._bytes):
                self._dropped += 1
                self.is_full = True
                return
            self._used = end  # reserved before it is written
            self._bytes[start:end] = line

    def drop(self) -> None:
        """Count a span that could not be written."""
        with self._lock:
            self._dropped += 1

    def empty(self, send_lines: SendLines) -> int:
        """Send all lines and remove them; return the number of spans dropped since the last call."""
        with self._lock:
            used, dropped = self._used, self._dropped
            if used:
                with memoryview(self._bytes) as buffer, buffer[:used] as lines:
                    send_lines(lines)
            left = self._used - used
            self._bytes[:left] = self._bytes[used : self._used]
            self._used, self._dropped, self.is_full = left, 0, False
            return dropped


class Tracing:
    """The tracing of one run. ``trace_id`` is hexadecimal. Contents: of messages to and from a model."""

    def __init__(self, run_id: str, trace_id: str, *, sampled: bool, span_contents: bool, event_contents: bool) -> None:
        self._run_id = run_id
        self._trace_id = int(trace_id, 16)
        self._sampled = sampled
        self._writer = SpanWriter(in_spans=span_contents, in_events=event_contents)
        self._buffer = SpanBuffer(BUFFER_BYTES)
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
        """Add a span processor to the scenario's tracer provider, or set a provider. Raises ``TargetProblem``.

        Called after the import of the scenario. If the scenario sets a provider later, the spans of that provider are taken
        from the next call on, and the provider set here is no longer used.
        """
        try:
            self._trace = importlib.import_module("opentelemetry.trace")
            self._context = importlib.import_module("opentelemetry.context")
            sdk = importlib.import_module("opentelemetry.sdk.trace")
        except ImportError as error:
            remedy = f"install it: {sys.executable} -m pip install opentelemetry-sdk, or leave the option out"
            raise TargetProblem(f"--trace-scenario needs opentelemetry-sdk by the scenario ({error}); {remedy}") from None
        self._flags = self._trace.TraceFlags(1 if self._sampled else 0)
        self._processor = _processor(sdk, self._on_end)
        provider = self._trace.get_tracer_provider()
        if hasattr(provider, "add_span_processor"):
            self._add_processor()
        elif isinstance(provider, self._trace.ProxyTracerProvider):  # none is set
            self._set_provider(sdk)
        else:
            kind = f"{type(provider).__module__}.{type(provider).__qualname__}"
            raise TargetProblem(
                f"--trace-scenario: the scenario's tracer provider, a {kind}, takes no span processor; leave the option out"
            )

    def _set_provider(self, sdk: Any) -> None:
        """Set a provider that serves until the scenario sets its own.

        ``set_tracer_provider`` is not used: it works only once, and is left to the scenario.
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

    def _add_processor(self) -> None:
        """Add the span processor to the provider that is set now, if it is a new one."""
        provider = self._trace.get_tracer_provider()
        if provider is not self._seen_provider and hasattr(provider, "add_span_processor"):
            self._seen_provider = provider
            provider.add_span_processor(self._processor)

    def prime(self, times: int) -> None:
        """Have OpenTelemetry make its one-time allocations before tracing starts.

        The scenario's provider is not used: it may export.
        """
        # A scenario that asks for a tracer on import gets the same.
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
        """Remove the spans that ended since the last call, in iterations that are not measured."""
        self._buffer.empty(_not_sent)

    def around(self, name: str) -> CurrentContext:
        """Return a context manager that makes a span the current one; ``name`` as in ``otel_memeval.tracing.ids``."""
        self._add_processor()
        identity = span_id(self._run_id, name)
        if identity != self._current:
            self._before, self._current = self._current, identity
        self._since_ns = time.time_ns()
        span_context = self._trace.SpanContext(self._trace_id, int(identity, 16), True, self._flags)
        if isinstance(span_context, tuple):
            span_context = tuple.__new__(type(span_context), span_context)  # allocated in this file: see below
        context = self._trace.set_span_in_context(self._trace.NonRecordingSpan(span_context))
        # A kept span refers to the first as its parent, and a task to the second: neither may count as growth.
        return CurrentContext(self._context, type(context)(context) if isinstance(context, dict) else context)

    def send(self, send_lines: SendLines) -> int:
        """Send the spans that ended since the last call; return the number of dropped spans."""
        return self._buffer.empty(send_lines)

    def _on_end(self, span: ReadableSpan) -> None:
        """Write a span that has ended, in any thread; nothing may be raised into the scenario."""
        if os.getpid() != self._process:
            return
        if self._buffer.is_full:
            self._buffer.drop()
            return
        try:
            parent = ""
            if span.parent is None and span.context.trace_id == self._trace_id:
                # Begun outside the iteration's context, as in a thread of a pool.
                parent = self._current if (span.start_time or 0) >= self._since_ns else self._before
            self._buffer.add(self._writer.line(span, parent))
        except Exception:
            self._buffer.drop()


class CurrentContext:
    """A context of OpenTelemetry that is current inside ``with``."""

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


def _processor(sdk: Any, on_end: Callable[[ReadableSpan], None]) -> object:
    """Return a span processor of this SDK that calls ``on_end`` for every span that has ended."""

    class Processor(sdk.SpanProcessor):  # type: ignore[misc]
        def on_end(self, span: ReadableSpan) -> None:
            on_end(span)

    return Processor()


def _id_generator(trace_id: int) -> object:
    """Return a generator of ids: roots join the run's trace, and the scenario's random numbers are not used."""
    base = importlib.import_module("opentelemetry.sdk.trace.id_generator").IdGenerator

    class IdGenerator(base):  # type: ignore[misc, valid-type]
        def generate_trace_id(self) -> int:
            return trace_id

        def generate_span_id(self) -> int:
            return int.from_bytes(os.urandom(8), "big") or 1

    return IdGenerator()
