"""Gauges of one-shot runs: told to a Pushgateway and written to a textfile as each run ends."""

from __future__ import annotations

import time
from collections.abc import Callable

from otel_memeval.exporters.prometheus import textfile
from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.exporters.prometheus.destinations import GaugeOptions
from otel_memeval.exporters.prometheus.families import Snapshot
from otel_memeval.exporters.prometheus.pushgateway import PushgatewayExporter
from otel_memeval.exporters.prometheus.state import MOST_SERIES
from otel_memeval.records import Result
from otel_memeval.redact import redact, secrets_in, visible
from otel_memeval.run.observer import Observer

_ADDED_SERIES = 4
"""In a Pushgateway each eval has these too: failures of three exporters, and the spool."""


class OneShotGauges(Observer):
    """An observer that tells each run's gauges. Each way out is on its own: what one cannot do does not touch the other."""

    def __init__(
        self,
        options: GaugeOptions,
        secrets: tuple[str, ...],
        passed: Callable[[Result], bool],
        before: Snapshot | None = None,
    ) -> None:
        """``passed`` says whether a result passes. ``before``: what was told of earlier runs; counters go on from there."""
        before = before or Snapshot(evals=())
        self._options = options
        self._secrets = secrets
        if options.gateway is not None:
            self._secrets += secrets_in({"PASSWORD": options.gateway.password})
        self._passed = passed
        most = MOST_SERIES if options.gateway is None else MOST_SERIES - _ADDED_SERIES
        self._board = Board(lambda text: redact(text, self._secrets), before.evals, most_series=most)
        self._failures_before = before.export_failures
        for exporter, number in before.export_failures.items():
            self._board.exporting(exporter, number)
        self._failed: dict[str, bool] = {}
        """By label: whether the last run measured little."""
        self._textfile_problem = ""
        self._pushgateway = None if options.gateway is None else PushgatewayExporter(options.gateway)
        if options.gateway is not None:
            self._board.exporting("pushgateway")
        if options.textfile is not None:
            self._board.exporting("textfile")

    def on_result(self, result: Result) -> None:
        """The run is over: push, and write."""
        state = self._board.told(
            result, time.time(), passed=self._passed(result), interval_seconds=self._options.interval_seconds
        )
        failed = result.verdict.state == "failed"
        # Without a failure of its own since, what an earlier run of this command left is this command's to replace.
        self._failed[state.eval] = failed and self._failed.get(state.eval, True)
        if self._pushgateway is not None:
            self._pushgateway.told(state, failed=failed)
        self._write()

    @property
    def failures(self) -> dict[str, int]:
        """Pushes and writes that failed so far."""
        counted = self._board.snapshot().export_failures
        before = self._failures_before
        return {name: counted[name] - before.get(name, 0) for name in ("pushgateway", "textfile") if name in counted}

    def close(self, otlp_failures: int | None, spool_bytes: int | None) -> list[str]:
        """Tell what exporters counted, now that all is over; a line for a person for each that failed.

        ``otlp_failures``: batches that were not delivered; None: OTLP is not on.
        """
        if otlp_failures is not None:
            self._board.exporting("otlp", otlp_failures)
        self._board.spooled(spool_bytes)
        lines = []
        if self._pushgateway is not None:
            before = self._pushgateway.failures
            self._board.exporting("pushgateway", before)
            self._pushgateway.counted(self._failed, self._board.snapshot())
            if problem := self._pushgateway.close():
                lines.append(problem)
            self._board.exporting("pushgateway", self._pushgateway.failures - before)
        self._write()
        if self._textfile_problem:
            lines.append(self._textfile_problem)
        return [visible(redact(line, self._secrets)) for line in lines]

    def _write(self) -> None:
        path = self._options.textfile
        if path is None or not self._failed:
            return
        self._textfile_problem = ""
        try:
            textfile.write(path, self._board.snapshot(), [name for name, failed in self._failed.items() if failed])
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            self._textfile_problem = f"--textfile {path} was not written: {why}"
            self._board.exporting("textfile", 1)
