"""Push and write the gauges of one-shot runs as each run ends."""

from __future__ import annotations

import time
from collections.abc import Callable

from otel_memeval.exporters.prometheus import textfile
from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.exporters.prometheus.destinations import GaugeDestinations
from otel_memeval.exporters.prometheus.families import Snapshot
from otel_memeval.exporters.prometheus.pushgateway import PushgatewayExporter
from otel_memeval.exporters.prometheus.state import MOST_SERIES
from otel_memeval.records import Result
from otel_memeval.run.observer import Observer

_ADDED_SERIES = 4
"""Series that each group of a Pushgateway has besides: failures of three exporters, and the size of the spool."""


class OneShotGauges(Observer):
    """An observer that sends the gauges of each run; a failure of one destination does not affect the other."""

    def __init__(
        self,
        destinations: GaugeDestinations,
        passed: Callable[[Result], bool],
        before: Snapshot | None = None,
    ) -> None:
        """Start counters from ``before``, the snapshot of earlier runs; ``passed`` decides whether a result passes."""
        before = before or Snapshot(evals=())
        gateway = destinations.gateway
        self._destinations = destinations
        self._passed = passed
        most_series = MOST_SERIES if gateway is None else MOST_SERIES - _ADDED_SERIES
        self._board = Board(before.evals, most_series=most_series)
        self._failures_before = before.export_failures
        for exporter, number in before.export_failures.items():
            self._board.add_failures(exporter, number)
        self._failed: dict[str, bool] = {}
        """By label: whether all runs of this command failed, so that earlier values are kept."""
        self._textfile_problem = ""
        self._pushgateway = None if gateway is None else PushgatewayExporter(gateway)
        if gateway is not None:
            self._board.add_failures("pushgateway", 0)
        if destinations.textfile is not None:
            self._board.add_failures("textfile", 0)

    def on_result(self, result: Result) -> None:
        """Push and write the gauges of the run."""
        state = self._board.add_run(
            result, time.time(), passed=self._passed(result), interval_seconds=self._destinations.interval_seconds
        )
        failed = result.verdict.state == "failed"
        self._failed[state.eval] = failed and self._failed.get(state.eval, True)
        if self._pushgateway is not None:
            self._pushgateway.push_run(state, failed=failed)
        self._write()

    @property
    def failures(self) -> dict[str, int]:
        """Return the failed pushes and writes so far, by exporter."""
        counted = self._board.snapshot().export_failures
        before = self._failures_before
        return {name: counted[name] - before.get(name, 0) for name in ("pushgateway", "textfile") if name in counted}

    def close(self, otlp_failures: int | None, spool_bytes: int | None) -> list[str]:
        """Send the counters of exporters, and return one line for each destination that failed.

        ``otlp_failures``: batches that were not delivered; None: OTLP is off.
        """
        if otlp_failures is not None:
            self._board.add_failures("otlp", otlp_failures)
        self._board.set_spool_bytes(spool_bytes)
        lines = []
        if self._pushgateway is not None:
            before = self._pushgateway.failures
            self._board.add_failures("pushgateway", before)
            self._pushgateway.queue_counters(self._failed, self._board.snapshot())
            if problem := self._pushgateway.close():
                lines.append(problem)
            self._board.add_failures("pushgateway", self._pushgateway.failures - before)
        self._write()
        if self._textfile_problem:
            lines.append(self._textfile_problem)
        return lines

    def _write(self) -> None:
        path = self._destinations.textfile
        if path is None or not self._failed:
            return
        self._textfile_problem = ""
        try:
            textfile.write(path, self._board.snapshot(), [name for name, failed in self._failed.items() if failed])
        except (OSError, ValueError) as error:
            self._textfile_problem = textfile.write_problem(path, error)
            self._board.add_failures("textfile", 1)
