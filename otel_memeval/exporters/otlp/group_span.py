"""The span around several runs, which makes one trace of them."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TextIO

from otel_memeval import telemetry
from otel_memeval.config import Settings
from otel_memeval.exporters.otlp.delivery.delivery import Delivery
from otel_memeval.exporters.otlp.output import OtlpOutput
from otel_memeval.exporters.otlp.settings import OtlpSettings
from otel_memeval.exporters.otlp.spans import is_sampled
from otel_memeval.redact import Masker
from otel_memeval.tracing.ids import Parent, run_span_id, trace_id


class GroupSpan:
    """A span that begins now and is sent at its end; ``parent`` is the parent of the spans of the runs."""

    def __init__(self, settings: Settings, otlp: OtlpSettings, spool: Path, console: TextIO) -> None:
        self._settings = settings
        self._otlp = otlp
        self._spool = spool
        self._console = console
        self._id = uuid.uuid4().hex
        self._start_ns = time.time_ns()
        trace = trace_id(self._id, settings.parent)
        sampled = is_sampled(otlp, trace, settings.parent)
        self.parent = Parent(trace_id=trace, span_id=run_span_id(self._id), sampled=sampled)

    def end(self, evals: int, failing: int) -> list[str]:
        """Send the span, with the number of evals that were measured and of those that do not pass.

        Returns lines about what was not delivered.
        """
        delivery = Delivery(self._otlp, self._spool, self._id, self._console, self._settings.secrets)
        masker = Masker(self._settings.secrets)
        output = OtlpOutput(self._settings, self._otlp, delivery, masker, None)
        attributes = {telemetry.GROUP_EVALS: evals, telemetry.GROUP_FAILING: failing}
        name, trace, span_id = telemetry.GROUP_SPAN, self.parent.trace_id, self.parent.span_id
        span = output.span_factory.begin(name, trace, span_id, self._start_ns, attributes, output.parent)
        output.add_span(output.span_factory.end(span, time.time_ns(), [], None))
        report = output.close(lambda: False)
        return [masker.text(line) for line in report.lines] if report.undelivered else []
