"""Measure the service with the tool itself: an iteration is one finished run, one skipped run, and five requests.

Measure it with ``python -m otel_memeval scenarios.service_exporter``.
"""

from __future__ import annotations

import http.client
import tempfile
import time
from pathlib import Path

from otel_memeval import PerformanceEval
from otel_memeval.exporters.prometheus.board import Board
from otel_memeval.records import Channels, Eval, Iteration, Limits, Result, Run, Site, Summary, Verdict
from otel_memeval.service.eval_status import Overview
from otel_memeval.service.http.access import Access
from otel_memeval.service.http.server import Address, Server
from otel_memeval.service.links import eval_path
from otel_memeval.service.pages import pages
from otel_memeval.service.state import ServiceState
from otel_memeval.service.state_file import StateFile

EVALS = 3
REQUESTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/metrics", {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}),
    ("/metrics", {"Accept": "text/plain; version=0.0.4"}),
    ("/", {}),
    (eval_path("agent_1", "Agent 1"), {}),
    ("/healthz", {}),
)


def result(number: int) -> Result:
    """Return the result of a run of one of the evals, with a different id and different lines for each number."""
    run_id = f"{number:032x}"
    iterations = [
        Iteration(
            index=index,
            phase="measured",
            started_at="",
            duration_seconds=0.5,
            status="ok",
            retained_bytes=number,
            peak_bytes=1,
        )
        for index in range(1, 6)
    ]
    sites = [
        Site(
            file=f"{run_id}.py",
            line=line,
            function="run",
            retained_bytes=1,
            blocks=1,
            bytes_per_iteration=1.5,
            signature=run_id,
        )
        for line in range(5)
    ]
    failed = number % 2 == 0
    return Result(
        run=Run(
            id=run_id, started_at="", duration_seconds=2.5, target=f"agent_{number % EVALS}", python="3.11", platform=""
        ),
        eval=Eval(name=f"Agent {number % EVALS}", iterations=5, warmup=0, limits=Limits()),
        iterations=iterations,
        growth=Channels(),
        sites=sites,
        holders=[],
        verdict=Verdict(state="failed" if failed else "stable", summary=f"run {run_id}", reasons=[]),
        statistics=Summary(),
    )


class Exporter:
    """The exporter of the service without the runs: results are given to it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._count = 0
        state_file = StateFile(Path(self._folder.name, "state.json"), self._log)
        self._state = ServiceState(
            Board(exemplars=True),
            Overview(interval_seconds=900),
            state_file,
            mask=str,
            passed=lambda finished: finished.verdict.state == "stable",
            log=self._log,
            on_result=lambda _: None,
            on_cycle_end=lambda _: None,
        )
        self._server = Server(Address("127.0.0.1", 0), Access(None, self._log), self._log)
        self._state_file = state_file
        self._server.start(pages(self._state))

    def _log(self, line: str) -> None:
        """Drop a line of the log."""

    def work(self) -> None:
        """Do one iteration: report a run, then answer every request."""
        self._count += 1
        finished = result(self._count)
        self._state.set_running(finished.run.target)
        status = self._state.add_result(finished, finished.run.target, 0)
        self._state.add_skipped(1)
        self._state.add_exports({"otlp": 1}, 4096)
        self._state.log_run(status, 0)
        self._state.end_cycle()
        self._state.set_waiting(1.0)
        for path, headers in REQUESTS:
            self._request(path, headers)
        while self._server.open_connections:  # the response arrives before its connection is closed
            time.sleep(0.001)

    def _request(self, path: str, headers: dict[str, str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", int(self._server.server_address[1]), timeout=10)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            if response.status != 200 or not response.read():
                raise AssertionError(f"{path}: expected status 200 with a body, got status {response.status}")
        finally:
            connection.close()

    def close(self) -> None:
        """Stop the server and remove the state."""
        self._server.stop()
        self._state_file.close()
        self._folder.cleanup()


_EXPORTERS: list[Exporter] = []


def run() -> None:
    """Do one iteration."""
    _EXPORTERS[0].work()


def set_up() -> None:
    """Start the exporter."""
    _EXPORTERS.append(Exporter())


def tear_down() -> None:
    """Stop the exporter."""
    _EXPORTERS.pop().close()


service_exporter = PerformanceEval(
    func=run, setup=set_up, teardown=tear_down, name="Service exporter", num_iterations=18, warmup_runs=6
)
