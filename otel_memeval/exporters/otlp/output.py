"""Hold the open output of one process: resource, scope, spans in the making, counters and delivery."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

from otel_memeval import telemetry
from otel_memeval.config import Settings
from otel_memeval.exporters.otlp.delivery.delivery import Delivery, DeliveryReport
from otel_memeval.exporters.otlp.metrics import MetricAggregator
from otel_memeval.exporters.otlp.otlp_json import Json, key_values
from otel_memeval.exporters.otlp.resource import resource_attributes, stable_attributes
from otel_memeval.exporters.otlp.settings import OtlpSettings
from otel_memeval.exporters.otlp.spans import SpanFactory, remote_parent
from otel_memeval.redact import Masker
from otel_memeval.tracing.otlp_span import FinishedSpan
from otel_memeval.version import __version__


class ServiceTelemetry:
    """Telemetry that a service keeps from run to run: counters, and the tracer provider of the SDK.

    Every provider leaves a hook in the process that nobody can remove (``os.register_at_fork``).
    """

    def __init__(self, aggregator: MetricAggregator, interval_seconds: float) -> None:
        """``interval_seconds``: how often the service measures."""
        self.aggregator = aggregator
        self.interval_seconds = interval_seconds
        self._span_factory: SpanFactory | None = None

    def span_factory(self, otlp: OtlpSettings) -> SpanFactory:
        """Return the only span factory of the process, created with the first settings."""
        if self._span_factory is None:
            self._span_factory = SpanFactory(otlp)
        return self._span_factory


class OtlpOutput:
    """Encodes spans, metrics and log records and hands them to the delivery."""

    def __init__(
        self,
        settings: Settings,
        otlp: OtlpSettings,
        delivery: Delivery,
        masker: Masker,
        service: ServiceTelemetry | None,
    ) -> None:
        sdk_log = logging.getLogger("opentelemetry")
        if not sdk_log.handlers:
            sdk_log.addHandler(logging.NullHandler())  # this tool reports what matters
        attributes = masker.record(resource_attributes(settings))
        self._resource = msgspec.json.encode({"attributes": key_values(attributes)})
        self._metric_resource = msgspec.json.encode({"attributes": key_values(stable_attributes(attributes))})
        self._scope = msgspec.json.encode({"name": telemetry.SCOPE, "version": __version__})
        self._delivery = delivery
        self._failures_counted = 0
        self.aggregator = (
            service.aggregator if service else MetricAggregator(time.time_ns(), delta=otlp.delta, one_shot=True)
        )
        self.span_factory = service.span_factory(otlp) if service else SpanFactory(otlp)
        self.parent = remote_parent(settings.parent, settings.environment.get("TRACESTATE", ""))

    def add_span(self, span: Json | None) -> None:
        """Send a span of the tool; None for a span that is not sampled."""
        if span is not None:
            self._delivery.add("traces", msgspec.json.encode(span), self._resource, self._scope)

    def add_finished_span(self, span: FinishedSpan) -> None:
        """Send a span of the scenario."""
        self._delivery.add("traces", span.span, self._resource, span.scope or self._scope)

    def add_log(self, record: Json) -> None:
        """Send a log record."""
        self._delivery.add("logs", msgspec.json.encode(record), self._resource, self._scope)

    def add_metrics(self, metrics: list[Json]) -> None:
        """Send metrics; their resource has no attribute that changes from run to run."""
        for metric in metrics:
            self._delivery.add("metrics", msgspec.json.encode(metric), self._metric_resource, self._scope)

    @property
    def failures(self) -> int:
        """Return the number of attempts so far that delivered nothing."""
        return self._delivery.failures

    def count_failures(self) -> None:
        """Add the export attempts that failed since the last call to the counter of failures."""
        failures = self._delivery.failures
        self.aggregator.add(telemetry.EXPORT_FAILURES, {"exporter": "otlp"}, failures - self._failures_counted)
        self._failures_counted = failures

    def close(self, is_hurried: Callable[[], bool]) -> DeliveryReport:
        """Send what is left and report the result."""
        report = self._delivery.close(is_hurried)
        self.count_failures()
        return report
